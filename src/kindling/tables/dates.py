"""Columns of dates as numbers: a date is its year, month, weekday, hour and days since 1970.

A part is a column of its own, called after the date's: ``signup year``. It is read from the date's
column wherever a number is asked for by that name. A time of day has hour and days, from 0 to 1.
"""

import re
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError

PARTS = ("year", "month", "weekday", "hour", "days")
_DATE = re.compile(
    r"\d{1,4}[-/. ]\w{1,9}[-/., ]+\d{1,4}|[A-Za-z]{3,9} \d{1,2},? \d{4}"
    r"|[A-Za-z]{3,9}[- ](19|20)\d\d$|(19|20)\d\d-\d\d$|\d{1,2}:\d\d(:\d\d)?$"
)
_OFFSET = r"(?<=:\d\d)(?:\.\d+)?\s*(?:[+-]\d\d:?\d\d|Z)$"
_DAYS = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"]
_DAYS += ["%d-%b-%Y", "%d-%b-%y"]
_DAYS += [f"%d{mark}%m{mark}{year}" for mark, year in product("/-.", ("%Y", "%y"))]
_DAYS += [f"%m{mark}%d{mark}{year}" for mark, year in product("/-", ("%Y", "%y"))]
_MONTHS = ["%b-%Y", "%B-%Y", "%b %Y", "%B %Y", "%Y-%m"]
_FIRST = pd.Timestamp(0)
_CLOCKS = ["%H:%M", "%H:%M:%S"]
_TIMES = ["", " %H:%M", " %H:%M:%S", "T%H:%M", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]


def dates(cells: "pd.Series[str]") -> "pd.Series[pd.Timestamp] | None":
    """The cells as dates, by the file's own clock, NaT where missing.

    None if they are not dates by one layout, or by two that differ, as 01/02/2024 might be.
    """
    there = cells.dropna()
    if there.empty or pd.api.types.is_numeric_dtype(there) or not _DATE.match(there.iloc[0]):
        return None
    there = there.str.replace(_OFFSET, "", regex=True)
    found = None
    for layout in [*map("".join, product(_DAYS, _TIMES)), *_MONTHS, *_CLOCKS]:
        if pd.isna(pd.to_datetime(there.iloc[0], format=layout, errors="coerce")):
            continue
        read = pd.to_datetime(there, format=layout, errors="coerce")
        if read.isna().any():
            continue
        if layout in _CLOCKS:  # which pandas takes for the first day of 1900
            read += _FIRST - pd.Timestamp(1900, 1, 1)
        if found is not None and not found.equals(read):
            return None
        found = read
    return None if found is None else found.reindex(cells.index)


def is_of_a_day(moments: "pd.Series[pd.Timestamp]") -> bool:
    """Whether these are times of day without a date."""
    return bool(moments.max() < _FIRST + pd.Timedelta(days=1) and moments.min() >= _FIRST)


def source(name: str, table: pd.DataFrame) -> str:
    """The column that a number is read from: of part of a date, the date's."""
    column, _, part = name.rpartition(" ")
    return column if name not in table and column in table and part in PARTS else name


def date_parts(cells: "pd.Series[str]", name: str, path: Path) -> NDArray[np.float64]:
    """The part of the dates that the column's name means, ``(N,)``, NaN where missing."""
    moments = dates(cells)
    if moments is None:
        if cells.notna().any():
            cure = "write them as 2024-01-31, or leave the column out"
            raise UserError(f"{path}, column {cells.name!r}: ambiguous dates: {cure}")
        return np.full(len(cells), np.nan)
    return part_of(moments, name.rpartition(" ")[2])


def part_of(moments: "pd.Series[pd.Timestamp]", part: str) -> NDArray[np.float64]:
    """One of :data:`PARTS` of each date, ``(N,)``."""
    attribute = {"weekday": "day_of_week"}.get(part, part)  # of pandas
    days = (moments - _FIRST) / pd.Timedelta(days=1)
    return np.asarray(days if part == "days" else getattr(moments.dt, attribute), np.float64)
