"""The electricity load of a client of the Portuguese grid, every quarter of an hour."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kindling.series.datamodule import SeriesDataModule
from problems.timeseries.sample import write_sample


class TimeseriesDataModule(SeriesDataModule):
    """Windows of a regular series, split in time."""

    task = "timeseries"

    def __init__(
        self,
        train: str = "electricity_train.csv",
        test: str | None = "electricity_test.csv",
        value: str | Sequence[str] = "consumption",
        **settings: Any,
    ) -> None:
        super().__init__(train=train, test=test, value=value, **settings)

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)
