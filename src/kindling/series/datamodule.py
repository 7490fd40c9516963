"""The data module of series: windows over the last values and those to come, split in time."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName
from kindling.data.numbers import at_least
from kindling.data.samples import write_series
from kindling.data.sources import DatasetSources, SeriesSource
from kindling.data.split import split_config
from kindling.errors import UserError
from kindling.series import schema
from kindling.series.calendar import Calendar, span
from kindling.series.clock import check_zone
from kindling.series.columns import SeriesColumns
from kindling.series.grid import Problems
from kindling.series.panel import Panel
from kindling.series.read import read_panel, read_rows
from kindling.series.splits import Segment, TimeSplit, context
from kindling.series.windows import SeriesBatch, Windows, head_names

MOST = 20_000_000
"""Largest number of values to forecast in an evaluated part; all are kept until it is scored."""

_log = logging.getLogger(__name__)


class SeriesDataModule(DataModule):
    """Windows of a regular series, or of several, in one or two CSV files.

    Args:
        input: CSV file to forecast from, with the columns of the training file.
        train: Training file, from which validation blocks are held out.
        test: Test file; null cuts the last part off the training file.
        time: Name of the time column, or of two: the date and the time of day.
        value: Name of the column to forecast, or of several.
        inputs: Names of further columns, known once they were measured.
        known: Names of further columns that are known ahead, such as a price or a holiday. The file
            to forecast from has them for the steps to come too.
        series: Name of the column that says which of several series a row is of. One model learns
            all of them; each is cut in time and scaled by itself.
        wide: Columns that are a series each, in a file without a column of series' names: names,
            or patterns such as "MT_*"; "*" takes all without another role. Predictions name the
            series in a column "series".
        dayfirst: Whether 01/02 is the first of February; null finds out, and asks where it cannot.
        timezone: Zone of times without an offset, such as "Europe/Berlin", whose clocks change.
        missing: Words for a missing value, such as "?" or "-", besides an empty cell, NA and the
            like.
        decimal: Decimal mark of the file's numbers, if they leave it open.
        resample: Length of the steps, such as "15min", "1h", "1d" or "1m" (months), of a file whose
            rows have no regular step: each step is the mean of its rows. Null finds the step.
        problems: How to handle gaps, missing values, duplicates and unsorted rows.
        window: Steps that a forecast looks back on.
        lags: Further inputs of each step, as times before the next step: "1d", "7d"; of a monthly
            series "1m", "1q", "1y"; of business days "5d" is "1w".
        calendar: Add the next step's time of day and day of the week; of months, the month of the
            quarter and of the year.
        horizon: Steps that are forecast at once.
        stride: Steps from one evaluated forecast to the next, where all would be too many.
        overlap: Let windows of validation and test begin in the steps before, so that each step of
            these parts is forecast, as a short series needs.
        val_fraction: Share of the training steps held out for validation.
        val_blocks: Blocks over which validation is spread, fewer if they would be too short; 1
            holds out the last part.
        test_fraction: Share of the series that is the test part, where there is no test file.
        folds: Parts of a cross-validation of the training file by rolling origin: each is the test
            once, instead of the test file, of a model trained on all before it.
        fold: The part that is the test; the first has the least training data.
    """

    restored: ClassVar[Sequence[str]] = ("step", "statistics")
    inputs: int  # of a step, F; what a model needs to know
    values: int  # of the series among them, V * (1 + lags)
    targets: Sequence[str]  # the columns to forecast
    panel: bool  # there are several series

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "train.csv",
        test: str | None = None,
        time: str | Sequence[str] = "timestamp",
        value: str | Sequence[str] = "value",
        inputs: Sequence[str] = (),
        known: Sequence[str] = (),
        series: str | None = None,
        wide: str | Sequence[str] = (),
        dayfirst: bool | None = None,
        timezone: str | None = None,
        missing: Sequence[str] = (),
        decimal: Literal[".", ","] | None = None,
        resample: str | None = None,
        problems: Problems = "error",
        window: int = 96,
        lags: Sequence[str] = (),
        calendar: bool = False,
        horizon: int = 1,
        stride: int = 1,
        overlap: bool = False,
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
        self.columns = SeriesColumns(
            time, value, dayfirst, zone, tuple(missing), tuple(inputs), tuple(known), series,
            resample, (wide,) if isinstance(wide, str) else tuple(wide), decimal,
        )  # fmt: skip
        if resample:
            Calendar.every(resample)  # refused here if it is no length
        self.targets, self.problems = self.columns.values, problems
        self.panel = self.columns.names_series is not None
        if not self.targets:
            raise UserError("data.value=[]: names no column to forecast")
        if wide and (series is not None or len(self.targets) > 1):
            raise UserError(
                "data.wide replaces data.series and several data.value; set one of them"
            )
        self.window = at_least("data.window", window, 1)
        self.horizon = at_least("data.horizon", horizon, 1)
        self.stride = at_least("data.stride", stride, 1)
        if known and window < horizon:
            fault = f"data.window={window}: must hold the columns known ahead (data.known)"
            raise UserError(f"{fault}; set --data.window={horizon}, the horizon, or more")
        self.lags = [lag for lag in lags if span(lag)]
        self.calendar, self.values = calendar, len(self.targets) * (1 + len(lags))
        self.inputs = self.values + 4 * calendar + len(inputs) + len(known)
        self.overlap, self.val_blocks = overlap, at_least("data.val_blocks", val_blocks, 1)
        self.step: int | str = 0  # from the training file or a checkpoint, as are the statistics
        self.statistics: dict[str, list[list[float]]] = {}

    @property
    def target_names(self) -> Mapping[str, str]:
        return dict(zip(head_names(self.targets), self.targets, strict=True))

    def read(self) -> Mapping[SplitName, Windows]:
        whole = self._read(self.file("train", self.train_file))
        assert whole.timeline is not None
        self.step = whole.timeline.calendar.length
        tested = whole
        if self.test_file is not None:
            tested = self._read(self.file("test", self.test_file))
        cut = TimeSplit(
            self.cut, self.val_blocks, self.overlap, self.window, self._lags(), self.horizon
        )  # fmt: skip
        parts, left = cut(whole, tested)
        cut.require_length(parts, whole, tested)
        self.statistics = {
            name: self._moments(whole, training)
            for name, training in zip(whole.names, left, strict=True)
            if training[0].stop > training[0].start
        }
        if new := [name for name in tested.names if name not in self.statistics]:
            fault = f"the training part has no rows of {self.columns.names_series} {_named(new)}"
            raise UserError(f"{fault}; leave these series out, or predict them")
        whole, tested = (part.with_statistics(self.statistics) for part in (whole, tested))
        return {
            split: self._windows(split, tested if split == "test" else whole, segments)
            for split, segments in parts.items()
        }

    def read_input(self, path: Path) -> Windows:
        panel = self._read(path)
        needed = context(self.window, self._lags())
        ends = list(zip(panel.starts.tolist(), panel.stops.tolist(), strict=True))
        longest = max(stop - start for start, stop in ends)
        if longest < needed:
            raise UserError(
                f"{path}: the predict part has {longest} steps, but a window with its lags "
                f"takes {needed}; give more of the series"
            )
        self._require_known(path, panel)
        known = dict(self.statistics)
        if new := [name for name in panel.names if self.panel and name not in known]:
            _log.warning(
                "%s: not in training, scaled by their own statistics: %s", path, _named(new)
            )
            by_name = dict(zip(panel.names, ends, strict=True))
            known |= {name: self._moments(panel, [Segment(*by_name[name])]) for name in new}
        panel = panel.with_statistics(known)
        return self._windows("predict", panel, [Segment(*segment) for segment in ends])

    def write_sample(self, folder: Path) -> None:
        """An hourly series, for a problem without a sample of its own."""
        write_series(folder / self.train_file, " ".join(self.columns.times), self.targets[0])

    def files(self) -> Sequence[Path]:
        return [self.root / name for name in (self.train_file, self.test_file) if name]

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[str]]:
        """The time of each forecast step; of several steps, each is a row."""
        windows = self.splits[split]
        assert isinstance(windows, Windows)
        target, segment = windows.locate(index)
        steps = torch.arange(self.horizon).repeat(len(target))
        target, home = (
            part.repeat_interleave(self.horizon) for part in (target, windows.home[segment])
        )
        names = windows.panel.names
        found: dict[str, Sequence[Any]] = {}
        if self.columns.names_series:
            found[self.columns.names_series] = [names[k] for k in home.tolist()]
        time = " ".join(self.columns.times)
        if self.horizon > 1:
            taken = {time, *found}
            origin, step = (f"{name}_" if name in taken else name for name in ("origin", "step"))
            found[origin] = windows.panel.written(target - 1, home)
            found[step] = (steps + 1).tolist()
        return found | {time: windows.panel.written(target + steps, home)}

    def groups(self, split: SplitName, index: Tensor) -> Mapping[str, Tensor]:
        """Which of the samples are of each series, where there are several."""
        windows = self.splits[split]
        if not self.panel or not isinstance(windows, Windows):
            return {}
        home = windows.home[windows.locate(index)[1]]
        order, counts = home.argsort(stable=True), home.bincount(minlength=1)
        parts = torch.split(order, counts.tolist())
        return {windows.panel.names[k]: part for k, part in enumerate(parts) if len(part)}

    def block_length(self, samples: int) -> int:
        """A week, or a day of a series that is short; no shorter than what windows share."""
        steps = [max(length, self.horizon) for length in Calendar.of(self.step or 1).neighbours()]
        lengths = [-(-length // self.stride) for length in steps]
        return next((length for length in lengths if samples >= 10 * length), 1)

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        step, horizon, known = Calendar.of(self.step), self.horizon, self.statistics
        lags = dict(zip(self.lags, self._lags(), strict=True))
        moments: Any = {name: table[len(self.targets) :] for name, table in known.items()}
        moments = moments if self.panel else next(iter(moments.values()), [])
        found: dict[str, Mapping[str, Any]] = {
            "window": schema.of_window(self.columns, lags, step),
            "calendar": schema.of_calendar(self.columns, self.calendar, step, horizon, moments),
        }
        if self.panel:
            found["statistics"] = schema.of_statistics(known)
        heads = self.target_names.items()
        return found | {head: schema.of_forecast(name, horizon) for head, name in heads}

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

    def _read(self, path: Path) -> Panel:
        length = self.step or None
        series = read_panel(path, self.columns, problems=self.problems, length=length)
        calendar = next(iter(series.values())).calendar
        if length and calendar.length != length:
            here, there = calendar.name, Calendar.of(length).name
            fault = f"a step is {here}, but {there} in the training series"
            raise UserError(f"{path}: {fault}; set --data.resample to one length for both")
        return Panel.of(series, len(self.targets), len(self.columns.known))

    def _moments(self, panel: Panel, segments: list[Segment]) -> list[list[float]]:
        """Mean, deviation and seasonal naive error of each column of a series."""
        season = next((lag for lag in self._naive() if lag > 1), 1)
        return [
            [*panel.moments(c, segments), panel.naive_error(c, segments, season)]
            for c in range(len(panel.values))
        ]

    def _require_known(self, path: Path, panel: Panel) -> None:
        """Refuse a file without the columns known ahead at the steps to forecast."""
        if not self.columns.known:
            return
        ends = torch.cat([panel.starts[1:], torch.tensor([panel.values.shape[1]])])
        for k, (stop, end) in enumerate(zip(panel.stops.tolist(), ends.tolist(), strict=True)):
            if end - stop < self.horizon:
                home = torch.tensor([k, k])
                last, needed = panel.written(torch.tensor([end - 1, stop + self.horizon - 1]), home)
                name = f", series {panel.names[k]!r}" if self.panel else ""
                raise UserError(
                    f"{path}{name}: {', '.join(self.columns.known)} (--data.known) must be there "
                    f"until {needed}, but the last row is {last}; add the rows between"
                )

    def _windows(self, split: SplitName, panel: Panel, segments: list[Segment]) -> Windows:
        assert panel.timeline is not None
        ahead, phases = split == "predict", panel.timeline.phases if self.calendar else None
        # Each step of a file is predicted once; training takes all windows.
        stride = {"train": 1, "predict": self.horizon}.get(split, self.stride)
        windows = Windows(
            panel, segments, self.window, self._lags(), self._naive(), phases, ahead,
            horizon=self.horizon, stride=stride, overlap=self.overlap and split != "train",
        )  # fmt: skip
        if not len(windows):
            raise UserError(f"the {split} part has no measured value to predict; add to the file")
        forecasts = len(windows) * self.horizon * len(self.targets)
        if split != "train" and forecasts > MOST:
            stride = -(-forecasts * self.stride // MOST)
            stride = -(-stride // self.horizon) * self.horizon  # each step as often as any other
            fault = f"the {split} part has {forecasts:,} values to forecast, more than {MOST:,}"
            cure = f"set --data.stride={stride} to take only some of the windows"
            raise UserError(f"{fault}; {cure if split != 'predict' else 'give less of the series'}")
        return windows

    def _lags(self) -> list[int]:
        """The lags in steps of the series."""
        return [Calendar.of(self.step).lag(lag) for lag in self.lags]

    def _naive(self) -> list[int]:
        """The lags that the baselines repeat, in steps; 0 for a season that the step rules out."""
        return [1, *Calendar.of(self.step).seasons()]


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
