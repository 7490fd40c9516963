"""The data module of series: windows over the last values and the value to come, split in time."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from kindling.data.datamodule import STAGES, DataModule, SplitName, Stage
from kindling.data.numbers import at_least
from kindling.data.samples import write_series
from kindling.data.sources import DatasetSources, SeriesSource
from kindling.data.split import rolling_origin, split_config
from kindling.errors import UserError
from kindling.series.calendar import Calendar, span
from kindling.series.clock import check_zone
from kindling.series.read import Problems, Series, read_rows, read_series
from kindling.series.rows import SeriesColumns
from kindling.series.windows import Segment, SeriesBatch, Windows, blocks, context


class SeriesDataModule(DataModule):
    """Windows of a regular series in one or two CSV files.

    Args:
        input: CSV file to forecast from, with the columns of the training file.
        train: Training file, from which validation blocks are held out.
        test: Test file; null cuts the last part off the training file.
        time: Name of the time column, or of two: the date and the time of day.
        value: Name of the value column.
        dayfirst: Whether 01/02 is the first of February; null finds out, and asks where it cannot.
        timezone: Zone of times without an offset, such as "Europe/Berlin", whose clocks change.
        missing: What stands for a missing value, beside an empty cell, NA and the like: "?", "-".
        problems: What to do about gaps, missing values, duplicates and unsorted rows.
        window: Steps that a forecast looks back on.
        lags: Further inputs of each step, as times before the step to come: "1d", "7d"; of a
            monthly series "1m", "1q", "1y"; of business days "5d" is "1w".
        calendar: Give the time of day and the day of the week of the step to come; of months, the
            month of the quarter and of the year.
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
        time: str | Sequence[str] = "timestamp",
        value: str = "value",
        dayfirst: bool | None = None,
        timezone: str | None = None,
        missing: Sequence[str] = (),
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
        zone = timezone and check_zone(timezone)
        self.columns = SeriesColumns(time, value, dayfirst, zone, tuple(missing))
        self.value, self.problems = value, problems
        self.window = at_least("data.window", window, 1)
        self.lags = [lag for lag in lags if span(lag)]
        self.calendar, self.values = calendar, 1 + len(lags)
        self.inputs = self.values + 4 * calendar
        self.val_blocks = at_least("data.val_blocks", val_blocks, 1)
        self.step: int | str = 0  # from the training file or a checkpoint
        self.series: dict[SplitName, Series] = {}

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"value": self.value}

    def read(self) -> Mapping[SplitName, Windows]:
        whole = self._read(self.file("train", self.train_file))
        self.step = whole.calendar.length
        steps, test, held_out = self._hold_out(whole)
        # As many validation blocks as leave each twice as long as what a window takes.
        fitting = int(steps * self.cut.val_fraction) // (2 * context(self.window, self._lags()))
        count = max(1, min(self.val_blocks, fitting))
        kept, validation = blocks(steps, self.cut.val_fraction, count)
        self.series = {"train": whole, "val": whole, "test": test, "predict": test}
        parts = dict(zip(STAGES, (kept, validation, [held_out]), strict=True))
        self._require_length(parts, steps)
        return {split: self._windows(split, segments) for split, segments in parts.items()}

    def read_input(self, path: Path) -> Windows:
        self.series = {"predict": (whole := self._read(path))}
        if len(whole) < (needed := context(self.window, self._lags())):
            raise UserError(
                f"{path}: the predict part has {len(whole)} steps, but a window with its lags "
                f"takes {needed}; give more of the series"
            )
        return self._windows("predict", [Segment(0, len(whole))], ahead=True)

    def write_sample(self, folder: Path) -> None:
        """An hourly series, where a problem has no sample of its own."""
        write_series(folder / self.train_file, " ".join(self.columns.times), self.value)

    def files(self) -> Sequence[Path]:
        return [self.root / name for name in (self.train_file, self.test_file) if name]

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[str]]:
        windows = self.splits[split]
        assert isinstance(windows, Windows)
        steps = windows.locate(index)[0].numpy()
        return {" ".join(self.columns.times): self.series[split].written(steps)}

    def block_length(self, samples: int) -> int:
        """A week, or a day of a series that is short."""
        lengths = Calendar.of(self.step or 1).neighbours()
        return next((length for length in lengths if samples >= 10 * length), 1)

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        step = Calendar.of(self.step)
        monthly = step.kind == "months"
        periods = ("quarter", "year") if monthly else ("day", "week")
        window = {
            "meaning": "the last values of the series, oldest first; each lag beside them is "
            "counted from the step that follows the row's own",
            "unit": f"of {self.value}",
            "columns": [self.value, *(f"{lag} before" for lag in self.lags)],
            "step": step.name,
            "lags_in_steps": self._lags(),
        }
        calendar = {
            "meaning": "where the step that follows the row's own lies in its "
            + (
                "quarter and in its year, as angles"
                if monthly
                else "day, counted from midnight, and in its week, counted from Monday's, as angles"
            ),
            "unit": "-1 to 1",
            "columns": [f"{w} of the {p}" for p in periods for w in ("sine", "cosine")],
        }
        value = {"meaning": f"the next {self.value}", "unit": f"of {self.value}"}
        return {"window": window, "calendar": calendar, "value": value}

    def sources(self) -> DatasetSources:
        there = filter(Path.is_file, self.files())
        series = [SeriesSource(path, partial(read_rows, path, self.columns)) for path in there]
        return DatasetSources(series=series)

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> Any:
        if device.type == "mps" and isinstance(batch, SeriesBatch):  # has no double precision
            batch = SeriesBatch(*(t.float() if t.is_floating_point() else t for t in batch))
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def _read(self, path: Path) -> Series:
        length = self.step or None
        series = read_series(path, self.columns, problems=self.problems, length=length)
        if length and series.calendar.length != length:
            here, there = series.calendar.name, Calendar.of(length).name
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

    def _require_length(self, parts: Mapping[Stage, Sequence[Segment]], steps: int) -> None:
        """Refuse a series that is too short, naming a window that is not too long for it."""
        needed = context(self.window, self._lags())
        sizes = {split: max(s.stop - s.start for s in part) for split, part in parts.items()}
        split, size = min(sizes.items(), key=lambda item: item[1])
        if size > needed:
            return
        # One validation block, the longest there can be, and one step of it to predict.
        held_out = round(steps * self.cut.val_fraction)
        room = min(held_out, steps - held_out, sizes["test"]) - 1
        longest = room - max([0, *(lag - 1 for lag in self._lags())])
        cure = "give more of the series"
        if longest >= 1:
            cure = f"set --data.window={(longest + 1) // 2}"
        elif room >= 1:
            cure = f"set --data.window={(room + 1) // 2} --data.lags=[]"
        raise UserError(
            f"the {split} part has {size} steps, but a window (--data.window) with its lags "
            f"(--data.lags) takes {needed} and one to predict; {cure}"
        )

    def _windows(self, split: SplitName, segments: list[Segment], ahead: bool = False) -> Windows:
        series, lags = self.series[split], self._lags()
        values, filled = torch.from_numpy(series.values), torch.from_numpy(series.filled)
        phases = series.phases if self.calendar else None
        # A season that is no baseline of its own, or no number of steps, is none.
        naive = [1, *series.calendar.seasons()]
        windows = Windows(values, segments, self.window, lags, naive, phases, ahead, filled)
        if not len(windows):
            raise UserError(f"the {split} part has no measured value to predict; add to the file")
        return windows

    def _lags(self) -> list[int]:
        """The lags in steps of the series."""
        return [Calendar.of(self.step).lag(lag) for lag in self.lags]
