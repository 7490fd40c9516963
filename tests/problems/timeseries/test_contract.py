from pathlib import Path

from kindling.testing import ProblemContract
from problems.timeseries.sample import write_sample


class TestTimeseries(ProblemContract):
    task = "timeseries"
    by_time = True
    beats = ("mse",)
    trainer = {"max_epochs": 2, "limit_train_batches": 30}

    @classmethod
    def write(cls, folder: Path) -> Path:
        folder.mkdir()
        write_sample(folder, days=240)
        return folder
