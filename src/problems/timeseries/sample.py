"""A stand-in for the real series: one client's electric load, every quarter of an hour."""

from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

_START = np.datetime64("2011-01-01T00:15:00")  # the real set's first row
_STEP = np.timedelta64(15, "m")
_DAY = 96  # steps
_HOLIDAYS = ("01-01", "01-06", "05-01", "06-10", "08-15", "10-05", "11-01", "12-08", "12-25")


def write_sample(folder: Path, seed: int = 0, days: int = 730) -> None:
    """Write ``electricity_train.csv``, and the last quarter of the days as the test file.

    Args:
        folder: Where to write.
        seed: Of everything random in the load.
        days: Length of both together, at least 4.
    """
    time = _START + _STEP * np.arange(days * _DAY - 1)
    load = _load(time, np.random.default_rng(seed))
    load = (load - load.mean()) / load.std()
    midnight = (days - days // 4) * _DAY - 1
    _write(folder / "electricity_train.csv", time[:midnight], load[:midnight])
    _write(folder / "electricity_test.csv", time[midnight:], load[midnight:])


def _load(time: Times, rng: np.random.Generator) -> Floats:
    """Habit times season, with noise that grows with the load and dies away over hours."""
    day: Floats = (time - _START.astype("M8[D]")) / np.timedelta64(1, "D")
    level = 1 + 0.1 * np.cos(2 * np.pi * (day - 15) / 365.25)  # highest in mid-January
    nights = np.arange(int(day[-1]) + 2)
    drift = np.interp(day, nights, _wander(rng.normal(0, 0.05, len(nights)), memory=0.8))
    noise = _wander(rng.normal(0, 0.035, len(time)), memory=0.9) + rng.normal(0, 0.025, len(time))
    return _habit(time) * (level + drift) * (1 + noise)


def _habit(time: Times) -> Floats:
    """Load by the hour: a business that opens on working days, and the night's heating."""
    hour: Floats = (time - time.astype("M8[D]")) / np.timedelta64(1, "h")
    opened, closed = (1 / (1 + np.exp(-6 * (hour - at))) for at in (7.5, 21))  # within an hour
    evening = np.exp(-0.5 * ((hour - 19.5) / 1.5) ** 2)
    night = (hour >= 22.5) | (hour < 2)  # switched by a clock, at the cheap rate
    return 1 + _busy(time) * (1.1 * (opened - closed) + 0.7 * evening) + 0.5 * night


def _busy(time: Times) -> Floats:
    date = time.astype("M8[D]")
    month_day = np.char.partition(np.datetime_as_string(date), "-")[:, 2]
    weekday = (date.astype(np.int64) + 3) % 7  # 1970 began on a Thursday, day 3
    holiday = np.isin(month_day, _HOLIDAYS)
    return np.select([holiday | (weekday == 6), weekday == 5], [0.2, 0.5], 1.0)


def _wander(shocks: Floats, memory: float) -> Floats:
    """First-order autoregression."""
    return np.fromiter(accumulate(shocks, lambda state, shock: memory * state + shock), float)


def _write(path: Path, time: Times, load: Floats) -> None:
    stamps = np.char.replace(np.datetime_as_string(time, unit="s"), "T", " ")
    rows = (f"{stamp},{value:.6f}\n" for stamp, value in zip(stamps, load, strict=True))
    path.write_text("timestamp,consumption\n" + "".join(rows), encoding="utf-8", newline="\n")
