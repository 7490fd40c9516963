"""What a person's own file of a series holds, as settings of a new problem's data module."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.series.calendar import DAY, Calendar, find_calendar, round_span
from kindling.series.columns import SeriesColumns
from kindling.series.read import read_rows
from kindling.series.several import find_series, refuse_several
from kindling.series.times import NOT_A_TIME, find_layout
from kindling.tables.columns import looks_like
from kindling.tools.new.budget import Budget, of_series

PARTS = 12  # of a series without a season, whose levels are compared with how much they change
LOWEST = 0.05  # of the median: what is lower has a logarithm that is far from the others'
VARIED = 1.2  # times as high as others some parts are, where their swings are compared
IRREGULAR = 0.5  # share of rows that follow the one before by a step, below which there is none
SEEN = 1000  # rows that show whether a column is of times


def infer_series(
    table: pd.DataFrame, path: Path, value: str, missing: list[str]
) -> tuple[dict[str, Any], Budget]:
    """Settings for a table with a row for each step of time, and what the series takes."""
    time = _find_time(table.drop(columns=value), path)
    columns = SeriesColumns(time, value, missing=tuple(missing))
    if table[time].duplicated().any() and (found := find_series(path, columns)):
        columns = columns._replace(series=found[0])
    rows = next(iter(read_rows(path, columns, len(table)).values()))
    if (fit := find_calendar(rows.ticks)) is None:
        raise UserError(f"{path}: a single time has no step; add rows to the file")
    settings: dict[str, Any] = {"train": path.name, "time": time, "value": value}
    settings |= {"series": columns.series} if columns.series else {}
    settings |= {"missing": missing} if missing else {}
    series = table[columns.series].nunique() if columns.series else 1
    if fit.share < IRREGULAR:
        between = np.ptp(rows.ticks) / len(rows.ticks)
        settings |= {"resample": round_span(between), "problems": "interpolate"}
        calendar = Calendar.every(settings["resample"])
        steps = int(np.ptp(calendar.index(rows.ticks)[0])) + 1
        return settings, of_series(steps, series, calendar, log=False)
    if len(np.unique(rows.ticks)) < len(rows.ticks):
        refuse_several(path, columns)
    index, off = fit.calendar.index(rows.ticks)
    regular = bool((np.diff(index) == 1).all() and not (off | np.isnan(rows.values)).any())
    settings["problems"] = "error" if regular else "interpolate"
    training = rows.values[: int(0.8 * len(rows.values))]
    season = next(filter(None, fit.calendar.seasons()), 0)
    log = series == 1 and swings_with_level(training, season)
    return settings, of_series(len(index), series, fit.calendar, log)


def swings_with_level(values: NDArray[np.float64], season: int = 0) -> bool:
    """Whether positive numbers differ the more within a season, the higher they are in it.

    References:
        Guerrero, Time-Series Analysis Supported by Power Transformations, 1993, Journal of
        Forecasting 12(1)
    """
    known = values.reshape(-1)[np.isfinite(values.reshape(-1))]
    length = max(season, 4) if season else len(known) // PARTS
    if length < 4 or len(known) < 4 * length or known.min() <= LOWEST * np.median(known):
        return False
    parts = known[len(known) % length :].reshape(-1, length)
    level, swing = parts.mean(1), parts.std(1)
    low, high = np.quantile(level, [0.1, 0.9])
    if high < VARIED * low or swing.min() <= 0:
        return False
    return bool(np.polyfit(np.log(level), np.log(swing), 1)[0] > 0.5)


def _find_time(table: pd.DataFrame, path: Path) -> str:
    """The first column of times, of text if there is one."""
    # Numbers may be times as well, but text that reads as a time hardly is anything else.
    first = table.head(SEEN).apply(pd.to_numeric, errors="coerce")
    numeric = [name for name in table if first[name].count() == table[name].head(SEEN).count()]
    for name in sorted(map(str, table), key=numeric.__contains__):
        if _is_time(table[name]):
            return name
    raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")


def _is_time(cells: "pd.Series[str]") -> bool:
    """Text or numbers in a layout of times, in all of the first rows."""
    known = cells.dropna().head(SEEN)
    if known.empty or looks_like(cells) == "photos":
        return False
    try:
        layout = find_layout(known, None, None)
    except UserError:  # day first or month first, which training asks for
        return True
    if layout is None:
        return False
    # A row's number counts no seconds.
    ticks = layout.parse(known).ticks
    return bool(ticks[0] != NOT_A_TIME and not (layout.format == "seconds" and ticks[0] < DAY))
