"""A series in one CSV file, split in time."""

from pathlib import Path

from kindling.data.samples import write_series
from kindling.series.datamodule import SeriesDataModule


class TaskNameDataModule(SeriesDataModule):
    """Windows of a regular series, and the value that follows each."""

    task = "task_name"

    def write_sample(self, folder: Path) -> None:
        write_series(folder / self.train_file, self.time, self.value)
