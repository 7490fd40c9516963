"""A planned run's process, and what it uses. Nothing here imports torch."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any

import psutil

from kindling.runs.folder import write_json
from kindling.tools.runner.planned import PlannedRun

OUTPUT = "output.txt"
USAGE = "usage.json"


class Job:
    """A process that works on a planned run, and holds the lock of its folder while it lives."""

    def __init__(
        self, planned: PlannedRun, held: IO[str], command: Sequence[str], threads: int
    ) -> None:
        self.planned, self.held = planned, held
        self.status: int | None = None
        self._start = time.monotonic()
        goes_on = any(word.startswith("--run=") for word in command)
        starts = usage(planned)["starts"] if goes_on else []
        self._used: dict[str, Any] = {"command": command[3], "peak_mib": None, "seconds": None}
        note(planned, starts=[*starts, self._used], prediction_s=None)
        with (planned.folder / OUTPUT).open("w") as output:
            self._process = psutil.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
                # Where a process cannot inherit it, the lock is held as long as this one lives.
                pass_fds=[] if sys.platform == "win32" else [held.fileno()],
                # Ctrl-C is for the command that started it, which passes it on once.
                start_new_session=True,
            )

    def ended(self) -> bool:
        if self.status is None:
            with suppress(psutil.Error):
                mib = round(self._process.memory_info().rss / 1024**2, 1)
                self._used["peak_mib"] = max(mib, self._used["peak_mib"] or 0.0)
            self.status = self._process.poll()
            if self.status is not None:
                self._used["seconds"] = round(time.monotonic() - self._start, 1)
                note(self.planned, starts=[*usage(self.planned)["starts"][:-1], self._used])
        return self.status is not None

    def stop(self) -> None:
        """Let the run save what it has, where a process can be told to."""
        with suppress(psutil.NoSuchProcess):
            self.kill() if sys.platform == "win32" else self._process.terminate()

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            for each in [*self._process.children(recursive=True), self._process]:
                each.kill()

    def complaint(self) -> str:
        """The last line that the process wrote, unless it ended well: then, what else is wrong."""
        if self.status == 0:
            return "made with other settings; was a configuration edited meanwhile? start again"
        lines = (self.planned.folder / OUTPUT).read_text(errors="replace").split("\n")
        message = next((line.strip() for line in reversed(lines) if line.strip()), "no word")
        return f"exit status {self.status}: {message.removeprefix('kindling: ')}"


def usage(planned: PlannedRun) -> dict[str, Any]:
    """What the run's processes have used; peaks as far as somebody was there to see them."""
    path = planned.folder / USAGE
    return dict(json.loads(path.read_text())) if path.exists() else {"starts": []}


def note(planned: PlannedRun, **values: Any) -> None:
    write_json(planned.folder / USAGE, {**usage(planned), **values})
