"""A study over fake runs: a learning rate, and a level that is lowest at one of 0.001."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from kindling.tools.compare import cells
from kindling.tools.compare.plan import PlannedRun
from kindling.tools.sweep.space import Choice, Range, Space, configuration
from kindling.tools.sweep.study import Study
from kindling.tools.sweep.work import Sweep

FAKE = Path(__file__).with_name("fake.py")
EPOCHS = 4


class Fake:
    """What stands for the command of a trial's run.

    Args:
        seconds: Of an epoch.
        failing: Numbers of the trials that fail.
        level: Where a trial's scores come down to; by its learning rate, if not given.
    """

    def __init__(
        self,
        seconds: float = 0.0,
        failing: Callable[[int], bool] = lambda number: False,
        level: Callable[[int], float] | None = None,
    ) -> None:
        self.seconds, self.failing, self.level = seconds, failing, level

    def __call__(self, cell: PlannedRun, threads: int) -> list[str]:
        run = cells.unfinished(cell)
        number = int(cell.folder.name)
        level = abs(math.log10(cell.settings["model.lr"]) + 3)
        if self.level is not None:
            level = self.level(number)
        config = configuration({k: v for k, v in cell.settings.items() if "." in k})
        config["model"]["class_path"] = cell.settings["model"]
        config["seed_everything"] = cell.settings["seed_everything"]
        place = run or cell.folder / "t" / "version_0"
        status = "1" if self.failing(number) else "0"
        words = ["-", "resume" if run else "fit", str(place), json.dumps(config), str(level)]
        return [sys.executable, str(FAKE), *words, str(EPOCHS), str(self.seconds), status]


def study(folder: Path, **changed: object) -> Study:
    """The study in a folder; ``lr``, ``data`` and other settings as they are given."""
    lr = changed.pop("lr", Range(1e-5, 1e-1, log=True))
    data = str(changed.pop("data", "f" * 64))
    assert isinstance(lr, Range)
    searched = {"model.lr": lr, "model.hidden": Choice([[8], [8, 8]])}
    fixed = {
        "seed_everything": 0,
        "model": "m",
        "trainer.max_epochs": EPOCHS,
        "checkpoint.monitor": "val/loss",
        "checkpoint.mode": "min",
        **changed,
    }
    return Study(folder, Space("t", Path("space.yaml"), [], searched), [], fixed, data)


def work(folder: Path, wanted: int, command: Fake, jobs: int = 2) -> Sweep:
    sweep = Sweep(study(folder), wanted, jobs, 1, Console(quiet=True), command)
    sweep.work()
    return sweep


def starts(folder: Path) -> dict[int, list[str]]:
    """What each trial's processes noted, without their numbers."""
    found = sorted((folder / "trials").glob("*/starts.txt"), key=lambda p: int(p.parent.name))
    return {int(p.parent.name): [s.split()[0] for s in p.read_text().splitlines()] for p in found}
