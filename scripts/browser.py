"""Headless Chromium, for pictures of pages and for tests.

It is told what to do by its DevTools protocol over a pipe, which needs no further package:
https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import json
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kindling.errors import UserError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    # In a container there often is nothing to make a sandbox of; only our own pages are opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
)
TEXT = """(() => {
  const found = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node.data.trim());
    if (node.shadowRoot) walk(node.shadowRoot);
    if (!["STYLE", "SCRIPT", "NOSCRIPT"].includes(node.tagName)) node.childNodes.forEach(walk);
  };
  if (document.body) walk(document.body);
  return found.join("\\n");
})()"""
"""All text of a page; TensorBoard keeps a part of its own in shadow trees."""


def find() -> str | None:
    """The command of a Chromium, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def require() -> str:
    """The command of a Chromium.

    Raises:
        UserError: There is none.
    """
    if command := find():
        return command
    raise UserError(f"no Chromium found ({', '.join(NAMES)}); install one, or add it to PATH")


class Page:
    """The only page of a browser.

    Args:
        pipe: To the browser.
        width: Of the window, in pixels.
        height: Of the window.
    """

    def __init__(self, pipe: socket.socket, width: int, height: int) -> None:
        self._pipe, self._received, self._calls = pipe, b"", 0
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = session["sessionId"]
        self.resize(width, height)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result; events in between are not of interest."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._pipe.sendall(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._calls:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._received:
            part = self._pipe.recv(1 << 20)
            if not part:
                raise RuntimeError("Chromium has ended")
            self._received += part
        message, _, self._received = self._received.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, url: str) -> None:
        # From another page, because a change of what follows "#" alone would load nothing.
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def text(self) -> str:
        shown: str = self.evaluate(TEXT)
        return shown

    def wait_for(self, *words: str, seconds: float = 60) -> str:
        """The page's text, as soon as all the words are in it."""
        end = time.monotonic() + seconds
        while missing := [word for word in words if word not in (text := self.text())]:
            if time.monotonic() > end:
                raise TimeoutError(f"not on the page: {', '.join(missing)}; there is:\n{text}")
            time.sleep(0.2)
        return text

    def resize(self, width: int, height: int) -> None:
        """Give the window another size, in pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def screenshot(self) -> bytes:
        """A PNG of the window as it is."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def still(self, seconds: float = 60) -> bytes:
        """A PNG of the window, once it has not changed for a second: nothing spins or fades."""
        end = time.monotonic() + seconds
        shots = [self.screenshot()]
        while len(set(shots[-3:])) > 1 or len(shots) < 3:
            if time.monotonic() > end:
                raise TimeoutError("the page does not come to rest")
            time.sleep(0.5)
            shots.append(self.screenshot())
        return shots[-1]


@contextmanager
def chromium(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A page of a browser of its own, which ends with the block.

    Raises:
        UserError: There is no Chromium.
    """
    command = require()
    ours, its = socket.socketpair()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile, ours:
        process = _spawn([command, *FLAGS, f"--user-data-dir={profile}"], profile, its)
        its.close()
        ours.settimeout(60)
        try:
            yield Page(ours, width, height)
        finally:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)


def _spawn(arguments: list[str], folder: str, pipe: socket.socket) -> int:
    """Start a program that reads commands from descriptor 3 and writes answers to 4.

    It is the first of a group of processes, and leaves no files but in the folder.
    """
    ends = [(os.POSIX_SPAWN_DUP2, pipe.fileno(), number) for number in (3, 4)]
    quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    environment = {**os.environ, "TMPDIR": folder}
    return os.posix_spawn(
        arguments[0], arguments, environment, file_actions=[*ends, *quiet], setpgroup=0
    )
