"""Series at regular steps, read from a CSV file of any length.

While a file is read each value goes to its step in a calendar, so that 50 million rows cost 8 bytes
each and their timestamps nothing.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from kindling.data.sources import Recording
from kindling.errors import UserError
from kindling.series.calendar import (
    DAY,
    MONDAY,
    WEEK,
    Calendar,
    Mask,
    Ticks,
    find_calendar,
    round_span,
)
from kindling.series.clock import Clock, ClockChanges, written, zone_clock
from kindling.series.rows import CELLS, Chunk, SeriesColumns, Values, count_lines, read_chunks
from kindling.series.several import refuse_several

Problems = Literal["error", "interpolate", "drop"]

_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # steps for each row
_REPEATED = 0.2  # share of rows that repeat a time, from which on they are no slips
_IRREGULAR = 0.5  # share of rows between two steps, from which on there are no steps
_CURE = "mend the file or set --data.problems=interpolate (or drop)"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Series:
    """Values that follow each other by the steps of a calendar.

    Shape:
        ``values`` is ``(N,)``, or ``(C, N)`` of several columns; those at ``i`` were measured at
        step ``first + i`` of the calendar. ``filled`` are the positions of those that were not
        measured, in order, counted through all columns. From ``stop`` on there are only columns
        that are known ahead.
    """

    values: Values
    calendar: Calendar
    first: int
    filled: Ticks
    clock: Clock | None = None
    stop: int = 0

    def __len__(self) -> int:
        return int(self.values.shape[-1])

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
    """Read two columns of a CSV file as a series with a regular step, as ``read_panel`` does.

    Args:
        path: The file.
        time: Its column of times, or all that is known of its columns, with ``value``.
        value: Its column of values.
        problems: What is done about these.
        cells: Cells that are read at a time.
        length: Of the steps in training, for a file too short to show it.
    """
    columns = time if isinstance(time, SeriesColumns) else SeriesColumns(time, value)
    [series] = read_panel(path, columns, problems, cells, length).values()
    return replace(series, values=series.values[0])


def read_panel(
    path: Path,
    columns: SeriesColumns,
    problems: Problems = "error",
    cells: int = CELLS,
    length: int | str | None = None,
) -> dict[str, Series]:
    """Read the series of a CSV file, at one regular step, by their names.

    One layout of times holds for the whole file; of day first and month first, where both fit, the
    one that makes the file more regular. The calendar of the steps is found in the beginning of the
    file: a step of the clock, business days, or whole months. Values between two times of the file
    are told apart by UTC where it has offsets, and its own clock is kept to write them.

    With ``columns.resample`` steps are as long as it says, each the mean of its rows.

    What breaks the regularity is an error, or is mended and counted in one warning:

    - ``interpolate`` sorts, fills gaps and missing values on a line between neighbours, and says
      which were filled. Missing values at either end are cut. Where more would be filled than
      was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest segment without a gap: closing gaps would move lags.

    Of rows with the same time both keep the first that has a value; where most times come again,
    the file holds several series and is refused. Both drop rows between two steps. Rows at a
    series' end with the columns alone that are known ahead are those to forecast.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    calendar, chunks, clock = _opened(path, columns, cells, length)
    capacity = count_lines(path) * _SPARSEST[problems]
    grids: dict[str, Grid] = {}
    for chunk in _regular(columns, calendar, chunks, clock):
        for name, rows in chunk.by_series():
            grid = grids.get(name)
            if grid is None:
                grids[name] = grid = Grid(path, columns, capacity, calendar, name)
            if problems == "error":
                grid.check(rows)
            grid.add(rows)
    own = _whole_clock(path, columns, grids.values(), clock)
    return {name: grids.pop(name).mended(problems, own) for name in list(grids)}


def _whole_clock(
    path: Path, columns: SeriesColumns, grids: Collection["Grid"], clock: ClockChanges
) -> Clock | None:
    """The clock of all series, or of the zone that the settings name."""
    if columns.timezone is None:
        return clock.clock(path)
    starts = [grid.start or 0 for grid in grids]
    ends = [(grid.start or 0) + grid.size for grid in grids]
    calendar = next(iter(grids)).calendar
    begin, end = calendar.times([min(starts), max(ends)]).tolist()
    return zone_clock(columns.timezone, begin, end, clock.local)


