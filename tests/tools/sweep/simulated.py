"""A study over fake runs: a learning rate, and a level that is lowest at one of 0.001."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution

from kindling.tools.runner.executors import Local
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.sweep.space import Space
from kindling.tools.sweep.study import Sweep
from tests.tools.runner import simulated
from tests.tools.runner.simulated import EPOCHS, Fake, FakeRun


class FakeSweep(Sweep):
    fake = Fake()

    def planned(self, trial: Any) -> PlannedRun:
        return FakeRun(**vars(super().planned(trial)), fake=self.fake)


def study(
    folder: Path,
    wanted: int = 3,
    jobs: int = 2,
    high: float = 1e-1,
    data: str = "f" * 64,
    **changed: object,
) -> FakeSweep:
    """The study in a folder, with other settings as they are given."""
    fixed = {
        "seed_everything": 0,
        "model": "m",
        "trainer.max_epochs": EPOCHS,
        "checkpoint.monitor": "val/loss",
        "checkpoint.mode": "min",
        **changed,
    }
    lr, hidden = FloatDistribution(1e-5, high, log=True), CategoricalDistribution(["[8]", "[8, 8]"])
    searched = {"model.lr": lr, "model.hidden": hidden}
    space = Space("t", Path("space.yaml"), ["--config=t"], searched, fixed)
    return FakeSweep(folder, space, data, wanted, Local(wanted, jobs))


def work(
    folder: Path,
    wanted: int,
    jobs: int = 2,
    seconds: float = 0.0,
    failing: Iterable[int] = (),
    level: Callable[[int], float] | None = None,
) -> None:
    """Work on a study whose trials are known by their numbers."""

    def reached(planned: PlannedRun) -> float:
        if level is not None:
            return level(int(planned.folder.name))
        return abs(math.log10(planned.settings["model.lr"]) + 3)

    made = study(folder, wanted, jobs)
    made.fake = Fake(seconds, [f"trial {number}" for number in failing], reached)
    made.work()


def starts(folder: Path) -> dict[int, list[str]]:
    """What each trial's processes noted."""
    numbers = sorted(int(path.name) for path in (folder / "trials").glob("*"))
    noted = simulated.starts(*(folder / "trials" / str(number) for number in numbers))
    return dict(zip(numbers, noted, strict=True))
