"""How far the run of a cell has got, by what lies in its folder. Nothing here imports torch."""

import json
import shutil
import sys
from pathlib import Path
from typing import IO, Any

from filelock import lock_descriptor

from kindling.errors import UserError
from kindling.runs import folder as runs
from kindling.tools.compare.plan import PlannedRun
from kindling.tools.compare.record import RESULTS, Record

USAGE = "usage.json"
OUTPUT = "output.txt"


def finished(cell: PlannedRun) -> Path | None:
    """The newest run that has test scores and the cell's settings."""
    return next((run for run in _made(cell) if (run / RESULTS).is_file()), None)


def unfinished(cell: PlannedRun) -> Path | None:
    """The newest run with the cell's settings that can be gone on with."""
    return next((run for run in _made(cell) if (run / runs.LAST).is_file()), None)


def command(cell: PlannedRun, threads: int, verb: str = "train") -> list[str]:
    """What goes on with the cell's run, or starts it.

    A run that was killed before its first checkpoint is removed: there is nothing in it.

    Args:
        cell: Whose run.
        threads: Of the process.
        verb: ``train``, or ``fit`` for a run that is not to be tested.
    """
    python = [sys.executable, "-m", "kindling"]
    run = unfinished(cell)
    if run is None:
        for empty in _made(cell):
            if not any((empty / runs.BEST.parent).glob("*.ckpt")):
                shutil.rmtree(empty)
        where = [f"--logs={cell.folder}", f"--threads={threads}"]
        quiet = "--trainer.enable_progress_bar=false"
        return [*python, verb, *cell.flags, *where, quiet]
    return [*python, "test" if trained(cell, run) else verb, f"--run={run}"]


def lock(cell: PlannedRun) -> IO[str] | None:
    """The right to work in the cell's folder, or nothing while another process has it.

    It is held by whoever inherits the file, so that a run that outlives the comparison which
    started it is not started a second time.
    """
    cell.folder.mkdir(parents=True, exist_ok=True)
    held = (cell.folder / ".lock").open("w")
    if lock_descriptor(held.fileno(), blocking=False):
        return held
    held.close()
    return None


def newest(cell: PlannedRun) -> Path | None:
    """The run that was started last, with whatever settings."""
    return next(iter(_versions(cell)), None)


def epochs(cell: PlannedRun) -> int:
    """Epochs that the cell's newest run has behind it."""
    run = newest(cell)
    return _epochs(run) if run else 0


class Usage:
    """What the cell's processes have used: ``usage.json``.

    :mod:`kindling.tools.compare.watch` adds the peak memory at the end of each. It is known if no
    process was killed, and the training time if a single one did it all.
    """

    def __init__(self, cell: PlannedRun) -> None:
        self.path = cell.folder / USAGE
        content = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.starts: list[dict[str, Any]] = content.get("starts", [])
        self.prediction_s: float | None = content.get("prediction_s")

    def start(self, command: str, afresh: bool) -> None:
        if afresh:
            self.starts, self.prediction_s = [], None
        self.starts.append({"command": command, "peak_mib": None})
        self._write()

    def timed(self, prediction_s: float) -> None:
        self.prediction_s = prediction_s
        self._write()

    @property
    def peak_mib(self) -> float | None:
        peaks = [start["peak_mib"] for start in self.starts]
        return None if not peaks or None in peaks else float(max(peaks))

    @property
    def trained_at_once(self) -> bool:
        return [start["command"] for start in self.starts].count("train") <= 1

    def _write(self) -> None:
        unfinished = self.path.with_name(f".{USAGE}")
        content = {"starts": self.starts, "prediction_s": self.prediction_s}
        unfinished.write_text(json.dumps(content, indent=2) + "\n")
        unfinished.replace(self.path)


def _epochs(run: Path) -> int:
    """Those that there is a row of; there can be several of one."""
    return len({row["epoch"] for row in Record(run).curves if "epoch" in row})


def trained(cell: PlannedRun, run: Path) -> bool:
    """Whether the run only has to be tested, also where it was killed before it could say so."""
    if not (run / runs.BEST).is_file():
        return False
    if Record(run).seconds is not None:
        return True
    most = cell.settings.get("trainer.max_epochs")
    # An epoch's training scores are what is logged last of it, after the checkpoint is written.
    last = next(iter(Record(run).curves[-1:]), {})
    return most == last.get("epoch", -1) + 1 and "train/loss" in last


def _made(cell: PlannedRun) -> list[Path]:
    """The runs with the cell's settings, the newest first; others stay where they are."""
    return [run for run in _versions(cell) if _matches(cell, run)]


def _matches(cell: PlannedRun, run: Path) -> bool:
    try:
        made = Record(run).settings
        return all(name in made and made[name] == value for name, value in cell.settings.items())
    except UserError:
        return False  # killed while it wrote its configuration


def _versions(cell: PlannedRun) -> list[Path]:
    folders = (cell.folder / cell.task).glob("version_*")
    return sorted(folders, key=lambda run: int(run.name.removeprefix("version_")), reverse=True)
