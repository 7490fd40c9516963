"""A study over fake runs: a learning rate, and a level that is lowest at one of 0.001."""

import math
from collections.abc import Callable
from pathlib import Path

from optuna.distributions import CategoricalDistribution, FloatDistribution
from rich.console import Console

from kindling.tools.runner.executors import Local, Room
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.sweep.space import Space
from kindling.tools.sweep.study import Study
from kindling.tools.sweep.trials import Trials
from tests.tools.runner import simulated
from tests.tools.runner.simulated import EPOCHS


class Fake(simulated.Fake):
    """What stands for the command of a trial's run; trials are known by their number."""

    def __init__(
        self,
        seconds: float = 0.0,
        failing: Callable[[int], bool] = lambda number: False,
        level: Callable[[int], float] | None = None,
    ) -> None:
        def reached(planned: PlannedRun) -> float:
            if level is not None:
                return level(int(planned.folder.name))
            return abs(math.log10(planned.settings["model.lr"]) + 3)

        super().__init__(seconds, lambda title: failing(int(title.split()[1])), reached)


def study(folder: Path, high: float = 1e-1, data: str = "f" * 64, **changed: object) -> Study:
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
    return Study(folder, Space("t", Path("space.yaml"), ["--config=t"], searched), fixed, data)


def work(folder: Path, wanted: int, command: Fake | None = None, jobs: int = 2) -> None:
    with (command or Fake()).standing_in():
        Trials(study(folder), wanted, Room(jobs, 1, Local()), Console(quiet=True)).work()


def starts(folder: Path) -> dict[int, list[str]]:
    """What each trial's processes noted."""
    folders = sorted((folder / "trials").glob("*"), key=lambda path: int(path.name))
    return {int(path.name): simulated.starts(path) for path in folders}
