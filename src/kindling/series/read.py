"""A series at a regular step, read from a CSV file of any length.

While a file is read each value goes to its point on a grid of times, so that 50 million rows cost
4 bytes each and their timestamps nothing.
"""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kindling.errors import UserError
from kindling.series.rows import CELLS, Chunk, Ticks, Values, commonest, count_lines, read_chunks

Problems = Literal["error", "interpolate", "drop"]

_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # points on the grid for each row
_CURE = "mend the file or set --data.problems=interpolate (or drop)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Series:
    """Values that follow each other at one step of time, in UTC or without a zone.

    Shape:
        ``values`` is ``(N,)``; value ``i`` was measured at ``start + i * step``.
    """

    values: Values
    start: np.datetime64
    step: np.timedelta64

    def __len__(self) -> int:
        return len(self.values)

    def timestamps(self, index: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """Times of the values at these positions, which may lie beyond either end."""
        return self.start + np.asarray(index, np.int64) * self.step


def read_series(
    path: Path,
    time: str = "timestamp",
    value: str = "value",
    problems: Problems = "error",
    cells: int = CELLS,
) -> Series:
    """Read two columns of a CSV file as a series with a regular step.

    The separator is a comma, a semicolon or a tab. Unless it is a comma, decimals may have one.
    Times are ISO 8601, another layout that pandas knows, or numbers: seconds, or the finer unit
    that puts them before the year 4000. One layout holds for the whole file; of day first and
    month first, where both fit, the one that makes the file more regular. Times with a zone
    become UTC. The step is the commonest difference between times in the beginning of the file.

    What breaks the regularity is an error, or is mended and counted in one warning:

    - ``interpolate`` sorts, and fills gaps and missing values on a straight line between their
      neighbours. Missing values at either end are cut, because a line needs two ends. Where more
      would be filled than was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest segment without a gap or a missing value. Closing a
      gap would move all later values in time, so that no lag means the same hour any more.

    Of rows with the same time both keep the first that has a value. Both drop rows between two
    points of the grid, whose values would have to be moved in time.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    chunks = read_chunks(path, time, value, cells)
    first = next(chunks)
    grid = Grid(path, count_lines(path) * _SPARSEST[problems], *_find_grid(first))
    for chunk in chain([first], chunks):
        if problems == "error":
            grid.check(chunk)
        grid.add(chunk)
    values, start = grid.mended(problems)
    return Series(values, np.datetime64(start, "us"), np.timedelta64(grid.step, "us"))


class Grid:
    """What was read for the times ``start + i * step``, NaN where nothing was.

    Memory is taken as points fill, ``capacity`` of them at most.
    """

    def __init__(self, path: Path, capacity: int, start: int, step: int) -> None:
        self.path, self.start, self.step = path, start, step
        self.every = f"one every {timedelta(microseconds=step)}"
        self.values = np.empty(capacity, np.float32)
        self.size = 0
        self.latest = start
        self.counts: Counter[str] = Counter()

    def check(self, chunk: Chunk) -> None:
        """Refuse the first row that does not hold the value of the next point."""
        index, off = np.divmod(chunk.ticks - self.start, self.step)
        expected = np.arange(self.size, self.size + len(index))
        wrong = np.isnan(chunk.values) | (off != 0) | (index != expected)
        if wrong.any():
            i = wrong.argmax()
            what = self._diagnose(chunk.values[i], off[i], index[i:], expected[i])
            chunk.fail(i, f"{what}; {_CURE}")

    def _diagnose(self, value: float, off: int, index: Ticks, expected: int) -> str:
        here = index[0]
        if np.isnan(value):
            return "the value is missing or infinite"
        if off:
            return f"the timestamp is off the grid, {self.every}"
        if 0 <= here < expected:
            return "the timestamp repeats an earlier one"
        if here < 0 or expected in index:
            return "the row is out of order"
        return f"rows missing above this one: {here - expected}, at {self.every}"

    def add(self, chunk: Chunk) -> None:
        """Put each value where its time says; the first to come stays."""
        empty, off = np.isnan(chunk.values), (chunk.ticks - self.start) % self.step != 0
        ticks, values = chunk.ticks[~empty & ~off], chunk.values[~empty & ~off]
        self.counts["rows without a value"] += int(empty.sum())
        self.counts["rows off the grid dropped"] += int((off & ~empty).sum())
        if not len(ticks):
            return
        self._reach(int(ticks.min()), int(ticks.max()))
        index, first = np.unique((ticks - self.start) // self.step, return_index=True)
        free = np.isnan(self.values[index])
        self.values[index[free]] = values[first[free]]
        self.counts["repeated rows dropped"] += len(ticks) - int(free.sum())
        back = np.diff(ticks, prepend=self.latest) < 0
        self.counts["rows out of order sorted"] += int(back.sum())
        self.latest = int(ticks[-1])

    def _reach(self, earliest: int, latest: int) -> None:
        """Make room for these times; at the front by moving what is there."""
        before = max(0, (self.start - earliest) // self.step)
        size = before + max(self.size, (latest - self.start) // self.step + 1)
        if size > len(self.values):
            raise self._too_sparse(self.start - before * self.step, size)
        if before:
            self.values[before : before + self.size] = self.values[: self.size]
            self.values[:before] = np.nan
        self.values[before + self.size : size] = np.nan
        self.start, self.size = self.start - before * self.step, size

    def mended(self, problems: Problems) -> tuple[Values, int]:
        """Values between two bounds, none missing among them, and the time of the first."""
        if problems == "error":
            return self.values[: self.size], self.start
        if not self.size:
            raise UserError(f"{self.path}: no row has a value; set --data.value to another column")
        missing = np.flatnonzero(np.isnan(self.values[: self.size]))
        first, last = self._fill(missing) if problems == "interpolate" else self._cut(missing)
        if counts := ", ".join(f"{count} {what}" for what, count in self.counts.items() if count):
            _log.warning("%s mended by %s: %s", self.path, problems, counts)
        return self.values[first:last], self.start + first * self.step

    def _fill(self, missing: Ticks) -> tuple[int, int]:
        first = int((missing == np.arange(len(missing))).sum())  # missing at the start
        missing = missing[first:]
        if 2 * len(missing) > self.size - first:
            raise self._too_sparse(self.start, self.size)
        if len(missing):
            edges = np.setdiff1d(np.concatenate([missing - 1, missing + 1]), missing)
            self.values[missing] = np.interp(missing, edges, self.values[edges])
            self.counts["values interpolated"] = len(missing)
        return first, self.size

    def _cut(self, missing: Ticks) -> tuple[int, int]:
        bounds = np.concatenate([[-1], missing, [self.size]])
        longest = int(np.diff(bounds).argmax())
        first, last = int(bounds[longest]) + 1, int(bounds[longest + 1])
        self.counts["measured values cut away"] = self.size - len(missing) - (last - first)
        return first, last

    def _too_sparse(self, start: int, size: int) -> UserError:
        ends = np.array([start, start + (size - 1) * self.step], "M8[us]").astype("M8[s]")
        return UserError(
            f"{self.path}: most of {size} rows from {ends[0]} to {ends[1]}, {self.every}, "
            "are missing; look for a wrong timestamp"
        )


def _find_grid(chunk: Chunk) -> tuple[int, int]:
    """Start and step of the grid that most of the times lie on."""
    ticks = np.unique(chunk.ticks)
    if len(ticks) == 1:
        raise UserError(f"{chunk.path}: one time shows no step; add rows to the file")
    step, _ = commonest(np.diff(ticks))
    phase, _ = commonest(ticks % step)
    return int(ticks[ticks % step == phase][0]), step
