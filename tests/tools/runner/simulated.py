"""Commands that stand for runs, and what became of them."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kindling.tools.runner.planned import PlannedRun

FAKE = Path(__file__).with_name("fake.py")
EPOCHS = 4


class Fake:
    """What stands for the command of a run.

    Args:
        seconds: Of an epoch.
        failing: Whether the run of a title fails.
        level: Where the scores of a run come down to.
    """

    def __init__(
        self,
        seconds: float = 0.0,
        failing: Callable[[str], bool] = lambda title: False,
        level: Callable[[PlannedRun], float] = lambda planned: 0.0,
    ) -> None:
        self.seconds, self.failing, self.level = seconds, failing, level

    def command(self, planned: PlannedRun) -> list[str]:
        run = planned.unfinished()
        place = run or planned.folder / planned.task / "version_0"
        wanted: dict[str, Any] = {
            "settings": planned.settings,
            "seconds": self.seconds,
            "fails": self.failing(planned.title),
            "level": self.level(planned),
            "epochs": EPOCHS,
            "tests": planned.verb != "fit",
        }
        words = ["resume" if run else planned.verb, str(place), json.dumps(wanted)]
        return [sys.executable, str(FAKE), "-", *words]

    @contextmanager
    def standing_in(self) -> Iterator[None]:
        def command(planned: PlannedRun, threads: int) -> list[str]:
            return self.command(planned)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PlannedRun, "command", command)
            yield


@dataclass(frozen=True)
class FakeRun(PlannedRun):
    """A run whose command is stood in for wherever it is made, in another process as well."""

    fake: Fake = field(default_factory=Fake, compare=False)

    def command(self, threads: int) -> list[str]:
        return self.fake.command(self)


def fake_runs(folder: Path, count: int, fake: Fake) -> list[PlannedRun]:
    settings: dict[str, Any] = {"trainer.max_epochs": EPOCHS}
    return [
        FakeRun(f"run {k}", "t", folder / str(k), [], settings | {"seed_everything": k}, fake=fake)
        for k in range(count)
    ]


def starts(folder: Path) -> list[str]:
    """What the processes of a folder's run noted, without their numbers."""
    path = folder / "starts.txt"
    return [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []


def wait(reached: Callable[[], object]) -> None:
    patience = time.monotonic() + 100
    while not reached():
        assert time.monotonic() < patience
        time.sleep(0.05)
