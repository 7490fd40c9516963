"""Windows of series as views of one tensor; no window leaves its segment.

N: steps of all series, B: batch, T: steps in a window, H: steps to forecast, V: columns to
forecast, L: lags, C: what else is known of a step, K: baselines.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kindling.data.dataset import BatchDataset
from kindling.errors import UserError
from kindling.series.panel import Panel
from kindling.series.splits import Segment, context

BASELINES = ("last value", "same time yesterday", "same time last week", "same time last year")
"""In the order of a batch's ``naive``, which may have fewer, depending on the step."""

Phases = Callable[[Any], npt.NDArray[np.float64]]


class SeriesBatch(NamedTuple):
    """Windows and the values that follow each, all values in double precision.

    A model subtracts a level, such as the last value, and continues in single precision, which
    cannot hold the changes of a meter that stands at 1,234,567,890.

    Shape:
        ``window`` ``(B, T, V * (1 + L))``: the columns to forecast, then the same a lag before the
        step that follows each, lag by lag. ``calendar`` ``(B, T, C)``, in single precision: where
        the step that follows lies in two periods, 4 columns or none; further columns of the step;
        columns that are known ahead, of the step H later. These are standardized. ``target``
        ``(B, H, V)``, NaN where it is still unknown or was not measured; without H where it is 1,
        or without V. Of one value a step ahead, that is ``(B,)``. ``naive`` ``(B, K, ...)``: the
        values that the baselines repeat, NaN where they lie before what windows may hold.
        ``indices`` ``(B,)``: of samples in their split. ``statistics`` ``(B, V, 3)`` of the series
        in training: mean, standard deviation, mean absolute error of the seasonal naive forecast.
    """

    window: Tensor
    calendar: Tensor
    target: Tensor
    naive: Tensor
    indices: Tensor
    statistics: Tensor

    def baselines(self) -> dict[str, Tensor]:
        """The forecast of each baseline, shaped like ``target``: the value at its lag.

        Beyond its lag, a baseline repeats what is known when the forecast is made.
        """
        return dict(zip(BASELINES, self.naive.unbind(1), strict=False))


