"""The rows of a series at their steps in a calendar; gaps and repeated rows are mended."""

import logging
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.series.calendar import DAY, Calendar, Mask, Ticks, round_span
from kindling.series.clock import Clock
from kindling.series.columns import SeriesColumns
from kindling.series.rows import Chunk
from kindling.series.series import Series
from kindling.series.several import refuse_several

Problems = Literal["error", "interpolate", "drop"]

_REPEATED = 0.2  # share of rows that repeat a time, above which they are no mistakes
_IRREGULAR = 0.5  # share of rows between two steps, above which there are no steps
_CURE = "fix the file or set --data.problems=interpolate (or drop)"
_log = logging.getLogger(__name__)


class Grid:
    """The values of a series from step ``start`` on, NaN where none was read.

    Memory is taken as steps fill, ``capacity`` of them at most.
    """

    def __init__(
        self, path: Path, columns: SeriesColumns, capacity: int, calendar: Calendar, name: str = ""
    ) -> None:
        self.path, self.columns, self.calendar, self.name = path, columns, calendar, name
        self.every = f"one every {calendar.name}"
        self.past = len(columns.numbers) - len(columns.known)  # columns that are not known ahead
        self.capacity = capacity
        # Memory that is not written to costs nothing, but cannot be reserved for many series.
        self.values = np.empty((len(columns.numbers), 0 if name else capacity))
        self.start: int | None = None
        self.size = self.rows = 0
        self.latest: int | None = None
        self.counts: Counter[str] = Counter()

    @property
    def title(self) -> str:
        """The file, and which of its series."""
        return f"{self.path}, series {self.name!r}" if self.name else f"{self.path}"

    def check(self, chunk: Chunk) -> None:
        """Refuse the first row that does not hold the values of the next step."""
        index, off = self.calendar.index(chunk.ticks)
        expected = np.arange(len(index)) + self._next(index, off)
        # Where columns are known ahead, the last rows may lack the others, and where columns are
        # series, the first ones too: see ``mended``.
        ends = self.columns.known or self.columns.wide
        needed = chunk.values[:, self.past if ends else 0 :]
        empty = np.asarray(np.isnan(needed).any(1))
        wrong = empty | off | (index != expected)
        if wrong.any():
            i = wrong.argmax()
            missing = index[i] - expected[i]
            what = f"rows missing above this one: {missing}, at {self.every}"
            if empty[i]:
                what = "the value is missing or infinite"
            elif off[i]:
                what = f"the timestamp is off the grid, {self.every}"
                if off.mean() > _IRREGULAR:
                    chunk.fail(i, f"{what}; {self._resample(np.diff(chunk.ticks).mean())}")
            elif index[i] < expected[i] or expected[i] in index[i:]:
                refuse_several(self.path, self.columns)
                seen = index[0] if self.start is None else self.start
                what = "the row is out of order"
                if seen <= index[i] < expected[i]:
                    what = "the timestamp repeats an earlier one" + self._clock_change(chunk, i)
            else:
                what += self._clock_change(chunk, i)
            chunk.fail(i, f"{what}; {_CURE}")

    def _next(self, index: Ticks, off: Mask) -> int:
        if self.start is not None:
            return self.start + self.size
        return int(index[(~off).argmax()]) - int((~off).argmax())

    def _clock_change(self, chunk: Chunk, i: np.intp) -> str:
        """A hint where the row is of a Sunday night in spring or autumn."""
        moment = pd.Timestamp(int(chunk.ticks[i]), unit="us")
        night = moment.weekday() == 6 and moment.hour < 4 and moment.month in (3, 4, 9, 10, 11)
        if self.columns.timezone or chunk.offsets is not None or not night:
            return ""
        return " (where clocks change, set --data.timezone, such as Europe/Berlin)"

    def add(self, chunk: Chunk) -> None:
        """Put each row's values at the step of its time; the first of several stays."""
        steps, off = self.calendar.index(chunk.ticks)
        empty = np.isnan(chunk.values).all(1)
        steps, values = steps[~empty & ~off], chunk.values[~empty & ~off]
        self.rows += len(chunk.ticks)
        self.counts["rows without a value"] += int(empty.sum())
        self.counts["rows off the grid dropped"] += int((off & ~empty).sum())
        if not len(steps):
            return
        start = self._reach(int(steps.min()), int(steps.max()))
        index, first = np.unique(steps - start, return_index=True)
        free = np.isnan(self.values[:, index]).all(0)
        self.values[:, index[free]] = values[first[free]].T
        self.counts["repeated rows dropped"] += len(steps) - int(free.sum())
        back = np.diff(steps, prepend=steps[0] if self.latest is None else self.latest) < 0
        self.counts["rows out of order sorted"] += int(back.sum())
        self.latest = int(steps[-1])

    def _reach(self, earliest: int, latest: int) -> int:
        """Make room for these steps, moving values back if they come before; the first step."""
        start = earliest if self.start is None else min(self.start, earliest)
        before = 0 if self.start is None else self.start - start
        size = max(before + self.size, latest - start + 1)
        if size > self.capacity:
            raise self._too_sparse(start, size)
        values = self.values
        if size > values.shape[1]:
            self.values = np.empty((len(values), min(2 * size, self.capacity)))
        if before or values is not self.values:
            self.values[:, before : before + self.size] = values[:, : self.size]
            self.values[:, :before] = np.nan
        self.values[:, before + self.size : size] = np.nan
        self.start, self.size = start, size
        return start

    def by_column(self, problems: Problems) -> dict[str, "Grid"]:
        """A grid of each column that is a series, from its first value to its last.

        They share this one's memory, so that hundreds of columns take no more than one by one.
        """
        start = self.first_step
        self._check_repeated(problems)
        self._report(problems)
        others = list(range(len(self.columns.values), len(self.values)))
        found, empty = {}, []
        for k, name in enumerate(self.columns.values):
            there = np.flatnonzero(~np.isnan(self.values[k, : self.size]))
            if not len(there):
                empty.append(name)
                continue
            columns = self.columns._replace(value=name, wide=())
            grid = found[name] = Grid(self.path, columns, 0, self.calendar, name)
            first, stop = int(there[0]), self.size if others else int(there[-1]) + 1
            grid.values = self.values[[k, *others] if others else slice(k, k + 1), first:stop]
            grid.start, grid.size, grid.rows = start + first, stop - first, self.rows
        if empty:
            _log.warning("%s: columns without a value left out: %s", self.path, ", ".join(empty))
        return found

    def mended(self, problems: Problems, clock: Clock | None) -> Series:
        """The series without missing values, except at steps to forecast."""
        start = self.first_step
        self._check_repeated(problems)
        first, stop, size = self._ends()
        missing = np.isnan(self.values[:, first:size])
        missing[: self.past, stop - first :] = False
        if problems == "error":
            self._refuse(missing, first, stop)
        elif problems == "interpolate":
            self._fill(missing, first, size)
        else:
            gaps = np.asarray(missing.any(0))
            first, stop, size = self._cut(gaps, first, stop, size)
            missing = missing[:, :0]
        self._report(problems)
        values, filled = self.values[:, first:size], np.flatnonzero(missing[: self.past])
        if self.name and self.size < self.values.shape[1]:
            values = values.copy()  # frees what was reserved for more
        return Series(values, self.calendar, start + first, filled, clock, stop - first)

    @property
    def first_step(self) -> int:
        """The calendar's step of the first row with a value."""
        if self.start is None:
            raise UserError(f"{self.title}: no row has a value; set --data.value to another column")
        return self.start

    def _check_repeated(self, problems: Problems) -> None:
        if problems != "error" and (repeated := self.counts["repeated rows dropped"]):
            refuse_several(self.path, self.columns, repeated >= _REPEATED * self.rows)

    def _report(self, problems: Problems) -> None:
        if counts := ", ".join(f"{count} {what}" for what, count in self.counts.items() if count):
            _log.warning("%s corrected by %s: %s", self.title, problems, counts)

    def _ends(self) -> tuple[int, int, int]:
        """The first step with all columns, the end of the measured values, and that of known ones.

        Raises:
            UserError: A column has no value, or one that is known ahead ends before the others.
        """
        there = ~np.isnan(self.values[:, : self.size])
        for name, column in zip(self.columns.numbers, there, strict=True):
            if not column.any():
                raise UserError(f"{self.title}: no value in column {name!r}; name another")
        first = int(there.argmax(1).max())
        ends = self.size - there[:, ::-1].argmax(1)
        stop, size = int(ends[: self.past].min()), int(ends[self.past :].min(initial=self.size))
        if size < stop:
            name, last = self.columns.numbers[int(ends.argmin())], self._written(size - 1)
            fault = f"column {name!r} (--data.known) ends at {last}, before the values"
            raise UserError(f"{self.title}: {fault}; add known values")
        if not self.columns.known:
            size = stop
        if stop <= first:
            raise UserError(f"{self.title}: no step has a value in each column; name others")
        self.counts["steps dropped where a column has no value"] = first + self.size - size
        return first, stop, size

    def _refuse(self, missing: Mask, first: int, stop: int) -> None:
        """Refuse missing values and columns that begin late, which single rows cannot show."""
        missing[: self.past, stop - first :] = False
        if first or missing.any():
            step = 0 if first else first + int(missing.any(0).argmax())
            column = np.isnan(self.values[:, step]).argmax()
            name = self.columns.numbers[int(column)]
            what = f"timestamp {self._written(step)!r}: no value in column {name!r}"
            raise UserError(f"{self.title}, {what}; {_CURE}")

    def _fill(self, missing: Mask, first: int, size: int) -> None:
        for column, gaps in zip(self.values[:, first:size], missing, strict=True):
            if 2 * gaps.sum() > len(gaps):
                raise self._too_sparse(self.first_step, self.size)
            if gaps.any():
                # Only the values at the edges of gaps, which may be a few out of millions.
                index = np.flatnonzero(gaps)
                edges = np.setdiff1d(np.concatenate([index - 1, index + 1]), index)
                column[index] = np.interp(index, edges, column[edges])
                self.counts["values interpolated"] += len(index)

    def _cut(self, missing: Mask, first: int, stop: int, size: int) -> tuple[int, int, int]:
        """The longest segment without a gap; the last one includes values known ahead."""
        bounds = np.concatenate([[-1], np.flatnonzero(missing), [size - first]]) + first
        longest = int(np.diff(np.minimum(bounds, stop)).argmax())
        begin, end = int(bounds[longest]) + 1, int(bounds[longest + 1])
        measured = stop - first - int(missing[: stop - first].sum())
        self.counts["measured values dropped"] = measured - (min(end, stop) - begin)
        return begin, min(end, stop), end

    def _written(self, step: int) -> str:
        return str(
            self.calendar.times([self.first_step + step]).astype("M8[us]").astype("M8[s]")[0]
        )

    def _too_sparse(self, start: int, size: int) -> UserError:
        ends = self.calendar.times([start, start + size - 1]).astype("M8[us]").astype("M8[s]")
        what = f"most of {size} rows from {ends[0]} to {ends[1]}, {self.every}, are missing"
        cure = "look for a wrong timestamp"
        if self.calendar.kind == "time" and self.calendar.step < DAY:
            cure += "; of measurements by day alone, --data.resample=1d takes means of days"
        if self.counts["rows off the grid dropped"] > _IRREGULAR * self.rows:
            cure = self._resample((ends[1] - ends[0]) / np.timedelta64(1, "us") / self.rows)
        return UserError(f"{self.title}: {what}; {cure}")

    @staticmethod
    def _resample(between: float) -> str:
        return f"set --data.resample={round_span(between)}, as rows come at no regular step"
