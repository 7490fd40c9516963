"""A series in one CSV file, split in time."""

from kindling.series.datamodule import SeriesDataModule


class TaskNameDataModule(SeriesDataModule):
    """Windows of a regular series, and the value that follows each."""

    task = "task_name"
