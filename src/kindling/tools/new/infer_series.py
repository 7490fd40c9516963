"""What a person's own file of a series holds, as settings of a new problem's data module."""

import re
import textwrap
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.data.sources import Recording
from kindling.errors import UserError
from kindling.series.calendar import DAY, Calendar, find_calendar, round_span
from kindling.series.columns import SeriesColumns
from kindling.series.read import read_rows
from kindling.series.several import OFTEN, find_series, is_of_a_day, refuse_several
from kindling.series.times import EXCEL, NOT_A_TIME, find_layout
from kindling.tables.columns import looks_like
from kindling.tables.read import text
from kindling.tools.new.budget import Budget, of_series

COMPARED, LAGS = 5_000, 60
"""Steps, at most, on which linear forecasts are compared, and steps that they look back."""

RIDGE = 1e-3
"""Of the largest singular value: directions that vary less are left out of a linear forecast."""

TIE = 1.02
"""Squared errors, relative to others, that are as good: those of a random walk's logarithm are."""

PARTS = 12
"""Of a series without a season, in which its level is compared with how much it changes."""

LOWEST = 0.05
"""Of the median: what is lower has a logarithm that is far from the others'."""

VARIED = 1.2
"""How many times as high some parts are as others, where their swings are compared."""

IRREGULAR = 0.5
"""Share of rows that follow the one before by a step, below which there is no step."""

ALIKE = 3
"""Columns of one name but for its number, from which on they are series."""

SEEN = 1000
"""Rows that show whether a column is of times."""


def infer_series(
    table: pd.DataFrame, path: Path, values: list[str], wide: bool, missing: list[str]
) -> tuple[dict[str, Any], Budget]:
    """Settings for a table with a row for each step of time, and what the series takes.

    Args:
        table: The file's rows.
        path: The file.
        values: Columns to forecast.
        wide: They are a series each.
        missing: Words for a missing value.
    """
    columns = _columns(table, path, values, wide)._replace(missing=tuple(missing))
    series = read_rows(path, columns, len(table) * len(values))
    longest = max(series.values(), key=lambda rows: len(rows.ticks))
    ticks, log = longest.ticks, False
    if (fit := find_calendar(ticks)) is None:
        raise UserError(f"{path}: a single time has no step; add rows to the file")
    calendar, steps, settings = fit.calendar, len(ticks), _settings(path, columns)
    if fit.share < IRREGULAR:
        settings["resample"] = round_span(np.ptp(ticks) / steps)
        calendar = Calendar.every(settings["resample"])
        steps = int(np.ptp(calendar.index(ticks)[0])) + 1
    else:
        if repeated := 1 - len(np.unique(ticks)) / steps:
            refuse_several(path, columns, certain=repeated >= OFTEN)
        season = next(filter(None, calendar.seasons()), 0)
        if len(series) == 1:
            seen = longest.values.reshape(-1)[: int(0.8 * steps)]
            log = swings_with_level(seen, season) and logarithm_forecasts_as_well(seen, season)
    regular = fit.share >= IRREGULAR and all(_is_regular(calendar, r) for r in series.values())
    settings["problems"] = "error" if regular else "interpolate"
    budget = of_series(steps, len(series), calendar, log)
    return settings, budget._replace(notes={**budget.notes, **_choice(table, columns, values)})


def _settings(path: Path, columns: SeriesColumns) -> dict[str, Any]:
    more = {"wide": [*columns.wide], "series": columns.series, "missing": [*columns.missing]}
    named = {"train": path.name, "time": columns.time, "value": columns.value}
    return named | {name: setting for name, setting in more.items() if setting}


def _columns(table: pd.DataFrame, path: Path, values: list[str], wide: bool) -> SeriesColumns:
    """Which columns are the time, the values, and the name of the series."""
    time = _find_time(table.drop(columns=values), path)
    if wide:
        prefix = re.split(r"\d", values[0])[0]
        return SeriesColumns(time, wide=[f"{prefix}*" if prefix.isidentifier() else "*"])
    columns = SeriesColumns(time, values[0] if len(values) == 1 else values)
    if table.duplicated(columns.times).any() and (found := find_series(path, columns)):
        if is_of_a_day(*found):
            return columns._replace(time=[*columns.times, found[0]])
        return columns._replace(series=found[0])
    return columns


