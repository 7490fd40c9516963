"""A run in a process of its own. Imports no torch."""

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from kindling.tools.compare import cells
from kindling.tools.compare.cells import Usage
from kindling.tools.compare.plan import PlannedRun

WATCH = Path(__file__).with_name("watch.py")


class Job:
    """A process that works on a cell's run, and holds the cell's lock as long as it lives."""

    def __init__(
        self, cell: PlannedRun, held: IO[str], command: Sequence[str], threads: int
    ) -> None:
        self.cell = cell
        self.status: int | None = None
        self._held = held
        afresh = not any(part.startswith("--run=") for part in command)
        usage = Usage(cell)
        usage.start(command[3], afresh)
        with (cell.folder / cells.OUTPUT).open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-S", str(WATCH), str(usage.path), *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                # Where a process cannot inherit it, the lock is held as long as this one lives.
                pass_fds=[] if sys.platform == "win32" else [held.fileno()],
                # Ctrl-C is for the comparison, which passes it on once.
                start_new_session=True,
            )

    def ended(self) -> bool:
        if self.status is None:
            self.status = self._process.poll()
            if self.status is not None:
                self._held.close()
        return self.status is not None

    def stop(self) -> None:
        """Let the run save what it has, where a process can be told to."""
        if sys.platform == "win32":
            self.kill()
        elif not self.ended():
            self._process.terminate()

    def kill(self) -> None:
        if not self.ended():
            process = psutil.Process(self._process.pid)
            for each in [*process.children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):
                    each.kill()

    def complaint(self) -> str:
        """The last line that the process wrote, unless it ended well: then, what else is wrong."""
        if self.status == 0:
            return "made with other settings; was a configuration edited meanwhile? start again"
        lines = (self.cell.folder / cells.OUTPUT).read_text(errors="replace").split("\n")
        message = next((line.strip() for line in reversed(lines) if line.strip()), "no word")
        return f"exit status {self.status}: {message.removeprefix('kindling: ')}"
