"""A series of regular steps, and several in one tensor, one after the other.

S: series, C: columns, V: those to forecast, K: those known ahead, N: steps of all series.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import torch
from torch import Tensor

from kindling.series.gaps import Gaps
from kindling.series.series import Series

START = torch.zeros(1, dtype=torch.int64)
AT_ONCE = 1 << 20  # values handled at a time, so that millions take little memory


@dataclass(frozen=True, eq=False)
class Panel:
    """Series of one step and clock.

    Args:
        values: ``(C, N)``: first the columns to forecast, last those that are known ahead.
        filled: Positions of unmeasured values, in order, counted through all columns.
        targets: Columns to forecast, V.
        known: Columns that are known ahead, K.
        names: Names of the series in the file; "" is the only one of its file.
        starts: ``(S,)``: where each series begins.
        stops: ``(S,)``: where its measured values end.
        firsts: ``(S,)``: the calendar's step that each series begins at.
        timeline: The calendar and clock of all, from step 0 on.
        statistics: ``(S, C, 3)`` of the training part: mean, standard deviation, and mean absolute
            error of the seasonal naive forecast; NaN where unknown.
    """

    values: Tensor
    filled: Tensor
    targets: int = 1
    known: int = 0
    names: Sequence[str] = ("",)
    starts: Tensor = START
    stops: Tensor = START
    firsts: Tensor = START
    timeline: Series | None = None
    statistics: Tensor | None = None

    @classmethod
    def of(cls, series: dict[str, Series], targets: int, known: int) -> Self:
        """All series of a file; the dictionary is emptied to free memory."""
        names, one = list(series), next(iter(series.values()))
        lengths = torch.tensor([len(part) for part in series.values()])
        starts = lengths.cumsum(0) - lengths
        stops = starts + torch.tensor([part.stop for part in series.values()])
        firsts = torch.tensor([part.first for part in series.values()])
        timeline = replace(one, values=np.empty(0), first=0, filled=one.filled[:0])
        values, total = torch.from_numpy(one.values), int(lengths.sum())
        if several := len(series) > 1:
            values = torch.empty(len(one.values), total, dtype=torch.float64)
        filled = []
        for name, start in zip(names, starts.tolist(), strict=True):
            part = series.pop(name)
            if several:
                values[:, start : start + len(part)] = torch.from_numpy(part.values)
            column, position = np.divmod(part.filled, len(part))
            filled.append(torch.from_numpy(column * total + start + position))
        gaps = torch.cat(filled).sort().values
        return cls(
            values.contiguous(), gaps, targets, known, names, starts, stops, firsts, timeline
        )

    @cached_property
    def gaps(self) -> Gaps:
        return Gaps(self.filled)

    @cached_property
    def unmeasured_rows(self) -> Gaps:
        """Steps at which no column to forecast was measured."""
        columns, size = self.targets, self.values.shape[1]
        rows = self.filled[self.filled < columns * size] % size
        if columns == 1:
            return Gaps(rows)
        rows, counts = torch.unique(rows, return_counts=True)
        return Gaps(rows[counts == columns])

    def steps(self, position: Tensor, home: Tensor) -> Tensor:
        """The calendar's steps of positions in the series ``home``, also beyond its ends."""
        return position + (self.firsts - self.starts)[home]

    def written(self, position: Tensor, home: Tensor) -> Sequence[str]:
        """The times of positions by the file's own clock."""
        assert self.timeline is not None
        return self.timeline.written(self.steps(position, home).numpy())

    def with_statistics(self, known: Mapping[str, Sequence[Sequence[float]]]) -> Self:
        """The same series with statistics by name, NaN for those without."""
        nothing = [[torch.nan] * 3] * len(self.values)
        table = [known.get(name, nothing) for name in self.names]
        return replace(self, statistics=torch.tensor(table, dtype=torch.float64))

    def measured(self, column: int, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """A column's values from ``start`` on, and which were measured; None is all."""
        part, first = self.values[column, start:stop], column * self.values.shape[1]
        inside = self.gaps.between(first + start, first + stop)
        if not len(inside):
            return part, None
        mask = torch.ones(len(part), dtype=torch.bool)
        mask[inside] = False
        return part, mask

    def moments(self, column: int, segments: Sequence[tuple[int, int]]) -> tuple[float, float]:
        """Mean and standard deviation of a column's measured values in these segments."""
        parts = [self.measured(column, *segment) for segment in segments]
        kept = [part if mask is None else part[mask] for part, mask in parts]
        moments = [(len(part), *torch.var_mean(part, correction=0)) for part in kept if len(part)]
        total = sum(n for n, _, _ in moments)
        center = sum(n * float(mean) for n, _, mean in moments) / total
        square = sum(n * (float(var) + (float(mean) - center) ** 2) for n, var, mean in moments)
        # A constant series has nothing to scale.
        return center, (square / total) ** 0.5 or 1.0

    def naive_error(self, column: int, segments: Sequence[tuple[int, int]], season: int) -> float:
        """Mean absolute difference of values that are a season apart; NaN where there are none.

        References:
            Hyndman and Koehler, Another Look at Measures of Forecast Accuracy, 2006, International
            Journal of Forecasting 22(4)
        """
        total, count = 0.0, 0
        for start, stop in segments:
            for begin in range(start + season, stop, AT_ONCE):
                end = min(begin + AT_ONCE, stop)
                later, there = self.measured(column, begin, end)
                earlier, known = self.measured(column, begin - season, end - season)
                difference = (later - earlier).abs()
                for mask in (there, known):
                    if mask is not None:
                        difference = difference.where(mask, torch.nan)
                total += float(difference.nansum())
                count += int((~difference.isnan()).sum())
        return total / count if total else torch.nan
