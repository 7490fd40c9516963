"""A series in one or two CSV files, as windows of its last values and the value to come."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.sources import DatasetSources, SeriesSource
from kindling.data.split import check_fold, rolling_origin
from kindling.errors import UserError
from kindling.series.read import Series, read_series
from kindling.series.rows import read_rows
from kindling.series.windows import DAY, SECOND, WEEK, Segment, Windows, blocks, context
from problems.timeseries.sample import write_sample

MONDAY = 3 * DAY
"""From a Monday's midnight to the epoch, which was a Thursday."""

UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": WEEK}


class TimeseriesDataModule(DataModule):
    """Windows of a regular series, split in time.

    Args:
        root: Folder of the CSV files; null is a generated sample.
        input: CSV file to forecast from, with the columns of the training file.
        train: Training file, from which validation blocks are held out.
        test: Test file; null cuts the last part off the training file.
        time: Name of the time column.
        value: Name of the value column.
        problems: What to do about gaps, missing values, duplicates and unsorted rows.
        window: Steps that a forecast looks back on.
        lags: Further inputs of each step, as times before the step to come: "1d", "7d".
        calendar: Give the time of day and the day of the week of the step to come.
        val_fraction: Share of the training steps that is held out for validation.
        val_blocks: Blocks over which validation is spread, fewer where they would get too short;
            1 holds out the last part.
        test_fraction: Share of the series that is the test part, where there is no test file.
        folds: Parts of a cross-validation of the training file by rolling origin: each is tested
            on once, in place of the test file, by what was trained on all before it.
        fold: The part that is the test; the first has the least before it.
        batch_size: Windows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "timeseries"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "electricity_train.csv",
        test: str | None = "electricity_test.csv",
        time: str = "timestamp",
        value: str = "consumption",
        problems: Literal["error", "interpolate", "drop"] = "error",
        window: int = 96,
        lags: Sequence[str] = (),
        calendar: bool = False,
        val_fraction: float = 0.1,
        val_blocks: int = 4,
        test_fraction: float = 0.2,
        folds: int | None = None,
        fold: int = 0,
        batch_size: int = 512,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        check_fold(folds, fold)
        self.train_file, self.test_file = train, test if folds is None else None
        self.folds, self.fold = folds, fold
        self.time, self.value, self.problems = time, value, problems
        self.window = at_least("data.window", window, 1)
        self.lags = [_duration(lag) for lag in lags]
        self.calendar = calendar
        self.val_fraction = share("data.val_fraction", val_fraction)
        self.val_blocks = at_least("data.val_blocks", val_blocks, 1)
        self.test_fraction = share("data.test_fraction", test_fraction)
        self.step: int | None = None
        self.series: dict[SplitName, Series] = {}

    @property
    def inputs(self) -> int:
        """Inputs of a step, F."""
        return self.values + 4 * self.calendar

    @property
    def values(self) -> int:
        """Values of the series among a step's inputs, V."""
        return 1 + len(self.lags)

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"value": self.value}

    def read(self) -> Mapping[SplitName, Windows]:
        whole = self._read(self.file("train", self.train_file))
        self.step = _microseconds(whole)
        steps = len(whole)
        if self.folds is not None:
            steps, stop = rolling_origin(steps, self.folds, self.fold)
            test, held = whole, Segment(steps, stop)
        elif self.test_file is None:
            steps -= round(steps * self.test_fraction)
            test, held = whole, Segment(steps, len(whole))
        else:
            test = self._read(self.file("test", self.test_file))
            held = Segment(0, len(test))
        self._kept, validation = blocks(steps, self.val_fraction, self._blocks(steps))
        self.series = {"train": whole, "val": whole, "test": test, "predict": test}
        return {
            "train": self._windows("train", self._kept),
            "val": self._windows("val", validation),
            "test": self._windows("test", [held]),
        }

    def read_input(self, path: Path) -> Windows:
        self.series = {"predict": self._read(path)}
        whole = Segment(0, len(self.series["predict"]))
        return self._windows("predict", [whole], ahead=True)

    def files(self) -> Sequence[Path]:
        return [self.root / name for name in (self.train_file, self.test_file) if name]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[str]]:
        windows = self.splits[split]
        assert isinstance(windows, Windows)
        times = self.series[split].timestamps(windows.locate(index)[0].numpy())
        return {self.time: np.char.replace(np.datetime_as_string(times, "s"), "T", " ").tolist()}

    def block_length(self, samples: int) -> int:
        """A week, or a day of a series that is short."""
        week, day = (max(1, period // (self.step or 1)) for period in (WEEK, DAY))
        return next((length for length in (week, day) if samples >= 10 * length), 1)

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        step = str(timedelta(microseconds=self.step or 0))
        spans = [str(timedelta(microseconds=lag)).removesuffix(", 0:00:00") for lag in self.lags]
        waves = [f"{wave} of the {p}" for p in ("day", "week") for wave in ("sine", "cosine")]
        return {
            "window": {
                "meaning": "the last values of the series, oldest first; each lag beside them is "
                "counted from the step that follows the row's own",
                "unit": f"of {self.value}",
                "columns": [self.value, *(f"{span} before" for span in spans)],
                "step": step,
                "lags_in_steps": [self._steps(lag) for lag in self.lags],
            },
            "calendar": {
                "meaning": "where the step that follows the row's own lies in its day, counted "
                "from midnight, and in its week, counted from Monday's, as angles",
                "unit": "-1 to 1",
                "columns": waves,
            },
            "value": {"meaning": f"the next {self.value}", "unit": f"of {self.value}"},
        }

    def sources(self) -> DatasetSources:
        def recorded(path: Path) -> SeriesSource:
            read = partial(read_rows, path, self.time, self.value)
            return SeriesSource(path, self.value, read, self.problems != "error")

        return DatasetSources(series=[recorded(path) for path in self.files() if path.is_file()])

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.step = state_dict["step"]

    def _read(self, path: Path) -> Series:
        series = read_series(path, self.time, self.value, self.problems)
        if (step := _microseconds(series)) != (trained := self.step or step):
            raise UserError(
                f"{path}: a step is {timedelta(microseconds=step)}, "
                f"but {timedelta(microseconds=trained)} in the training series; resample it"
            )
        return series

    def _windows(
        self, split: SplitName, stretches: Sequence[Segment], ahead: bool = False
    ) -> Windows:
        series = self.series[split]
        clock = None
        if self.calendar:
            offset = int(series.start.astype("datetime64[us]").astype(np.int64)) + MONDAY
            clock = (offset % WEEK, self.step or 1)
        lags = [self._steps(lag) for lag in self.lags]
        needed = context(self.window, lags)
        rows = max(stretch.stop - stretch.start for stretch in stretches)
        if rows + ahead <= needed:
            cure = "give more of the series" if ahead else "set a smaller window or fewer lags"
            raise UserError(
                f"the {split} part has {rows} steps, but a window (--data.window) with its lags "
                f"(--data.lags) takes {needed}{'' if ahead else ' and one to predict'}; {cure}"
            )
        values = torch.from_numpy(series.values)
        return Windows(values, stretches, self.window, lags, self._naive(), clock, ahead)

    def _blocks(self, steps: int) -> int:
        """As many validation blocks as leave each twice as long as what a window takes."""
        longest = context(self.window, [self._steps(lag) for lag in self.lags])
        fitting = int(steps * self.val_fraction) // (2 * longest)
        return max(1, min(self.val_blocks, fitting))

    def _naive(self) -> list[int]:
        assert self.step is not None
        seasonal = [
            p // self.step if p % self.step == 0 and p > self.step else 0 for p in (DAY, WEEK)
        ]
        return [1, *seasonal]

    def _steps(self, lag: int) -> int:
        assert self.step is not None
        steps, rest = divmod(lag, self.step)
        if rest or steps < 1:
            raise UserError(
                f"data.lags: {timedelta(microseconds=lag)} is not a multiple of the series' step "
                f"({timedelta(microseconds=self.step)})"
            )
        return steps


def _duration(lag: str) -> int:
    """Microseconds of "1d" or "12h"."""
    found = re.fullmatch(r"(\d+) *([a-z]+)", lag.strip())
    if found is None or found[2] not in UNITS:
        raise UserError(f'data.lags: "{lag}" is not a duration such as "1d" or "12h"')
    return at_least("data.lags", int(found[1]), 1) * UNITS[found[2]]


def _microseconds(series: Series) -> int:
    return int(series.step / np.timedelta64(1, "us"))
