"""Regular steps of time: of a clock, of business days, or of whole months.

All times are microseconds since 1970 (``ticks``); steps are numbered from any beginning.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from kindling.errors import UserError

Ticks = npt.NDArray[np.int64]  # microseconds since 1970: enough for any sensor, year 9999 fits
Mask = npt.NDArray[np.bool_]

SECOND = 1_000_000
DAY, WEEK = 86_400 * SECOND, 7 * 86_400 * SECOND
MONDAY = 3 * DAY  # from a Monday's midnight to the epoch, which was a Thursday

UNITS = {"s": SECOND, "min": 60 * SECOND, "h": 3600 * SECOND, "d": DAY, "w": WEEK}
MONTHS = {"m": 1, "mo": 1, "q": 3, "y": 12}
_MONTH_NAMES = {1: "month", 3: "quarter", 12: "year"}
_ROUND = [k * u for u, ks in ((SECOND, (1, 5, 10, 15, 30)), (60 * SECOND, (1, 5, 10, 15, 30)),
          (3600 * SECOND, (1, 2, 3, 4, 6, 8, 12)), (DAY, (1, 7))) for k in ks]  # fmt: skip
JITTER = 20
"""Part of a step by which times may miss a round one and still be taken for it."""


@dataclass(frozen=True)
class Calendar:
    """Steps of one length.

    Args:
        kind: What the length is counted in.
        step: Length in microseconds, or in months; 1 of business days, Monday to Friday.
        phase: Where in the step times lie; of the others, where in the day, in microseconds.
        day: Of months, the day; in a shorter month it is the last.
        month: Of months, the one that steps are counted from.
        tolerance: How far a time may be from its step, in microseconds.
    """

    kind: Literal["time", "business days", "months"]
    step: int
    phase: int = 0
    day: int = 1
    month: int = 0
    tolerance: int = 0

    @classmethod
    def of(cls, length: int | str) -> "Calendar":
        """A calendar with steps of this length that starts anywhere."""
        if isinstance(length, int):
            return cls("time", length)
        if length == "business day":
            return cls("business days", 1)
        named = {name: months for months, name in _MONTH_NAMES.items()}
        return cls("months", named[length] if length in named else int(length.split()[0]))

    @classmethod
    def every(cls, text: str) -> "Calendar":
        """Steps of "15min", "1d" or "1m", from round times on; weeks begin on Monday."""
        count, unit = span(text, "data.resample")
        if unit in MONTHS:
            return cls("months", count * MONTHS[unit])
        return cls("time", count * UNITS[unit], (WEEK - MONDAY) * (unit == "w"))

    @property
    def length(self) -> int | str:
        """What a checkpoint keeps: microseconds, or the name of the step."""
        return self.step if self.kind == "time" else self.name

    @property
    def name(self) -> str:
        if self.kind == "business days":
            return "business day"
        if self.kind == "months":
            return _MONTH_NAMES.get(self.step, f"{self.step} months")
        return str(timedelta(microseconds=self.step))

    def index(self, ticks: Ticks) -> tuple[Ticks, Mask]:
        """The step of each time, and which times lie on no step."""
        if self.kind == "time":
            index, rest = np.divmod(ticks - self.phase + self.tolerance, self.step)
            return index, rest > 2 * self.tolerance
        days, rest = np.divmod(ticks - self.phase, DAY)
        if self.kind == "business days":
            weeks, weekday = np.divmod(days + 3, 7)
            return 5 * weeks + np.minimum(weekday, 4), (rest != 0) | (weekday > 4)
        months = days.astype("M8[D]").astype("M8[M]")
        index, between = np.divmod(months.astype(np.int64) - self.month, self.step)
        expected = _days_of(months, self.day).astype(np.int64)
        return index, (rest != 0) | (between != 0) | (days != expected)

    def times(self, index: npt.ArrayLike) -> Ticks:
        """The time of each step."""
        index = np.asarray(index, np.int64)
        if self.kind == "time":
            return index * self.step + self.phase
        if self.kind == "business days":
            weeks, weekday = np.divmod(index, 5)
            return (7 * weeks + weekday - 3) * DAY + self.phase
        months = (index * self.step + self.month).astype("M8[M]")
        days: Ticks = _days_of(months, self.day).astype(np.int64)
        return days * DAY + self.phase

    def lag(self, text: str) -> int:
        """The steps of a span such as "12h", "1d" or "1y".

        Raises:
            UserError: It is no span, or no whole number of steps.
        """
        count, unit = span(text)
        if self.kind == "business days" and unit in "dw":
            return count * (5 if unit == "w" else 1)
        size = MONTHS if self.kind == "months" else UNITS
        if unit not in size or self.kind == "business days" or count * size[unit] % self.step:
            raise UserError(
                f"data.lags: {text} is not a multiple of the series' step ({self.name}); "
                "set --data.lags=[]"
            )
        return count * size[unit] // self.step

    def neighbours(self) -> tuple[int, int]:
        """About how many steps a week and a day have."""
        if self.kind == "time":
            return max(1, WEEK // self.step), max(1, DAY // self.step)
        return (5, 1) if self.kind == "business days" else (1, 1)

    def seasons(self) -> list[int]:
        """Steps of a day, a week and a year, 0 where it is one step or no number of them."""
        if self.kind == "business days":
            return [0, 5]
        if self.kind == "months":
            return [0, 0, 12 // self.step * (12 % self.step == 0 and self.step < 12)]
        return [p // self.step * (p % self.step == 0 and p > self.step) for p in (DAY, WEEK)]


def span(text: str, setting: str = "data.lags") -> tuple[int, str]:
    """Count and unit of "1d" or "12h"."""
    found = re.fullmatch(r"(\d+) *([a-z]+)", text.strip())
    if found is None or found[2] not in {**UNITS, **MONTHS}:
        raise UserError(f'{setting}: "{text}" is not a duration such as "1d" or "12h"')
    if int(found[1]) < 1:
        raise UserError(f"{setting}={int(found[1])}: must be at least 1")
    return int(found[1]), found[2]


def round_span(ticks: float) -> str:
    """A usual length, as :func:`span` reads it, that is no shorter than this one."""
    usual = ("1s", "10s", "1min", "5min", "15min", "1h", "6h", "1d", "1w")
    return next((text for text in usual if Calendar.every(text).step >= ticks), "1m")


class Fit(NamedTuple):
    """A calendar, and the share of times, sorted, that follow the one before by a step of it."""

    calendar: Calendar
    share: float


def find_calendar(ticks: Ticks, length: int | str | None = None) -> Fit | None:
    """The calendar that most of these times follow; None where they are a single time.

    Args:
        ticks: Times in any order.
        length: Of the steps in training, taken where a few times fit several calendars.
    """
    ticks = np.unique(ticks)
    if len(ticks) < 2:
        return None
    candidates = [*_of_months(ticks), *_of_a_clock(ticks), *_of_business_days(ticks, length)]
    fits = [Fit(calendar, _share(calendar, ticks)) for calendar in candidates]
    best = max(fits, key=lambda fit: fit.share)
    same = [fit for fit in fits if fit.calendar.length == length and fit.share >= best.share]
    return (same or [best])[0]


def commonest(numbers: Ticks) -> int:
    """The most frequent number; of several, the smallest."""
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])


def _of_a_clock(ticks: Ticks) -> list[Calendar]:
    step = commonest(np.diff(ticks))
    exact = Calendar("time", step, commonest(ticks % step))
    return [exact, *_near(ticks)] if exact.index(ticks)[1].any() else [exact]


def _near(ticks: Ticks) -> list[Calendar]:
    """A round step that all times are close to."""
    middle = float(np.median(np.diff(ticks)))
    step = min(_ROUND, key=lambda length: abs(length - middle))
    calendar = Calendar("time", step, tolerance=step // JITTER)
    near = abs(step - middle) <= step / JITTER and not calendar.index(ticks)[1].any()
    return [calendar] if near else []


def _of_business_days(ticks: Ticks, length: int | str | None) -> list[Calendar]:
    """Monday to Friday, where there is a weekend between them."""
    calendar = Calendar("business days", 1, commonest(ticks % DAY))
    weekend = (np.diff(ticks) >= 3 * DAY).any() or length == calendar.length
    return [calendar] if weekend and not calendar.index(ticks)[1].any() else []


def _of_months(ticks: Ticks) -> list[Calendar]:
    """One day of the month, or its last, at one time of the day."""
    days, month = (ticks // DAY).astype("M8[D]"), (ticks // DAY).astype("M8[D]").astype("M8[M]")
    number = month.astype(np.int64)
    if (np.diff(number) < 1).mean() > 1 / 2:
        return []
    last = (days == _days_of(month, 31)).all()
    since = (days - month.astype("M8[D]")).astype(np.int64)
    day = 31 if last else commonest(np.asarray(since, np.int64)) + 1
    step = commonest(np.diff(np.unique(number)).astype(np.int64))
    time, first = commonest(ticks % DAY), commonest(number % step)
    return [Calendar("months", step, time, day, first)]


def _share(calendar: Calendar, ticks: Ticks) -> float:
    index, off = calendar.index(ticks)
    return float(((np.diff(index) == 1) & ~off[1:] & ~off[:-1]).mean())


def _days_of(months: npt.NDArray[np.datetime64], day: int) -> npt.NDArray[np.datetime64]:
    """This day of each month, or the last one where a month is shorter."""
    first = months.astype("M8[D]")
    found: npt.NDArray[np.datetime64] = np.minimum(
        first + (day - 1), (months + 1).astype("M8[D]") - 1
    )
    return found
