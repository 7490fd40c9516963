"""The data module of series: windows over the last values and the value to come, split in time."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from kindling.data.datamodule import STAGES, DataModule, SplitName, at_least, split_config
from kindling.data.samples import write_series
from kindling.data.sources import DatasetSources, SeriesSource
from kindling.data.split import rolling_origin
from kindling.errors import UserError
from kindling.series.read import Problems, Series, read_series
from kindling.series.rows import read_rows
from kindling.series.windows import DAY, SECOND, WEEK, Segment, Windows, blocks, context

MONDAY = 3 * DAY  # from a Monday's midnight to the epoch, which was a Thursday
UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": WEEK}


class SeriesDataModule(DataModule):
    """Windows of a regular series in one or two CSV files.

    Args:
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
    """

    restored: ClassVar[Sequence[str]] = ("step",)
    inputs: int  # of a step, F; what a model needs to know
    values: int  # of the series among them, V

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "train.csv",
        test: str | None = None,
        time: str = "timestamp",
        value: str = "value",
        problems: Problems = "error",
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
        self.train_file, self.test_file = train, test if folds is None else None
        test_file = self.test_file is not None
        self.cut = split_config(val_fraction, test_fraction, 0, folds, fold, test_file)
        self.time, self.value, self.problems = time, value, problems
        self.window = at_least("data.window", window, 1)
        self.lags = [_duration(lag) for lag in lags]
        self.calendar, self.values = calendar, 1 + len(lags)
        self.inputs = self.values + 4 * calendar
        self.val_blocks = at_least("data.val_blocks", val_blocks, 1)
        self.step = 0  # in microseconds, from the training file or a checkpoint
        self.series: dict[SplitName, Series] = {}

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"value": self.value}

    def read(self) -> Mapping[SplitName, Windows]:
        whole = self._read(self.file("train", self.train_file))
        self.step = int(whole.step.astype(np.int64))
        steps, test, held_out = self._hold_out(whole)
        # As many validation blocks as leave each twice as long as what a window takes.
        fitting = int(steps * self.cut.val_fraction) // (2 * context(self.window, self._lags()))
        count = max(1, min(self.val_blocks, fitting))
        kept, validation = blocks(steps, self.cut.val_fraction, count)
        self.series = {"train": whole, "val": whole, "test": test, "predict": test}
        parts = zip(STAGES, (kept, validation, [held_out]), strict=True)
        return {split: self._windows(split, segments) for split, segments in parts}

    def read_input(self, path: Path) -> Windows:
        self.series = {"predict": (whole := self._read(path))}
        return self._windows("predict", [Segment(0, len(whole))], ahead=True)

    def write_sample(self, folder: Path) -> None:
        """An hourly series, where a problem has no sample of its own."""
        write_series(folder / self.train_file, self.time, self.value)

    def files(self) -> Sequence[Path]:
        return [self.root / name for name in (self.train_file, self.test_file) if name]

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
        spans = [str(timedelta(microseconds=lag)).removesuffix(", 0:00:00") for lag in self.lags]
        window = {
            "meaning": "the last values of the series, oldest first; each lag beside them is "
            "counted from the step that follows the row's own",
            "unit": f"of {self.value}",
            "columns": [self.value, *(f"{span} before" for span in spans)],
            "step": str(timedelta(microseconds=self.step)),
            "lags_in_steps": self._lags(),
        }
        calendar = {
            "meaning": "where the step that follows the row's own lies in its day, counted "
            "from midnight, and in its week, counted from Monday's, as angles",
            "unit": "-1 to 1",
            "columns": [f"{w} of the {p}" for p in ("day", "week") for w in ("sine", "cosine")],
        }
        value = {"meaning": f"the next {self.value}", "unit": f"of {self.value}"}
        return {"window": window, "calendar": calendar, "value": value}

    def sources(self) -> DatasetSources:
        mended, there = self.problems != "error", filter(Path.is_file, self.files())
        reads = ((path, partial(read_rows, path, self.time, self.value)) for path in there)
        series = [SeriesSource(path, self.value, read, mended) for path, read in reads]
        return DatasetSources(series=series)

    def _read(self, path: Path) -> Series:
        series = read_series(path, self.time, self.value, self.problems)
        if (step := int(series.step.astype(np.int64))) != (trained := self.step or step):
            here, there = (timedelta(microseconds=n) for n in (step, trained))
            fault = f"a step is {here}, but {there} in the training series"
            raise UserError(f"{path}: {fault}; resample it")
        return series

    def _hold_out(self, whole: Series) -> tuple[int, Series, Segment]:
        """How many steps are left to learn from, and where the test part lies."""
        steps = len(whole)
        if self.test_file is not None:
            test = self._read(self.file("test", self.test_file))
            return steps, test, Segment(0, len(test))
        origin, stop = steps - round(steps * self.cut.test_fraction), steps
        if self.cut.folds is not None:
            origin, stop = rolling_origin(steps, self.cut.folds, self.cut.fold)
        return origin, whole, Segment(origin, stop)

    def _windows(self, split: SplitName, segments: list[Segment], ahead: bool = False) -> Windows:
        series, lags = self.series[split], self._lags()
        needed = context(self.window, lags)
        steps = max(segment.stop - segment.start for segment in segments)
        if steps + ahead <= needed:
            cure = "give more of the series" if ahead else "set a smaller window or fewer lags"
            raise UserError(
                f"the {split} part has {steps} steps, but a window (--data.window) with its lags "
                f"(--data.lags) takes {needed}{'' if ahead else ' and one to predict'}; {cure}"
            )
        # Yesterday and last week, where they are no baseline of their own, are none.
        seasons = [p // self.step * (p % self.step == 0 and p > self.step) for p in (DAY, WEEK)]
        start = int(series.start.astype(np.int64)) + MONDAY
        clock = (start % WEEK, self.step) if self.calendar else None
        values = torch.from_numpy(series.values)
        return Windows(values, segments, self.window, lags, [1, *seasons], clock, ahead)

    def _lags(self) -> list[int]:
        """The lags in steps of the series."""
        for lag in self.lags:
            if lag % self.step:
                span, step = (timedelta(microseconds=n) for n in (lag, self.step))
                raise UserError(f"data.lags: {span} is not a multiple of the series' step ({step})")
        return [lag // self.step for lag in self.lags]


def _duration(lag: str) -> int:
    """Microseconds of "1d" or "12h"."""
    found = re.fullmatch(r"(\d+) *([a-z]+)", lag.strip())
    if found is None or found[2] not in UNITS:
        raise UserError(f'data.lags: "{lag}" is not a duration such as "1d" or "12h"')
    return at_least("data.lags", int(found[1]), 1, 1_000_000) * UNITS[found[2]]
