"""Series at regular steps, read from a CSV file of any length.

While a file is read each value goes to its step in a calendar, so that 50 million rows cost 8 bytes
each and their timestamps nothing.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd

from kindling.data.sources import Recording
from kindling.errors import UserError
from kindling.series.calendar import DAY, Calendar, find_calendar
from kindling.series.clock import Clock, ClockChanges, zone_clock
from kindling.series.columns import SeriesColumns
from kindling.series.grid import Grid, Problems
from kindling.series.rows import CELLS, Chunk, count_lines, read_chunks
from kindling.series.series import Series

_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # steps for each row
_log = logging.getLogger(__name__)


def read_panel(
    path: Path,
    columns: SeriesColumns,
    problems: Problems = "error",
    cells: int = CELLS,
    length: int | str | None = None,
) -> dict[str, Series]:
    """Read the series of a CSV file, at one regular step, by their names.

    One layout of times holds for the whole file; if day first and month first both fit, the more
    regular one. The calendar of the steps is found in the beginning of the file: a step of the
    clock, business days, or whole months. Times with offsets count in UTC.

    With ``columns.resample`` each step is the mean of its rows. With ``columns.wide`` each column
    is a series, from its first value to its last. Irregularities are an error, or are mended and
    counted in one warning:

    - ``interpolate`` sorts, fills gaps and missing values on a line between neighbours, and says
      which were filled. Missing values at either end are cut. Where more would be filled than
      was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest segment without a gap: closing gaps would move lags.

    Both keep the first row with a value of each time, and drop rows between two steps. If most
    times repeat, the file holds several series and is refused. Rows at a series' end that have
    only columns known ahead are those to forecast.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    columns = columns.of_file(path)
    grids: dict[str, Grid] = {}
    with _opened(path, columns, cells, length) as (calendar, chunks, clock):
        capacity = count_lines(path) * _SPARSEST[problems]
        for chunk in _regular(columns, calendar, chunks, clock):
            for name, rows in chunk.by_series():
                if name not in grids:
                    grids[name] = Grid(path, columns, capacity, calendar, name)
                grid = grids[name]
                if problems == "error":
                    grid.check(rows)
                grid.add(rows)
    own = _whole_clock(path, columns, grids.values(), clock)
    if columns.wide:
        grids = grids.pop("").by_column(problems)
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
    """About the first ``most`` rows of each series, unchanged or resampled.

    Of several columns, a row's first value, NaN where any is missing.
    """
    columns = columns.of_file(path)
    parts: dict[str, list[Recording]] = {}
    count = 0
    with _opened(path, columns, CELLS) as opened:
        for chunk in _regular(columns, *opened):
            for name, rows in chunk.by_series():
                gaps = np.isnan(rows.values).any(1) & (not columns.wide)
                for k, column in enumerate(columns.values if columns.wide else [name]):
                    values = np.where(gaps, np.nan, rows.values[:, k])
                    recording = Recording(rows.rows, rows.ticks, values)
                    parts.setdefault(column, []).append(recording)
            count += len(chunk.ticks) * len(columns.values if columns.wide else [""])
            if count >= most:
                break
    whole = {name: zip(*recordings, strict=True) for name, recordings in parts.items()}
    found = {name: Recording(*map(np.concatenate, fields)) for name, fields in whole.items()}
    return (
        {name: _from_first_to_last(rows) for name, rows in found.items()} if columns.wide else found
    )


def _from_first_to_last(rows: Recording) -> Recording:
    """Without the rows before the first value of a column and after its last."""
    there = np.flatnonzero(~np.isnan(rows.values))
    kept = slice(there[0], there[-1] + 1) if len(there) else slice(0)
    return Recording(rows.lines[kept], rows.ticks[kept], rows.values[kept])


@contextmanager
def _opened(
    path: Path, columns: SeriesColumns, cells: int, length: int | str | None = None
) -> Iterator[tuple[Calendar, Iterator[Chunk], ClockChanges]]:
    """The calendar, all chunks, and the gatherer of the file's clock changes."""
    with closing(read_chunks(path, columns, cells)) as chunks:
        first = next(chunks)
        local, calendar = _find_calendar(first, columns, length)
        if calendar.tolerance:
            reach = timedelta(microseconds=calendar.tolerance)
            _log.warning("%s: times off by up to %s are rounded to %s", path, reach, calendar.name)
        every = chain([first], chunks)
        del first  # or it would stay in memory for as long as the others are read
        yield calendar, every, ClockChanges(local)


def _find_calendar(
    first: Chunk, columns: SeriesColumns, length: int | str | None
) -> tuple[bool, Calendar]:
    """Whether steps are of the file's own clock rather than of UTC, and the calendar."""
    if columns.resample:
        calendar = Calendar.every(columns.resample)
        return calendar.kind == "months" or calendar.step >= DAY, calendar
    chunk = max((rows for _, rows in first.by_series()), key=lambda rows: len(rows.ticks))
    found = find_calendar(chunk.ticks, length)
    if found is None:
        raise UserError(f"{chunk.path}: a single time has no step; add rows to the file")
    if chunk.offsets is not None:
        shown = find_calendar(chunk.ticks + chunk.offsets, length)
        # Midnights, months and business days are of local time.
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
    """The mean of each step's rows, at the beginning of the step."""
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
