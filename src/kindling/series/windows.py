"""Windows of a series as views of one tensor, in segments that no window leaves.

N: steps in the series, B: batch, T: steps in a window, V: values a step, C: calendar columns,
K: baselines.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kindling.data.dataset import BatchDataset

BASELINES = ("last value", "same time yesterday", "same time last week", "same time last year")
"""In the order of a batch's ``naive``, which may be fewer; the step rules some out."""

Phases = Callable[[Any], npt.NDArray[np.float64]]


class SeriesBatch(NamedTuple):
    """Windows and the value that follows each, all values in double precision.

    A model subtracts what it takes for the level, such as the last value, and goes on in single
    precision: a meter that stands at 1,234,567,890 moves by less than that tells apart.

    Shape:
        ``window`` ``(B, T, V)``: the values, then one column a lag (the value that lag before the
        step to come). ``calendar`` ``(B, T, C)``: of the step to come; C is 0 or 4. ``target``
        ``(B,)``, NaN where it is still unknown. ``naive`` ``(B, K)``: the values that the
        baselines repeat, NaN where they lie before the segment. ``indices`` ``(B,)``: of samples
        in their split.
    """

    window: Tensor
    calendar: Tensor
    target: Tensor
    naive: Tensor
    indices: Tensor

    def baselines(self) -> dict[str, Tensor]:
        """The forecast ``(B,)`` of each baseline: the value at its lag, once more."""
        return dict(zip(BASELINES, self.naive.unbind(1), strict=False))


class Segment(NamedTuple):
    """Steps ``start`` to ``stop`` (exclusive) of the series, which belong to one split."""

    start: int
    stop: int


class Windows(BatchDataset[SeriesBatch]):
    """Every window whose context and target lie inside one segment, and whose target was measured.

    A value that was filled in between two others is known once the later one is: in a window that
    ends before that, the last measured value stands in its place.

    Args:
        series: ``(N,)``, shared by all splits.
        segments: Where this split lies.
        length: Steps in a window, T.
        lags: Further inputs, in steps before the step to come.
        naive: Lags that the baselines repeat, in steps; 0 is for one that the step rules out.
        phases: Of steps in two periods, where the calendar is an input: ``(...)`` to ``(..., 2)``.
        filled: Steps whose values were not measured, in order.
        ahead: Include the window after the last step, whose target is not known yet.
    """

    def __init__(
        self,
        series: Tensor,
        segments: Sequence[Segment],
        length: int,
        lags: Sequence[int] = (),
        naive: Sequence[int] = (1,),
        phases: Phases | None = None,
        ahead: bool = False,
        filled: Tensor | None = None,
    ) -> None:
        self.series, self.length, self.phases = series, length, phases
        self.segments, self.lags, self.naive = tuple(segments), tuple(lags), tuple(naive)
        self.context = context(length, lags)
        self.filled = torch.empty(0, dtype=torch.int64) if filled is None else filled
        # Values that were measured before each that was not.
        self._before = self.filled - torch.arange(len(self.filled))
        self.first = torch.tensor([s.start for s in segments])
        begin = self.first + self.context
        end = torch.tensor([s.stop + ahead for s in segments]).maximum(begin)
        self.skipped = self._measured_before(begin)
        counts = self._measured_before(end) - self.skipped
        self.ends = counts.cumsum(0)
        self.views = series.unfold(0, length, 1)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def gather(self, index: Tensor) -> SeriesBatch:
        target, first = self.locate(index)
        start = target - self.length
        known = self._last_measured(target)
        columns = [
            self._view(begin, known) for begin in (start, *(start + 1 - lag for lag in self.lags))
        ]
        lags = torch.tensor(self.naive)
        repeated = target[..., None] - lags
        return SeriesBatch(
            torch.stack(columns, -1),
            self._calendar(start),
            self._values(target, target < len(self.series)),
            self._values(
                repeated.minimum(known[..., None]), (repeated >= first[..., None]) & (lags > 0)
            ),
            index,
        )

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the measured values in its segments."""
        parts = [self._measured(segment) for segment in self.segments]
        moments = [(len(part), *torch.var_mean(part, correction=0)) for part in parts]
        total = sum(n for n, _, _ in moments)
        center = sum(n * float(mean) for n, _, mean in moments) / total
        square = sum(n * (float(var) + (float(mean) - center) ** 2) for n, var, mean in moments)
        # A constant series has nothing to scale.
        return center, (square / total) ** 0.5 or 1.0

    def locate(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Positions in the series: of each sample's target, and of its segment's first step."""
        segment = torch.bucketize(index, self.ends, right=True)
        before = torch.where(segment > 0, self.ends[segment - 1], 0)
        first = self.first[segment]
        return self._position(self.skipped[segment] + index - before), first

    def _measured(self, segment: Segment) -> Tensor:
        part, inside = self.series[segment.start : segment.stop], self.filled - segment.start
        inside = inside[(inside >= 0) & (inside < len(part))]
        if not len(inside):
            return part  # no copy
        measured = torch.ones(len(part), dtype=torch.bool)
        measured[inside] = False
        return part[measured]

    def _measured_before(self, position: Tensor) -> Tensor:
        """How many values were measured before a position."""
        return position - torch.searchsorted(self.filled, position)

    def _position(self, rank: Tensor) -> Tensor:
        """Where the measured value of this rank lies, counted from 0."""
        return rank + torch.searchsorted(self._before, rank, right=True)

    def _last_measured(self, target: Tensor) -> Tensor:
        """The last position before a target that was measured."""
        if not len(self.filled):
            return target - 1
        return self._position(self._measured_before(target) - 1)

    def _view(self, start: Tensor, known: Tensor) -> Tensor:
        """A window's worth of values, the last measured one in place of what came later."""
        view = self.views[start]
        if not len(self.filled):
            return view
        position = start[..., None] + torch.arange(self.length)
        return torch.where(position > known[..., None], self.series[known][..., None], view)

    def _values(self, position: Tensor, known: Tensor) -> Tensor:
        return torch.where(known, self.series[torch.where(known, position, 0)], torch.nan)

    def _calendar(self, start: Tensor) -> Tensor:
        """Sine and cosine of where the step to come lies in each of two periods."""
        if self.phases is None:
            return torch.empty(*start.shape, self.length, 0)
        position = start[..., None] + torch.arange(1, self.length + 1)
        phases = torch.from_numpy(self.phases(position.numpy())).float() * (2 * math.pi)
        return torch.stack([torch.sin(phases), torch.cos(phases)], -1).flatten(-2)


def context(length: int, lags: Sequence[int]) -> int:
    """Steps before a target that a window and its lags reach back to."""
    return length + max([0, *(lag - 1 for lag in lags)])


def blocks(steps: int, fraction: float, count: int) -> tuple[list[Segment], list[Segment]]:
    """Cut ``steps`` into what trains and ``count`` evenly spread blocks that validate.

    A single block is the last part; more than one samples the seasons, where the last months alone
    would rank models by a single one. Both are in order, and together the whole.
    """
    size = round(steps * fraction / count)
    starts = [round(steps * (k + 0.5) / count - size / 2) for k in range(count)]
    held_out = [Segment(k, k + size) for k in (starts if count > 1 else [steps - size])]
    edges = [0, *(edge for segment in held_out for edge in segment), steps]
    kept = [Segment(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [segment for segment in kept if segment.stop > segment.start] or kept[:1], held_out
