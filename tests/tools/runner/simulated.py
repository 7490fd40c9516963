"""Commands that stand for runs, and what became of them."""

import json
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kindling.tools.runner.executors import Executor, Local
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool

FAKE = Path(__file__).with_name("fake.py")
EPOCHS = 4


@dataclass
class Fake:
    """What stands for the command of a run.

    Args:
        seconds: Of an epoch.
        failing: Titles of the runs that fail.
        level: Where the scores of a run come down to.
        settings: That a run gets, if other than those it should have.
    """

    seconds: float = 0.0
    failing: Collection[str] = ()
    level: Callable[[PlannedRun], float] = lambda planned: 0.0
    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class FakeRun(PlannedRun):
    """A run whose command is stood in for wherever it is made, in another process as well."""

    fake: Fake = field(default_factory=Fake, compare=False)

    def command(self, threads: int) -> list[str]:
        run = self.unfinished()
        wanted: dict[str, Any] = {
            "settings": self.fake.settings or self.settings,
            "seconds": self.fake.seconds,
            "fails": self.title in self.fake.failing,
            "level": self.fake.level(self),
            "epochs": EPOCHS,
            "tests": self.verb != "fit",
        }
        place = run or self.folder / self.task / "version_0"
        words = ["resume" if run else self.verb, str(place), json.dumps(wanted)]
        return [sys.executable, str(FAKE), "-", *words]


def fake_runs(folder: Path, count: int) -> list[PlannedRun]:
    settings: dict[str, Any] = {"trainer.max_epochs": EPOCHS}
    return [
        FakeRun(f"run {k}", "t", folder / str(k), [], settings | {"seed_everything": k})
        for k in range(count)
    ]


def work(
    wanted: Sequence[PlannedRun],
    executor: Executor | None = None,
    **fake: Any,
) -> dict[str, str]:
    """Execute runs by the command that is described; those that failed, and why."""
    faked = [replace(run, fake=Fake(**fake)) for run in wanted]
    pool = Pool(faked, executor or Local(len(wanted), 2))
    pool.work()
    return pool.failed


def starts(*folders: Path) -> list[list[str]]:
    """What the processes of each folder's run noted, without their numbers."""
    paths = [folder / "starts.txt" for folder in folders]
    lines = [path.read_text().splitlines() if path.exists() else [] for path in paths]
    return [[line.split()[0] for line in noted] for noted in lines]


def noted(wanted: Sequence[PlannedRun]) -> list[list[str]]:
    return starts(*(run.folder for run in wanted))


def wait(reached: Callable[[], object]) -> None:
    patience = time.monotonic() + 100
    while not reached():
        assert time.monotonic() < patience
        time.sleep(0.05)
