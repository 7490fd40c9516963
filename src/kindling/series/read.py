"""A series at regular steps, read from a CSV file of any length.

While a file is read each value goes to its step in a calendar, so that 50 million rows cost 8 bytes
each and their timestamps nothing.
"""

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kindling.data.sources import Recording
from kindling.errors import UserError
from kindling.series.calendar import DAY, MONDAY, WEEK, Calendar, Ticks, find_calendar
from kindling.series.clock import Clock, ClockChanges, written, zone_clock
from kindling.series.panel import refuse_several
from kindling.series.rows import CELLS, Chunk, SeriesColumns, Values, count_lines, read_chunks

Problems = Literal["error", "interpolate", "drop"]

_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # steps for each row
_REPEATED = 0.2  # share of rows that repeat a time, from which on they are no slips
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Series:
    """Values that follow each other by the steps of a calendar.

    Shape:
        ``values`` is ``(N,)``; value ``i`` was measured at step ``first + i`` of the calendar.
        ``filled`` are the positions of those that were not measured, in order.
    """

    values: Values
    calendar: Calendar
    first: int
    filled: Ticks
    clock: Clock | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def start(self) -> np.datetime64:
        return np.datetime64(int(self._ticks(0)), "us")

    def timestamps(self, index: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """Times of the values at these positions, which may lie beyond either end.

        They are of UTC where the file has offsets, and else of its own clock.
        """
        return self._ticks(index).astype("M8[us]")

    def written(self, index: npt.ArrayLike) -> list[str]:
        """Times by the file's own clock, with its offset where the file has one."""
        return list(written(self._ticks(index), self.clock))

    def phases(self, index: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where steps lie in their day and week, from 0 to 1, ``(..., 2)``.

        Of months, it is in their quarter and year.
        """
        if self.calendar.kind == "months":
            steps = np.asarray(index, np.int64) + self.first
            month = steps * self.calendar.step + self.calendar.month
            return np.stack([month % 3 / 3, month % 12 / 12], -1)
        ticks = self._ticks(index)
        shown = ticks if self.clock is None else self.clock.read(ticks)
        return np.stack([shown % DAY / DAY, (shown + MONDAY) % WEEK / WEEK], -1)

    def _ticks(self, index: npt.ArrayLike) -> Ticks:
        return self.calendar.times(np.asarray(index, np.int64) + self.first)


def read_series(
    path: Path, time: str | SeriesColumns = "timestamp", value: str = "value",
    problems: Problems = "error", cells: int = CELLS, length: int | str | None = None,
) -> Series:  # fmt: skip
    """Read two columns of a CSV file as a series with a regular step.

    One layout of times holds for the whole file; of day first and month first, where both fit, the
    one that makes the file more regular. The calendar of the steps is found in the beginning of the
    file: a step of the clock, business days, or whole months. Values between two times of the file
    are told apart by UTC where it has offsets, and its own clock is kept to write them.

    What breaks the regularity is an error, or is mended and counted in one warning:

    - ``interpolate`` sorts, fills gaps and missing values on a line between neighbours, and says
      which were filled. Missing values at either end are cut. Where more would be filled than
      was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest segment without a gap: closing gaps would move lags.

    Of rows with the same time both keep the first that has a value; where most times come again,
    the file holds several series and is refused. Both drop rows between two steps.

    Args:
        path: The file.
        time: Its column of times, or all that is known of its columns, with ``value``.
        value: Its column of values.
        problems: What is done about these.
        cells: Cells that are read at a time.
        length: Of the steps in training, for a file too short to show it.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    columns = time if isinstance(time, SeriesColumns) else SeriesColumns(time, value)
    calendar, chunks, clock = _opened(path, columns, cells, length)
    grid = Grid(path, columns, count_lines(path) * _SPARSEST[problems], calendar)
    for chunk in _by_clock(chunks, clock):
        if problems == "error":
            grid.check(chunk)
        grid.add(chunk)
    values, start, filled = grid.mended(problems)
    if columns.timezone is None:
        return Series(values, calendar, start, filled, clock.clock())
    begin, end = calendar.times([start, start + len(values)]).tolist()
    own = zone_clock(columns.timezone, begin, end, clock.local)
    return Series(values, calendar, start, filled, own)


def read_rows(path: Path, columns: SeriesColumns, most: int) -> Recording:
    """The first ``most`` rows, or a few more, as they stand there, however irregular."""
    parts: list[Recording] = []
    for chunk in _by_clock(*_opened(path, columns, CELLS)[1:]):
        parts.append(Recording(chunk.rows, chunk.ticks, chunk.values))
        if sum(len(part.lines) for part in parts) >= most:
            break
    return Recording(*map(np.concatenate, zip(*parts, strict=True)))


def _opened(
    path: Path, columns: SeriesColumns, cells: int, length: int | str | None = None
) -> tuple[Calendar, Iterator[Chunk], ClockChanges]:
    """The calendar, all chunks, and what gathers the file's clock from them."""
    chunks = read_chunks(path, columns, cells)
    first = next(chunks)
    local, calendar = _find_calendar(first, length)
    if calendar.tolerance:
        reach = timedelta(microseconds=calendar.tolerance)
        _log.warning("%s: times up to %s off are taken for %s", path, reach, calendar.name)
    return calendar, chain([first], chunks), ClockChanges(local)


def _find_calendar(chunk: Chunk, length: int | str | None) -> tuple[bool, Calendar]:
    """Whether steps are of the file's own clock rather than of UTC, and the calendar."""
    found = find_calendar(chunk.ticks, length)
    if found is None:
        raise UserError(f"{chunk.path}: one time shows no step; add rows to the file")
    if chunk.offsets is not None:
        shown = find_calendar(chunk.ticks + chunk.offsets, length)
        # Midnights, months and business days are of the clock on the wall.
        if shown and (shown.share > found.share or shown.calendar.kind != "time"):
            return True, shown.calendar
    return False, found.calendar


def _by_clock(chunks: Iterator[Chunk], clock: ClockChanges) -> Iterator[Chunk]:
    """Chunks with times of the clock that the series goes by."""
    for chunk in chunks:
        ticks = chunk.ticks
        if clock.local and chunk.offsets is not None:
            ticks = ticks + chunk.offsets
        clock.add(ticks, chunk.offsets)
        yield chunk._replace(ticks=ticks)


class Grid:
    """What was read for the steps from ``start`` on, NaN where nothing was.

    Memory is taken as steps fill, ``capacity`` of them at most.
    """

    def __init__(
        self, path: Path, columns: SeriesColumns, capacity: int, calendar: Calendar
    ) -> None:
        self.path, self.columns, self.calendar = path, columns, calendar
        self.every = f"one every {calendar.name}"
        self.values = np.empty(capacity)
        self.start: int | None = None
        self.size = self.rows = 0
        self.latest: int | None = None
        self.counts: Counter[str] = Counter()

    def check(self, chunk: Chunk) -> None:
        """Refuse the first row that does not hold the value of the next step."""
        index, off = self.calendar.index(chunk.ticks)
        expected = np.arange(len(index)) + self._next(index, off)
        wrong = np.isnan(chunk.values) | off | (index != expected)
        if wrong.any():
            i = wrong.argmax()
            missing = index[i] - expected[i]
            what = f"rows missing above this one: {missing}, at {self.every}"
            if np.isnan(chunk.values[i]):
                what = "the value is missing or infinite"
            elif off[i]:
                what = f"the timestamp is off the grid, {self.every}"
            elif index[i] < expected[i] or expected[i] in index[i:]:
                refuse_several(self.path, self.columns)
                seen = index[0] if self.start is None else self.start
                what = "the row is out of order"
                if seen <= index[i] < expected[i]:
                    what = "the timestamp repeats an earlier one" + self._clock_change(chunk, i)
            else:
                what += self._clock_change(chunk, i)
            chunk.fail(i, f"{what}; mend the file or set --data.problems=interpolate (or drop)")

    def _next(self, index: Ticks, off: npt.NDArray[np.bool_]) -> int:
        if self.start is not None:
            return self.start + self.size
        return int(index[(~off).argmax()]) - int((~off).argmax())

    def _clock_change(self, chunk: Chunk, i: np.intp) -> str:
        """What a Sunday night in spring or autumn may be about."""
        moment = pd.Timestamp(int(chunk.ticks[i]), unit="us")
        night = moment.weekday() == 6 and moment.hour < 4 and moment.month in (3, 4, 9, 10, 11)
        if self.columns.timezone or chunk.offsets is not None or not night:
            return ""
        return " (where clocks change, set --data.timezone, such as Europe/Berlin)"

    def add(self, chunk: Chunk) -> None:
        """Put each value where its time says; the first to come stays."""
        steps, off = self.calendar.index(chunk.ticks)
        empty = np.isnan(chunk.values)
        steps, values = steps[~empty & ~off], chunk.values[~empty & ~off]
        self.rows += len(chunk.ticks)
        self.counts["rows without a value"] += int(empty.sum())
        self.counts["rows off the grid dropped"] += int((off & ~empty).sum())
        if not len(steps):
            return
        start = self._reach(int(steps.min()), int(steps.max()))
        index, first = np.unique(steps - start, return_index=True)
        free = np.isnan(self.values[index])
        self.values[index[free]] = values[first[free]]
        self.counts["repeated rows dropped"] += len(steps) - int(free.sum())
        back = np.diff(steps, prepend=steps[0] if self.latest is None else self.latest) < 0
        self.counts["rows out of order sorted"] += int(back.sum())
        self.latest = int(steps[-1])

    def _reach(self, earliest: int, latest: int) -> int:
        """Make room for these steps, at the front by moving what is there; the first step."""
        start = earliest if self.start is None else min(self.start, earliest)
        before = 0 if self.start is None else self.start - start
        size = max(before + self.size, latest - start + 1)
        if size > len(self.values):
            raise self._too_sparse(start, size)
        if before:
            self.values[before : before + self.size] = self.values[: self.size]
            self.values[:before] = np.nan
        self.values[before + self.size : size] = np.nan
        self.start, self.size = start, size
        return start

    def mended(self, problems: Problems) -> tuple[Values, int, Ticks]:
        """Values without a missing one, the step of the first, and which of them were filled."""
        if self.start is None:
            raise UserError(f"{self.path}: no row has a value; set --data.value to another column")
        none = np.empty(0, np.int64)
        if problems == "error":
            return self.values[: self.size], self.start, none
        if repeated := self.counts["repeated rows dropped"]:
            refuse_several(self.path, self.columns, repeated >= _REPEATED * self.rows)
        missing = np.flatnonzero(np.isnan(self.values[: self.size]))
        mend = self._fill if problems == "interpolate" else self._cut
        first, last, filled = mend(missing)
        if counts := ", ".join(f"{count} {what}" for what, count in self.counts.items() if count):
            _log.warning("%s mended by %s: %s", self.path, problems, counts)
        return self.values[first:last], self.start + first, filled - first

    def _fill(self, missing: Ticks) -> tuple[int, int, Ticks]:
        if 2 * len(missing) > self.size:
            raise self._too_sparse(self.start or 0, self.size)
        if len(missing):
            edges = np.setdiff1d(np.concatenate([missing - 1, missing + 1]), missing)
            self.values[missing] = np.interp(missing, edges, self.values[edges])
            self.counts["values interpolated"] = len(missing)
        return 0, self.size, missing

    def _cut(self, missing: Ticks) -> tuple[int, int, Ticks]:
        bounds = np.concatenate([[-1], missing, [self.size]])
        longest = int(np.diff(bounds).argmax())
        first, last = int(bounds[longest]) + 1, int(bounds[longest + 1])
        self.counts["measured values cut away"] = self.size - len(missing) - (last - first)
        return first, last, missing[:0] + first

    def _too_sparse(self, start: int, size: int) -> UserError:
        ends = self.calendar.times([start, start + size - 1]).astype("M8[us]").astype("M8[s]")
        what = f"most of {size} rows from {ends[0]} to {ends[1]}, {self.every}, are missing"
        return UserError(f"{self.path}: {what}; look for a wrong timestamp")