def numbered(table: pd.DataFrame) -> list[str]:
    """The columns, if all but one are numbers that are called the same but for a number."""
    names = [str(name) for name in table.columns[1:]]
    alike = {re.sub(r"\d+", "#", name) for name in names}
    numeric = (looks_like(table[name]) in ("numbers", "identifiers") for name in names)
    return names if len(names) >= ALIKE and len(alike) == 1 and all(numeric) else []


def _choice(table: pd.DataFrame, columns: SeriesColumns, values: list[str]) -> dict[str, str]:
    """What else could be forecast of the file, beside the setting that says what is."""
    if columns.wide:
        alone = f"wide: [] and value: {values[0]}"
        return {"wide": f"{len(values)} columns, a series each; for one of them {alone}"}
    used = [name for _, name in columns.roles]
    free = [name for name in map(str, table.columns) if name not in used]
    if not (others := [name for name in free if looks_like(table[name]) == "numbers"]):
        return {}
    names = textwrap.shorten(", ".join(others), 60, placeholder=" ...")
    each = "" if columns.series else ", wide: ['*'] takes each as a series"
    cure = f"inputs: [..] learns from them, value: [..] forecasts several{each}"
    return {"value": f"numbers besides: {names}; {cure}"}


def _is_regular(calendar: Calendar, rows: Recording) -> bool:
    index, off = calendar.index(rows.ticks)
    return bool((np.diff(index) == 1).all() and not (off | np.isnan(rows.values)).any())


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


def logarithm_forecasts_as_well(values: NDArray[np.float64], season: int = 0) -> bool:
    """Whether a linear forecast of the last quarter errs no more by the values' logarithm."""
    known = values[np.isfinite(values)][-COMPARED:]
    lags, errors = min(max(season, 3), LAGS) + 1, []
    for scaled, back in ((np.log(known), np.exp), (known, np.positive)):
        windows = np.lib.stride_tricks.sliding_window_view(scaled, lags + 1)
        last, change = windows[:, -2], windows[:, -1] - windows[:, -2]
        rows = np.column_stack([windows[:, :-2] - last[:, None], np.ones(len(last))])
        cut = len(rows) * 3 // 4
        slopes = np.linalg.lstsq(rows[:cut], change[:cut], RIDGE)[0]
        errors.append(np.square(back(last + rows @ slopes) - back(last + change))[cut:].mean())
    return bool(errors[0] < TIE * errors[1])


def _find_time(table: pd.DataFrame, path: Path) -> str | list[str]:
    """The column of times, of text if there is one, or those of year, month and so on."""
    layouts = {str(n): found for n in table if (found := _layout(text(table, str(n))))}
    if not layouts:
        raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")

    def unlikely(name: str) -> tuple[bool, bool, int]:
        # Text that reads as a time hardly is anything else; any price may be one of Excel's days.
        known = pd.to_numeric(table[name].dropna().head(SEEN), errors="coerce")
        return bool(known.notna().all()), layouts[name] == EXCEL, -table[name].nunique()

    time = min(layouts, key=unlikely)
    names = {str(name).casefold(): str(name) for name in table.columns}
    parts = [*takewhile(names.__contains__, ("year", "month", "day", "hour", "minute"))]
    return [names[part] for part in parts] if time.casefold() == "year" and parts[1:] else time


def _layout(cells: "pd.Series[str]") -> str:
    """The layout of times, of text or numbers, that the first cells are in; "" if they are none."""
    known = cells.dropna().head(SEEN)
    if known.empty or looks_like(cells) == "photos":
        return ""
    try:
        layout = find_layout(known, None, None)
    except UserError:  # day first or month first, which training asks for
        return "either"
    if layout is None:
        return ""
    # A row's number counts no seconds.
    ticks = layout.parse(known).ticks
    counts = layout.format == "seconds" and ticks[0] < DAY
    return "" if counts or ticks[0] == NOT_A_TIME else layout.format
