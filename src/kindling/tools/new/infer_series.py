"""What a person's own series holds: its time, its value, its step, and what must be mended."""

from pathlib import Path

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.tables.columns import looks_like
from kindling.tables.read import read_table, require_columns
from kindling.tools.new.infer import Column, Inferred

DAY, WEEK = 86_400, 7 * 86_400
WINDOW = 24
SPARE = 40
"""How often what a window and its lags take must fit into the series."""


def infer_series(path: Path, value: str | None) -> Inferred:
    """Look at a series.

    Args:
        path: CSV file.
        value: Column to forecast; the last one of numbers if none is named.

    Raises:
        UserError: The file has no time, or no other column of numbers.
    """
    table = read_table(path)
    if value is not None:
        require_columns(table, [value], path)
    names = [str(name) for name in table.columns]
    time = next((name for name in names if name != value and _is_time(table[name])), None)
    if time is None:
        raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")
    numbers = [n for n in names if n != time and looks_like(table[n]) in ("numbers", "identifiers")]
    if value is None and not numbers:
        raise UserError(f"{path}: no column of numbers beside {time!r}; a series needs one")
    value = numbers[-1] if value is None else value
    times = _times(table[time]).dropna().sort_values()
    seconds = times.diff().dt.total_seconds().dropna()
    step = int(seconds[seconds > 0].mode().iloc[0]) if (seconds > 0).any() else DAY
    irregular = bool((_times(table[time]).diff().dt.total_seconds().dropna() != step).any())
    mend = irregular or bool(table[value].isna().any())
    lags = _lags(step, len(table))
    settings: dict[str, object] = {
        "train": path.name,
        "test": None,
        "time": time,
        "value": value,
        "problems": "interpolate" if mend else "error",
        "window": WINDOW,
        "lags": lags,
    }
    roles = {time: "time", value: "value"}
    columns = [
        Column(n, roles.get(n, "not used"), float(table[n].isna().mean()), table[n].nunique(), c)
        for n in names
        for c in [str(next(iter(table[n].dropna()), ""))]
    ]
    about = f"{len(table):,} rows; a step is {pd.Timedelta(seconds=step)}"
    about += "; gaps or missing values are interpolated" if mend else "; regular"
    constants = _constants(path, table, time, value, step)
    return Inferred(path, about, "regression", columns, settings, constants)


def _is_time(cells: "pd.Series[str]") -> bool:
    if looks_like(cells) in ("numbers", "identifiers", None):
        return False
    return bool(_times(cells).notna().mean() > 0.9)


def _times(cells: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """By the layout of the first cell; the data module reads more layouts than that."""
    for first in (False, True):
        read = pd.to_datetime(cells, errors="coerce", utc=True, format="mixed", dayfirst=first)
        if read.notna().mean() > 0.9:
            break
    return read


def _lags(step: int, rows: int) -> list[str]:
    """A day and a week, where the step divides them and the series is long enough."""
    periods = {"1d": DAY, "7d": WEEK}
    fitting = {name: period for name, period in periods.items() if period % step == 0}
    return [n for n, p in fitting.items() if p > step and rows > SPARE * (p // step + WINDOW)]


def _constants(path: Path, table: pd.DataFrame, time: str, value: str, step: int) -> dict[str, str]:
    number = pd.to_numeric(table[value].str.replace(",", "."), errors="coerce").to_numpy()
    center, scale = float(f"{np.nanmean(number):.4g}"), float(f"{np.nanstd(number) or 1.0:.4g}")
    longest = max([0, *(int(lag[:-1]) for lag in _lags(step, len(table)))])
    steps = max(2000, SPARE * (longest * DAY // step + WINDOW))
    return {
        "FILE": f"FILE = {path.name!r}",
        "TIME": f"TIME, VALUE = {time!r}, {value!r}",
        "START": f'START, STEP, STEPS = "2024-01-01T00:00:00", {step}, {steps}',
        "CENTER": f"CENTER, SCALE = {center!r}, {scale!r}",
    }