class Windows(BatchDataset[SeriesBatch]):
    """Every window whose H targets, and whose context too unless they overlap, lie in a segment.

    A window counts if a target of its first step was measured; unmeasured later targets are NaN. A
    filled value is known only once the measured value after it is: a window that ends before that
    has the last measured value in its place.

    Args:
        series: ``(N,)`` or ``(V, N)``, or series with further columns; shared by all splits.
        segments: Segments of this split.
        length: Steps in a window, T.
        lags: Further inputs, in steps before the step to come.
        naive: Lags that the baselines repeat, in steps; 0 for a baseline that the step rules out.
        phases: Of steps in two periods, where the calendar is an input: ``(...)`` to ``(..., 2)``.
        filled: Steps whose values were not measured, in order, of a series that is a tensor.
        ahead: Include the window after the last step, whose targets are not known yet.
        horizon: Steps to forecast, H.
        stride: Windows from one to the next, back from each segment's last.
        overlap: Let windows begin before their segment, in earlier steps of its series.
    """

    def __init__(
        self,
        series: Tensor | Panel,
        segments: Sequence[Segment],
        length: int,
        lags: Sequence[int] = (),
        naive: Sequence[int] = (1,),
        phases: Phases | None = None,
        ahead: bool = False,
        filled: Tensor | None = None,
        horizon: int = 1,
        stride: int = 1,
        overlap: bool = False,
    ) -> None:
        if isinstance(series, Tensor):
            filled = torch.empty(0, dtype=torch.int64) if filled is None else filled
            columns = series.reshape(-1, series.shape[-1])
            series = Panel(columns, filled, len(columns))
        self.panel, self.length, self.phases = series, length, phases
        self.segments, self.lags, self.naive = tuple(segments), tuple(lags), tuple(naive)
        self.horizon, self.stride, self.targets = horizon, stride, series.targets
        self.ahead = ahead
        self.context = context(length, lags)
        self.first, self.stop = (torch.tensor(ends) for ends in zip(*segments, strict=True))
        self.home = torch.bucketize(self.first, series.starts, right=True) - 1
        # The first step that a window may contain.
        self.origin = series.starts[self.home] if overlap else self.first
        begin = (self.origin + self.context).maximum(self.first)
        end = (self.stop + 1 - (0 if ahead else horizon)).maximum(begin)
        rows = series.unmeasured_rows
        skipped = rows.measured_before(begin)
        all_windows = rows.measured_before(end) - skipped
        counts = (all_windows + stride - 1) // stride
        self.anchor = skipped + all_windows - 1 - (counts - 1) * stride
        self.ends = counts.cumsum(0)
        self.values = series.values.reshape(-1)  # no copy
        self.views = self.values.unfold(0, length, 1)
        self._lay_out(series)

    def _lay_out(self, panel: Panel) -> None:
        """Offsets of all gathered values from the target, counted through all columns."""
        columns = torch.arange(len(panel.values)) * panel.values.shape[1]
        past = len(columns) - panel.known
        own, further, known = columns.tensor_split([panel.targets, past])
        shifts = [0, *(1 - lag for lag in self.lags)]
        # Of the window and of the further columns: the column, and the offset of its first value.
        self.bases = own.repeat(len(shifts))
        self.begins = torch.cat([own + shift for shift in shifts]) - self.length
        self.others = torch.cat([further, known])
        self.others_begin = torch.cat([further, known + self.horizon]) - self.length
        # Values of columns known ahead are always known by then.
        self.later = torch.cat([torch.zeros_like(further), torch.full_like(known, self.horizon)])
        steps = torch.arange(self.horizon)
        self.ahead_by = steps[:, None] + own  # (H, V)
        lags = torch.tensor(self.naive)[:, None]
        back = steps - lags * (steps // lags.clamp(min=1) + 1)
        self.repeats = back[..., None] + own  # (K, H, V)
        self.repeatable, self.own = lags[:, None] > 0, own
        # The layout of a batch's targets: without H or V where it is 1.
        values = [self.targets] if self.targets > 1 else []
        self.shape = [self.horizon, *values] if self.horizon > 1 or values else []

    def __len__(self) -> int:
        return int(self.ends[-1])

    def gather(self, index: Tensor) -> SeriesBatch:
        target, segment = self.locate(index)
        home, given = self.home[segment], index.shape
        window = self._view(target, self.begins, self.bases)
        position = target[..., None, None] + self.ahead_by
        if self.ahead or (self.shape and len(self.panel.gaps)):
            known = position - self.own < self.stop[segment][..., None, None]
            known &= self.panel.gaps.measured(position)
            future = torch.where(known, self.values[torch.where(known, position, 0)], torch.nan)
        else:
            future = self.values[position]
        return SeriesBatch(
            window,
            self._calendar(target, home),
            future.reshape((*given, *self.shape)),
            self._repeated(target, segment).reshape((*given, len(self.naive), *self.shape)),
            index,
            self._statistics(home)[..., : self.targets, :],
        )

    def follows_measured(self, index: Tensor) -> Tensor:
        """Which samples' last values were measured, a step before the first target, ``(N,)``."""
        position = self.locate(index)[0][:, None] + self.own - 1
        return self.panel.gaps.measured(position).all(1)

    @property
    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the measured values in its segments.

        Shape:
            ``()`` each, or ``(V,)`` of several columns to forecast.
        """
        columns = range(self.targets)
        moments = [self.panel.moments(column, self.segments) for column in columns]
        center, scale = torch.tensor(moments, dtype=torch.float64).unbind(1)
        return (center, scale) if self.targets > 1 else (center[0], scale[0])

    def locate(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The position of each sample's first target, and its segment."""
        segment = torch.bucketize(index, self.ends, right=True)
        before = torch.where(segment > 0, self.ends[segment - 1], 0)
        rank = self.anchor[segment] + (index - before) * self.stride
        return self.panel.unmeasured_rows.position(rank), segment

    def _view(self, target: Tensor, begins: Tensor, bases: Tensor, ahead: Any = 0) -> Tensor:
        """Windows of columns, with the last measured value in place of unknown ones."""
        begin = target[..., None] + begins
        view = self.views[begin]
        if len(self.panel.gaps):
            known = self.panel.gaps.last_measured(target[..., None] + bases + ahead)[..., None]
            position = begin[..., None] + torch.arange(self.length)
            view = torch.where(position > known, self.values[known], view)
        return view.transpose(-1, -2).contiguous()

    def _repeated(self, target: Tensor, segment: Tensor) -> Tensor:
        """The values that the baselines repeat, ``(..., K, H, V)``."""
        position = target[..., None, None, None] + self.repeats
        origin = self.origin[segment][..., None, None, None]
        there = (position - self.own >= origin) & self.repeatable
        if len(self.panel.gaps):
            known = self.panel.gaps.last_measured(target[..., None] + self.own)
            position = position.minimum(known[..., None, None, :])
        place = torch.where(there, position, 0)
        return torch.where(there, self.values[place], torch.nan)

    def _calendar(self, target: Tensor, home: Tensor) -> Tensor:
        """Sine and cosine of the next step's position in two periods, and the further columns."""
        parts = []
        if self.phases is not None:
            position = target[..., None] + torch.arange(1 - self.length, 1)
            steps = self.panel.steps(position, home[..., None])
            phases = torch.from_numpy(self.phases(steps.numpy())).float() * (2 * math.pi)
            parts.append(torch.stack([torch.sin(phases), torch.cos(phases)], -1).flatten(-2))
        if len(self.others):
            view = self._view(target, self.others_begin, self.others, self.later)
            center, scale, _ = self._statistics(home)[..., None, self.targets :, :].unbind(-1)
            parts.append(((view - center) / scale).float())
        return torch.cat(parts, -1) if parts else torch.empty(*target.shape, self.length, 0)

    def _statistics(self, home: Tensor) -> Tensor:
        if self.panel.statistics is None:
            return torch.full((*home.shape, len(self.panel.values), 3), torch.nan)
        return self.panel.statistics[home]


def head_names(columns: Sequence[str]) -> list[str]:
    """A model's outputs for these columns; torch allows no point in a name."""
    if len(columns) == 1:
        return ["value"]
    names = [name.replace(".", "_") for name in columns]
    if len({*names}) < len(names):
        fault = f"data.value: {', '.join(columns)} are the same name once points become _"
        raise UserError(f"{fault}; rename one of them")
    return names