def read_rows(path: Path, columns: SeriesColumns, most: int) -> dict[str, Recording]:
    """The first ``most`` rows, or a few more, of each series, as they stand there or resampled."""
    parts: dict[str, list[Recording]] = {}
    count = 0
    for chunk in _regular(columns, *_opened(path, columns, CELLS)):
        for name, rows in chunk.by_series():
            recording = Recording(rows.rows, rows.ticks, rows.values[:, 0])
            parts.setdefault(name, []).append(recording)
        count += len(chunk.ticks)
        if count >= most:
            break
    whole = {name: zip(*recordings, strict=True) for name, recordings in parts.items()}
    return {name: Recording(*map(np.concatenate, fields)) for name, fields in whole.items()}


def _opened(
    path: Path, columns: SeriesColumns, cells: int, length: int | str | None = None
) -> tuple[Calendar, Iterator[Chunk], ClockChanges]:
    """The calendar, all chunks, and what gathers the file's clock from them."""
    chunks = read_chunks(path, columns, cells)
    first = next(chunks)
    if columns.resample:
        calendar = Calendar.every(columns.resample)
        local = calendar.kind == "months" or calendar.step >= DAY
        return calendar, chain([first], chunks), ClockChanges(local)
    longest = max((rows for _, rows in first.by_series()), key=lambda rows: len(rows.ticks))
    local, calendar = _find_calendar(longest, length)
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


def _regular(
    columns: SeriesColumns, calendar: Calendar, chunks: Iterator[Chunk], clock: ClockChanges
) -> Iterator[Chunk]:
    """Chunks with times of the series' clock, resampled where the settings say so."""
    read = _by_clock(chunks, clock)
    return iter([_resampled(read, calendar)]) if columns.resample else read


def _by_clock(chunks: Iterator[Chunk], clock: ClockChanges) -> Iterator[Chunk]:
    """Chunks with times of the clock that the series goes by."""
    for chunk in chunks:
        ticks = chunk.ticks
        if clock.local and chunk.offsets is not None:
            ticks = ticks + chunk.offsets
        chunk = chunk._replace(ticks=ticks)
        for name, rows in chunk.by_series() if chunk.offsets is not None else ():
            clock.add(rows.ticks, rows.offsets, name)
        yield chunk


def _resampled(chunks: Iterator[Chunk], calendar: Calendar) -> Chunk:
    """The mean of all rows of each step, at the step's beginning."""
    parts = list(chunks)
    path, ticks = parts[0].path, np.concatenate([part.ticks for part in parts])
    names = [part.series for part in parts if part.series is not None]
    table = pd.DataFrame(np.concatenate([part.values for part in parts])).assign(
        step=calendar.index(ticks)[0],
        row=np.concatenate([part.rows for part in parts]),
        series=pd.concat(names).to_numpy() if names else "",
    )
    values = [k for k in table if isinstance(k, int)]
    steps = table.groupby(["step", "series"], as_index=False).agg(
        dict.fromkeys(values, "mean") | {"row": "min"}
    )
    what = "%s: %s rows resampled to %s steps of %s, each the mean of its rows"
    _log.info(what, path, f"{len(table):,}", f"{len(steps):,}", calendar.name)
    begins = calendar.times(steps["step"])
    times = pd.Series(begins.astype("M8[us]")).astype(str)
    series = steps["series"] if names else None
    rows, means = steps["row"].to_numpy(), steps[values].to_numpy()
    return Chunk(path, rows, times, begins, None, means, series)


