"""A planned run, and its progress as its folder shows it. Imports no torch."""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import lock_descriptor

from kindling.api.record import RESULTS, Record, Settings
from kindling.errors import UserError
from kindling.runs import folder as runs

LOCK = ".lock"  # held by the command that manages the run
WORK = ".work"  # held by the process that executes it


@dataclass(frozen=True)
class PlannedRun:
    """One run that a command needs."""

    title: str  # what the display calls it
    task: str
    folder: Path  # its own ``--logs``
    flags: list[str]  # all but ``--logs`` and ``--threads``
    settings: Settings  # by which the run is recognized
    verb: str = "train"  # or ``fit``, for a run that is not tested

    def finished(self) -> Path | None:
        """The newest run with these settings for which there is nothing left to do."""
        for run in self._made():
            if self.trained(run) if self.verb == "fit" else (run / RESULTS).is_file():
                return run
        return None

    def unfinished(self) -> Path | None:
        """The newest run with these settings that can be resumed."""
        return next((run for run in self._made() if (run / runs.LAST).is_file()), None)

    def newest(self) -> Path | None:
        """The run that was started last, whatever its settings."""
        return next(iter(self._versions()), None)

    @property
    def max_epochs(self) -> int | None:
        most = self.settings.get("trainer.max_epochs")
        return most if isinstance(most, int) and most > 0 else None

    @property
    def devices(self) -> int:
        """GPUs that the run uses if there are any."""
        devices = self.settings.get("trainer.devices")
        return devices if isinstance(devices, int) and devices > 0 else 1

    def trained(self, run: Path) -> bool:
        """Whether training is complete, even if the run was killed before it recorded that."""
        if not all((run / file).is_file() for file in (runs.BEST, runs.LAST)):
            return False
        record = Record(run)
        # Of an epoch, the training scores are logged last, after the checkpoint is written.
        last = next(iter(record.curves[-1:]), {})
        whole = self.max_epochs == last.get("epoch", -1) + 1 and "train/loss" in last
        return whole or record.seconds is not None

    def command(self, threads: int) -> list[str]:
        """The command that starts the run, or resumes it.

        A run that was killed before its first checkpoint is removed: it holds nothing.
        """
        python, run = [sys.executable, "-m", "kindling"], self.unfinished()
        if run is not None:
            return [*python, "test" if self.trained(run) else self.verb, f"--run={run}"]
        for empty in self._made():
            if not runs.has_checkpoint(empty):
                shutil.rmtree(empty)
        where = [f"--logs={self.folder}", f"--threads={threads}"]
        return [*python, self.verb, *self.flags, *where, "--trainer.enable_progress_bar=false"]

    def hold(self, name: str = WORK) -> IO[str] | None:
        """The lock to manage the run or, by default, to execute it; None if another holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held = (self.folder / name).open("w")
        if lock_descriptor(held.fileno(), blocking=False):
            return held
        held.close()
        return None

    def at_work(self) -> bool:
        """Whether a process executes the run at this moment, on any machine."""
        if held := self.hold():
            held.close()
        return held is None

    def _made(self) -> Iterator[Path]:
        """The runs with these settings, the newest first; others stay where they are."""
        for run in self._versions():
            try:
                made = Record(run).settings
            except UserError:
                continue  # killed while it wrote its configuration
            if all(name in made and made[name] == value for name, value in self.settings.items()):
                yield run

    def _versions(self) -> list[Path]:
        folders = (self.folder / self.task).glob("version_*")
        return sorted(folders, key=lambda run: int(run.name.removeprefix("version_")), reverse=True)
