"""Times as files write them: one layout for a whole column, and the file's own clock.

N: times.
"""

import re
import warnings
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from kindling.errors import UserError
from kindling.series.calendar import DAY, SECOND, Ticks, find_calendar

Text = pd.Series  # of str

NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is as an integer

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_OFFSET = re.compile(r"[T ]\d\d(?::?\d\d)*(?:\.\d+)?\s*(?:Z|[+-]\d\d:?(?:\d\d)?)$")
_TAIL = re.compile(r"([+-])(\d\d):?(\d\d)?$")
_QUARTER = re.compile(r"(?:(\d{4})[- ]?Q([1-4])|Q([1-4])[- ]?(\d{4}))", re.IGNORECASE)
_WEEK = re.compile(r"(\d{4})[- ]?W(\d{1,2})", re.IGNORECASE)
_UNIX = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
_PLAUSIBLE = (3e14, 4.2e15)  # microseconds: 1979 to 2103
_ELAPSED = 1000  # a count of seconds begins below it
EXCEL = "Excel's days"
_EXCEL_DAYS = (20_000, 80_000)  # 1954 to 2119, in days since 1899-12-30
_YEARS = "decimal years"  # of R: 1991.5 is July, in whole months or in days
_DIGITS = {6: "%Y%m", 8: "%Y%m%d", 10: "%Y%m%d%H", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_ORDERS = (("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%d", "%m", "%y"), ("%m", "%d", "%y"))
_DAYS = [mark.join(order) for order, mark in product(_ORDERS, "/.-")]
_CLOCKS = ["", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S",
           " %H.%M", " %H.%M.%S", " %H"]  # fmt: skip
_LAYOUTS = [
    *(day + clock for day, clock in product([*_DAYS, "%Y-%m-%d", "%Y/%m/%d"], _CLOCKS)),
    *("%B-%Y", "%b-%Y", "%B %Y", "%b %Y", "%Y %B", "%Y %b", "%m/%Y", "%Y/%m"),
    *("%Y %m %d", "%Y %m %d %H", "%Y %m %d %H %M"),  # a column each
]


class Parsed(NamedTuple):
    """Times in UTC, ``(N,)``, and how far the file's own clock is ahead of UTC."""

    ticks: Ticks
    offsets: Ticks | None = None


class Layout(NamedTuple):
    """How a column writes its times: pandas' format, or a name of ours; and its clock's zone."""

    format: str
    zone: str | None = None

    def parse(self, times: "pd.Series[str]", series: "pd.Series[str] | None" = None) -> Parsed:
        """Times, of several ``series`` by their names; what does not fit is ``NOT_A_TIME``."""
        ticks = _parse(times, self.format)
        if self.format == "ISO8601" and _OFFSET.search(times.iloc[0]):
            return Parsed(ticks, _offsets(times))
        return Parsed(ticks) if self.zone is None else _localized(ticks, self.zone, series)


def find_layout(times: "pd.Series[str]", dayfirst: bool | None, zone: str | None) -> Layout | None:
    """The layout of a column's times; None where its first cell is no time.

    Raises:
        UserError: Day first and month first both fit, and neither makes the times more regular.
    """
    first = times.iloc[0]
    if _NUMBER.fullmatch(first):
        known = _of_numbers(times)
    elif _QUARTER.fullmatch(first):
        known = ["quarter"]
    elif _WEEK.fullmatch(first):
        known = ["week"]
    elif _parse(times[:1], "ISO8601")[0] != NOT_A_TIME:
        known = ["ISO8601"]
    else:
        known = _of_text(times, dayfirst)
    return Layout(known[0], zone) if known else None


def _of_numbers(times: "pd.Series[str]") -> list[str]:
    digits = times.str.len().nunique() == 1 and times.str.isdigit().all()
    first = times.iloc[0]
    numbers = pd.to_numeric(times, errors="coerce").to_numpy(np.float64)
    if digits and len(first) == 4 and first >= "1000":
        return ["%Y"] if (numbers < 3000).all() else []
    if digits and len(first) in _DIGITS and first[:2] in ("17", "18", "19", "20", "21"):
        layout = _DIGITS[len(first)]
        if (_parse(times, layout) != NOT_A_TIME).all():
            return [layout]
    if digits and len(first) == 6 and (_parse(times, "%y%m%d") != NOT_A_TIME).all():
        return ["%y%m%d"]
    if abs(numbers[0]) < _ELAPSED:
        return ["seconds"]
    if ((numbers >= 1000) & (numbers < 3000)).all():
        return [_YEARS] if _fits(_parse(times, _YEARS))[1] > 0.5 else []
    if _EXCEL_DAYS[0] <= numbers[0] <= _EXCEL_DAYS[1]:
        return [EXCEL]
    low, high = _PLAUSIBLE
    return [unit for unit, size in _UNIX.items() if low <= numbers[0] * size <= high]


def _of_text(times: "pd.Series[str]", dayfirst: bool | None) -> list[str]:
    with warnings.catch_warnings(action="ignore"):  # pandas warns about its guesses
        guesses = [guess_datetime_format(times.iloc[0], dayfirst=day) for day in (True, False)]
    layouts = [x for x in _LAYOUTS if _parse(times[:1], x)[0] != NOT_A_TIME]
    layouts += [guess for guess in guesses if guess and guess not in layouts]
    if dayfirst is not None:
        order = "%d%m" if dayfirst else "%m%d"
        layouts = [x for x in layouts if not {*"dm"} <= {*x} or order in re.sub(r"[^%dm]", "", x)]
    read = {layout: _parse(times, layout) for layout in layouts}
    best = max((_fits(ticks) for ticks in read.values()), default=(0, 0.0))
    good = [layout for layout, ticks in read.items() if _fits(ticks) == best]
    if any((read[layout] != read[good[0]]).any() for layout in good) and "." not in times.iloc[0]:
        ways = " or ".join(dict.fromkeys(str(_moment(read[layout][0])) for layout in good))
        raise UserError(f"{times.iloc[0]!r} is {ways}: set --data.dayfirst=true or false")
    return good


def _fits(ticks: Ticks) -> tuple[int, float]:
    """How many are times, and the share of steps that are regular."""
    read = ticks[ticks != NOT_A_TIME]
    fit = find_calendar(read)
    # Monthly steps on a day in mid-month rather come from day and month mixed up.
    odd = fit and fit.calendar.kind == "months" and 1 < fit.calendar.day < 28
    return len(read), round(fit.share, 3) if fit and not odd else 0.0


def _moment(ticks: np.int64) -> np.datetime64:
    return np.datetime64(int(ticks) // DAY, "D")


def _parse(times: "pd.Series[str]", layout: str) -> Ticks:
    if layout in _UNIX:
        numbers = pd.to_numeric(times, errors="coerce").to_numpy(np.float64)
        return _rounded(numbers * _UNIX[layout])
    if layout == EXCEL:
        days = pd.to_numeric(times, errors="coerce").to_numpy(np.float64)
        # A day's fraction is exact to a second.
        return _rounded(np.rint((days - 25_569) * 86_400) * SECOND)
    if layout == _YEARS:
        return _of_years(pd.to_numeric(times, errors="coerce").to_numpy(np.float64))
    if layout == "quarter":
        times = times.map(_first_month)
        layout = "%Y-%m"
    if layout == "week":
        times, layout = times.str.replace(_WEEK, r"\1-W\2-1", regex=True), "%G-W%V-%u"
    ticks = _to_ticks(times, layout)
    if (late := ticks == NOT_A_TIME).any() and "%I" not in layout:
        # Midnight at the end of a day; looked for only where a time cannot be read.
        begun = times[late].str.replace(r"(?<=[T ])24(?=:00|$)", "00", regex=True)
        changed = (begun != times[late]).to_numpy()
        again = _to_ticks(begun, layout)
        found = changed & (again != NOT_A_TIME)
        ticks[late] = np.where(found, again + DAY * found, NOT_A_TIME)
    return ticks


def _of_years(years: npt.NDArray[np.float64]) -> Ticks:
    months = (years - 1970) * 12
    month = np.rint(months)
    if not (np.abs(months - month) > 0.02).any():
        return _rounded(month).astype("M8[M]").astype("M8[us]").astype(np.int64)
    # Weeks and days are of a year of constant length, so that their steps are all the same.
    return _rounded(np.rint((years - 1970) * 365.25) * DAY)


def _first_month(cell: str) -> str:
    found = _QUARTER.fullmatch(cell)
    if found is None:
        return ""
    year, quarter = found[1] or found[4], int(found[2] or found[3])
    return f"{year}-{3 * quarter - 2:02}"


def _to_ticks(times: "pd.Series[str]", layout: str) -> Ticks:
    parsed = pd.to_datetime(times, format=layout, errors="coerce", utc=True, cache=False)
    # Pandas 2 reads nanoseconds, pandas 3 the unit that the text needs.
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)


def _rounded(ticks: npt.NDArray[np.float64]) -> Ticks:
    ticks = np.rint(ticks)
    return np.where(np.abs(ticks) < 1e18, ticks, NOT_A_TIME).astype(np.int64)


def _offsets(times: "pd.Series[str]") -> Ticks:
    """How far the file's clock is ahead of UTC, by the end of each cell."""
    codes, tails = pd.factorize(times.str.slice(-6))
    return np.array([_offset(tail) for tail in tails], np.int64)[codes]


def _offset(tail: str) -> int:
    found = _TAIL.search(tail)
    if found is None:
        return 0  # Z
    minutes = 60 * int(found[2]) + int(found[3] or 0)
    return int(f"{found[1]}1") * minutes * 60 * SECOND


def _localized(ticks: Ticks, zone: str, series: "pd.Series[str] | None") -> Parsed:
    """Times of a zone's clock; of an hour that comes twice in a series, the first is summer's."""
    there = ticks != NOT_A_TIME
    local = pd.DataFrame({"time": ticks, "series": "" if series is None else series.to_numpy()})
    summer = ~local[there].duplicated().to_numpy()
    shown = pd.DatetimeIndex(ticks[there].astype("M8[us]"))
    utc = shown.tz_localize(zone, ambiguous=summer, nonexistent="NaT").tz_convert(None)
    found = np.full(len(ticks), NOT_A_TIME)
    found[there] = utc.to_numpy().astype("M8[us]").astype(np.int64)
    return Parsed(found, np.where(found == NOT_A_TIME, 0, ticks - found))
