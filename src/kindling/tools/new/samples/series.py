"""A generated stand-in for the real series, with its columns and its step.

A day and a week have a shape of their own, and noise wanders about it.
"""

from itertools import accumulate
from pathlib import Path

import numpy as np

FILE = "series.csv"
TIME, VALUE = "timestamp", "value"
START, STEP, STEPS = "2024-01-01T00:00:00", 3600, 4000
"""The first time, seconds of a step, and how many steps there are."""

CENTER, SCALE = 100.0, 20.0


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write the series into the folder."""
    rng = np.random.default_rng(seed)
    seconds = STEP * np.arange(STEPS)
    day, week = (2 * np.pi * seconds / period for period in (86_400, 7 * 86_400))
    shape = np.sin(day) + 0.4 * np.sin(2 * day + 1) + 0.5 * np.sin(week)
    shocks = rng.normal(0, 0.1, STEPS)
    noise = np.fromiter(accumulate(shocks, lambda state, shock: 0.8 * state + shock), float)
    value = CENTER + SCALE * (shape + noise)
    times = np.datetime_as_string(np.datetime64(START) + seconds.astype("timedelta64[s]"), "s")
    rows = (f"{t.replace('T', ' ')},{v:.6g}\n" for t, v in zip(times, value, strict=True))
    header = f"{_quoted(TIME)},{_quoted(VALUE)}\n"
    (folder / FILE).write_text(header + "".join(rows), encoding="utf-8", newline="\n")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
