"""Windows of a series as views of one tensor, in segments that no window leaves.

N: steps in the series, B: batch, T: steps in a window, V: values a step, C: calendar columns,
K: baselines.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from kindling.data.dataset import BatchDataset

SECOND = 1_000_000
DAY, WEEK = 86_400 * SECOND, 7 * 86_400 * SECOND  # microseconds, as all times here

BASELINES = ("last value", "same time yesterday", "same time last week")
"""In the order of a batch's ``naive``; a step of a day or more rules some out."""


class SeriesBatch(NamedTuple):
    """Windows and the value that follows each.

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
    """Every window whose context and target lie inside one segment.

    Args:
        series: ``(N,)``, shared by all splits.
        segments: Where this split lies.
        length: Steps in a window, T.
        lags: Further inputs, in steps before the step to come.
        naive: Lags that the baselines repeat, in steps; 0 is for one that the step rules out.
        clock: The first step's time since a Monday's midnight, and the length of a step, where the
            calendar is an input.
        ahead: Include the window after the last step, whose target is not known yet.
    """

    def __init__(
        self,
        series: Tensor,
        segments: Sequence[Segment],
        length: int,
        lags: Sequence[int] = (),
        naive: Sequence[int] = (1,),
        clock: tuple[int, int] | None = None,
        ahead: bool = False,
    ) -> None:
        self.series, self.length, self.clock = series, length, clock
        self.segments, self.lags, self.naive = tuple(segments), tuple(lags), tuple(naive)
        self.context = context(length, lags)
        counts = [max(0, s.stop + ahead - s.start - self.context) for s in segments]
        self.first = torch.tensor([s.start for s in segments])
        self.ends = torch.tensor(counts).cumsum(0)
        self.views = series.unfold(0, length, 1)

    def __len__(self) -> int:
        return int(self.ends[-1])

    def gather(self, index: Tensor) -> SeriesBatch:
        target, first = self.locate(index)
        start = target - self.length
        columns = [self.views[start], *(self.views[start + 1 - lag] for lag in self.lags)]
        lags = torch.tensor(self.naive)
        repeated = target[..., None] - lags
        return SeriesBatch(
            torch.stack(columns, -1),
            self._calendar(start),
            self._values(target, target < len(self.series)),
            self._values(repeated, (repeated >= first[..., None]) & (lags > 0)),
            index,
        )

    @property
    def statistics(self) -> tuple[float, float]:
        """Mean and standard deviation of the values in its segments, without a copy of them."""
        parts = [self.series[s.start : s.stop] for s in self.segments]
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
        return first + self.context + index - before, first

    def _values(self, position: Tensor, known: Tensor) -> Tensor:
        return torch.where(known, self.series[torch.where(known, position, 0)], torch.nan)

    def _calendar(self, start: Tensor) -> Tensor:
        """Sine and cosine of the step to come in its day and in its week."""
        if self.clock is None:
            return torch.empty(*start.shape, self.length, 0)
        offset, step = self.clock
        position = start[..., None] + torch.arange(1, self.length + 1)
        time = offset + position * step
        phases = [(time % period).float() * (2 * math.pi / period) for period in (DAY, WEEK)]
        return torch.stack([wave(p) for p in phases for wave in (torch.sin, torch.cos)], -1)


def context(length: int, lags: Sequence[int]) -> int:
    """Steps before a target that a window and its lags reach back to."""
    return length + max([0, *(lag - 1 for lag in lags)])


def blocks(steps: int, fraction: float, count: int) -> tuple[list[Segment], list[Segment]]:
    """Cut ``steps`` into what trains and ``count`` evenly spread blocks that validate.

    A single block is the last part; more than one samples the seasons, where the last months alone
    would rank models by a single one. Both are in order, and together the whole.
    """
    if count == 1:
        cut = steps - round(steps * fraction)
        return [Segment(0, cut)], [Segment(cut, steps)]
    size = round(steps * fraction / count)
    starts = [round(steps * (k + 0.5) / count - size / 2) for k in range(count)]
    held_out = [Segment(start, start + size) for start in starts]
    edges = [0, *(edge for segment in held_out for edge in segment), steps]
    kept = [Segment(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return [segment for segment in kept if segment.stop > segment.start], held_out
