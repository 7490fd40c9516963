"""A TensorBoard for as long as it is looked at."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kindling.errors import UserError


@contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """The address of a TensorBoard over ``logs/.tensorboard`` or the like, on a free port.

    It ends with the block, and calls the folder as it is called two folders up.

    Raises:
        UserError: It does not start.
    """
    home = folder.parents[1]
    logdir = f"--logdir={folder.relative_to(home)}"
    command = [sys.executable, "-m", "tensorboard.main", logdir, "--port=0"]
    with tempfile.TemporaryFile("a+") as message:  # what is read moves no writer
        process = subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=message)
        try:
            yield _address(process, message)
        finally:
            process.terminate()
            process.wait()


def _address(process: "subprocess.Popen[bytes]", message: Any, seconds: float = 60) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        message.seek(0)
        if found := re.search(r"TensorBoard \S+ at (http://\S+)", message.read()):
            return found[1]
        time.sleep(0.1)
    message.seek(0)
    raise UserError(f"TensorBoard did not start: {' '.join(message.read().split())[-500:]}")