class Grid:
    """What was read of a series for the steps from ``start`` on, NaN where nothing was.

    Memory is taken as steps fill, ``capacity`` of them at most.
    """

    def __init__(
        self, path: Path, columns: SeriesColumns, capacity: int, calendar: Calendar, name: str = ""
    ) -> None:
        self.path, self.columns, self.calendar, self.name = path, columns, calendar, name
        self.every = f"one every {calendar.name}"
        self.past = len(columns.numbers) - len(columns.known)  # columns that are not known ahead
        self.capacity = capacity
        # What is not written to takes no memory, but of many series it cannot be set aside.
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
        # Where columns are known ahead, the last rows may lack the others: see ``mended``.
        needed = chunk.values[:, self.past if self.columns.known else 0 :]
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
        """What a Sunday night in spring or autumn may be about."""
        moment = pd.Timestamp(int(chunk.ticks[i]), unit="us")
        night = moment.weekday() == 6 and moment.hour < 4 and moment.month in (3, 4, 9, 10, 11)
        if self.columns.timezone or chunk.offsets is not None or not night:
            return ""
        return " (where clocks change, set --data.timezone, such as Europe/Berlin)"

    def add(self, chunk: Chunk) -> None:
        """Put each row's values where its time says; the first to come stays."""
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
        """Make room for these steps, at the front by moving what is there; the first step."""
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

    def mended(self, problems: Problems, clock: Clock | None) -> Series:
        """The series without a missing value, but for those of steps that are to come."""
        if self.start is None:
            raise UserError(f"{self.title}: no row has a value; set --data.value to another column")
        if problems != "error" and (repeated := self.counts["repeated rows dropped"]):
            refuse_several(self.path, self.columns, repeated >= _REPEATED * self.rows)
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
        if counts := ", ".join(f"{count} {what}" for what, count in self.counts.items() if count):
            _log.warning("%s mended by %s: %s", self.title, problems, counts)
        values, filled = self.values[:, first:size], np.flatnonzero(missing[: self.past])
        if self.name:
            values = values.copy()  # which gives back what was set aside for more
        return Series(values, self.calendar, self.start + first, filled, clock, stop - first)

    def _ends(self) -> tuple[int, int, int]:
        """The first step with all columns, and the end of what was measured and of what is known.

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
            raise UserError(f"{self.title}: {fault}; add what is known")
        if not self.columns.known:
            size = stop
        if stop <= first:
            raise UserError(f"{self.title}: no step has a value in each column; name others")
        self.counts["steps cut where a column has no value"] = first + self.size - size
        return first, stop, size

    def _refuse(self, missing: Mask, first: int, stop: int) -> None:
        """What the rows alone could not show: a value that is missing, or a column's late begin."""
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
                raise self._too_sparse(self.start or 0, self.size)
            if gaps.any():
                # Only the values at the edges of gaps, which may be few of millions.
                index = np.flatnonzero(gaps)
                edges = np.setdiff1d(np.concatenate([index - 1, index + 1]), index)
                column[index] = np.interp(index, edges, column[edges])
                self.counts["values interpolated"] += len(index)

    def _cut(self, missing: Mask, first: int, stop: int, size: int) -> tuple[int, int, int]:
        """The longest segment without a gap, with what is known ahead where it is the last."""
        bounds = np.concatenate([[-1], np.flatnonzero(missing), [size - first]]) + first
        longest = int(np.diff(np.minimum(bounds, stop)).argmax())
        begin, end = int(bounds[longest]) + 1, int(bounds[longest + 1])
        measured = stop - first - int(missing[: stop - first].sum())
        self.counts["measured values cut away"] = measured - (min(end, stop) - begin)
        return begin, min(end, stop), end

    def _written(self, step: int) -> str:
        return str(
            self.calendar.times([(self.start or 0) + step]).astype("M8[us]").astype("M8[s]")[0]
        )

    def _too_sparse(self, start: int, size: int) -> UserError:
        ends = self.calendar.times([start, start + size - 1]).astype("M8[us]").astype("M8[s]")
        what = f"most of {size} rows from {ends[0]} to {ends[1]}, {self.every}, are missing"
        cure = "look for a wrong timestamp"
        if self.counts["rows off the grid dropped"] > _IRREGULAR * self.rows:
            cure = self._resample((ends[1] - ends[0]) / np.timedelta64(1, "us") / self.rows)
        return UserError(f"{self.title}: {what}; {cure}")

    @staticmethod
    def _resample(between: float) -> str:
        return f"set --data.resample={round_span(between)}, as rows come at no regular step"
