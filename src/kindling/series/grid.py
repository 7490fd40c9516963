"""The regular grid of times that the rows of a file are put on, and what is done where they fail.

While a file is read each value goes to its place, so that 50 million rows cost 4 bytes each and
their timestamps nothing.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.series.rows import Chunk, Ticks, Values, commonest

Mending = Literal["interpolate", "drop"]

_log = logging.getLogger(__name__)
_CURE = "mend the file or set --data.problems=interpolate (or drop)"


def find_grid(chunk: Chunk, step: np.timedelta64 | None) -> tuple[int, int]:
    """Start and step of the grid that most of the times lie on."""
    ticks = np.unique(chunk.ticks)
    if step is not None:
        every = int(step / np.timedelta64(1, "us"))
    elif len(ticks) > 1:
        every = commonest(np.diff(ticks))[0]
    else:
        raise UserError(f"{chunk.path}: one time shows no step; add rows to the file")
    phase = commonest(ticks % every)[0]
    return int(ticks[ticks % every == phase][0]), every


class Grid:
    """The places at ``start + i * step`` with what was read for them, NaN where nothing was.

    Args:
        path: File that is read.
        capacity: Most places there can be; memory is taken as they fill.
        start: Time of the first place.
        step: Time between places.
    """

    def __init__(self, path: Path, capacity: int, start: int, step: int) -> None:
        self.path, self.start, self.step = path, start, step
        self.places = np.empty(capacity, np.float32)
        self.size = 0
        self.latest = start
        self.mended: Counter[str] = Counter()

    def check(self, chunk: Chunk) -> None:
        """Refuse the first row that does not hold the value of the next place."""
        position, off = np.divmod(chunk.ticks - self.start, self.step)
        expected = np.arange(self.size, self.size + len(position))
        wrong = np.isnan(chunk.values) | (off != 0) | (position != expected)
        if wrong.any():
            i = wrong.argmax()
            what = self._diagnose(chunk.values[i], off[i], position[i:], expected[i])
            chunk.fail(i, f"{what}; {_CURE}")

    def _diagnose(self, value: float, off: int, positions: Ticks, expected: int) -> str:
        here, every = positions[0], f"one every {_duration(self.step)}"
        if np.isnan(value):
            return "the value is missing or infinite"
        if off:
            return f"the timestamp is off the grid, {every}"
        if 0 <= here < expected:
            return "the timestamp repeats an earlier one"
        if here < 0 or expected in positions:
            return "the row is out of order"
        return f"rows missing above this one: {here - expected}, at {every}"

    def place(self, chunk: Chunk) -> None:
        """Put each value where its time says; the first to come keeps the place."""
        empty, off = np.isnan(chunk.values), (chunk.ticks - self.start) % self.step != 0
        ticks, values = chunk.ticks[~empty & ~off], chunk.values[~empty & ~off]
        self.mended["rows without a value"] += int(empty.sum())
        self.mended["rows off the grid dropped"] += int((off & ~empty).sum())
        if not len(ticks):
            return
        self._reach(int(ticks.min()), int(ticks.max()))
        position, first = np.unique((ticks - self.start) // self.step, return_index=True)
        free = np.isnan(self.places[position])
        self.places[position[free]] = values[first[free]]
        self.mended["repeated rows dropped"] += len(ticks) - int(free.sum())
        back = np.diff(ticks, prepend=self.latest) < 0
        self.mended["rows out of order sorted"] += int(back.sum())
        self.latest = int(ticks[-1])

    def _reach(self, earliest: int, latest: int) -> None:
        """Make room for these times; at the front by moving what is there."""
        before = max(0, (self.start - earliest) // self.step)
        size = before + max(self.size, (latest - self.start) // self.step + 1)
        if size > len(self.places):
            raise self._too_sparse(self.start - before * self.step, size)
        if before:
            self.places[before : before + self.size] = self.places[: self.size]
            self.places[:before] = np.nan
        self.places[before + self.size : size] = np.nan
        self.start, self.size = self.start - before * self.step, size

    def mend(self, problems: Mending) -> tuple[Values, int]:
        """Leave no empty place between two bounds; values and start of what lies there."""
        if not self.size:
            raise UserError(f"{self.path}: no row has a value; set --data.value to another column")
        missing = np.flatnonzero(np.isnan(self.places[: self.size]))
        first, last = self._fill(missing) if problems == "interpolate" else self._cut(missing)
        if counts := ", ".join(f"{count} {what}" for what, count in self.mended.items() if count):
            _log.warning("%s mended by %s: %s", self.path, problems, counts)
        return self.places[first:last], self.start + first * self.step

    def _fill(self, missing: Ticks) -> tuple[int, int]:
        first = int((missing == np.arange(len(missing))).sum())  # empty places at the start
        missing = missing[first:]
        if 2 * len(missing) > self.size - first:
            raise self._too_sparse(self.start, self.size)
        if len(missing):
            edges = np.setdiff1d(np.concatenate([missing - 1, missing + 1]), missing)
            self.places[missing] = np.interp(missing, edges, self.places[edges])
            self.mended["places interpolated"] = len(missing)
        return first, self.size

    def _cut(self, missing: Ticks) -> tuple[int, int]:
        bounds = np.concatenate([[-1], missing, [self.size]])
        longest = int(np.diff(bounds).argmax())
        first, last = int(bounds[longest]) + 1, int(bounds[longest + 1])
        self.mended["measured places cut away"] = self.size - len(missing) - (last - first)
        return first, last

    def _too_sparse(self, start: int, size: int) -> UserError:
        return UserError(
            f"{self.path}: most of {size} rows from {_moment(start)} to "
            f"{_moment(start + (size - 1) * self.step)}, one every {_duration(self.step)}, "
            "are missing; look for a wrong timestamp"
        )


def _moment(ticks: int) -> str:
    return str(np.datetime_as_string(np.datetime64(ticks, "us"), unit="auto"))


def _duration(ticks: int) -> str:
    return str(pd.Timedelta(np.timedelta64(ticks, "us")))
