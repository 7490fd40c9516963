"""Commands that stand for runs, and what became of them."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kindling.tools.runner.planned import PlannedRun

FAKE = Path(__file__).with_name("fake.py")
EPOCHS = 4


class Fake:
    """What stands for the command of a run.

    Args:
        seconds: Of an epoch.
        failing: Whether the run of a title fails.
        level: Where the scores of a run come down to.
        verb: Of a run that begins; one to ``fit`` leaves no test scores.
        mib: Memory that it takes.
    """

    def __init__(
        self,
        seconds: float = 0.0,
        failing: Callable[[str], bool] = lambda title: False,
        level: Callable[[PlannedRun], float] = lambda planned: 0.0,
        verb: str = "train",
        mib: Callable[[str], int] = lambda title: 0,
    ) -> None:
        self.seconds, self.failing, self.level = seconds, failing, level
        self.verb, self.mib = verb, mib

    def __call__(self, planned: PlannedRun, threads: int) -> list[str]:
        run = planned.unfinished()
        place = run or planned.folder / planned.task / "version_0"
        wanted: dict[str, Any] = {
            "settings": planned.settings,
            "seconds": self.seconds,
            "fails": self.failing(planned.title),
            "level": self.level(planned),
            "epochs": EPOCHS,
            "mib": self.mib(planned.title),
            "tests": self.verb != "fit",
        }
        verb = self.verb if run is None else "resume"
        return [sys.executable, str(FAKE), "-", verb, str(place), json.dumps(wanted)]


def starts(folder: Path) -> list[str]:
    """What the processes of a folder's run noted, without their numbers."""
    path = folder / "starts.txt"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def wait(reached: Callable[[], object]) -> None:
    patience = time.monotonic() + 100
    while not reached():
        assert time.monotonic() < patience
        time.sleep(0.05)
