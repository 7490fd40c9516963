"""A web server that cuts connections and answers with errors."""

import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main

Zip = Callable[..., Path]
Fetch = Callable[..., int]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pooch's seconds between two attempts."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)


class Server:
    """Serves ``content``; what each request meets is taken from ``faults``, in turn.

    Faults: ``cut`` ends after half of the content; ``500`` and other statuses.
    """

    def __init__(self) -> None:
        self.content = b""
        self.faults: list[str] = []
        self.asked = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: object) -> None: ...

            def do_GET(self) -> None:
                server.answer(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/set.zip"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault.isdigit():
            request.send_error(int(fault))
            return
        body = self.content
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body[: len(body) // 2] if fault else body)


@pytest.fixture
def server() -> Iterator[Server]:
    serving = Server()
    yield serving
    serving.http.shutdown()
    serving.http.server_close()


@pytest.fixture
def zipped(tmp_path: Path) -> Zip:
    """An archive of texts or bytes by name."""

    def write(files: dict[str, str | bytes], name: str = "set.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in files.items():
                archive.writestr(member, content)
        return tmp_path / name

    return write


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def fetch(data: Path) -> Fetch:
    """The command, with all sets below the test's own folder."""
    return lambda *flags: main(["fetch", f"--data={data}", *flags])


@pytest.fixture
def refuse(data: Path, refused: Any) -> Any:
    """The one line of why nothing was fetched, with nothing left where nothing was."""

    def run(*flags: str) -> str:
        before = left(data)
        message: str = refused("fetch", f"--data={data}", *flags)
        assert left(data) == before
        return message

    return run


def left(data: Path) -> list[str]:
    return sorted(p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file())
