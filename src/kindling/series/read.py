"""A series at a regular step, read from a CSV file of any length."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kindling.errors import UserError
from kindling.series.grid import Grid, find_grid
from kindling.series.rows import (
    Values,
    count_lines,
    explained,
    read_chunks,
    read_header,
    read_separator,
)

Problems = Literal["error", "interpolate", "drop"]

_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # places on the grid for each row


@dataclass(frozen=True, eq=False)
class Series:
    """Values that follow each other at one step of time.

    Times are UTC or without a zone, in microseconds.

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
        times: npt.NDArray[np.datetime64] = self.start + np.asarray(index, np.int64) * self.step
        return times


def read_series(
    path: Path,
    time: str = "timestamp",
    value: str = "consumption",
    problems: Problems = "error",
    step: np.timedelta64 | None = None,
) -> Series:
    """Read two columns of a CSV file as a series with a regular step.

    The separator is a comma, a semicolon or a tab. Unless it is a comma, decimals may have one.

    The step, unless given, is the commonest difference between times in the beginning of the
    file. Times are ISO 8601, another layout that pandas knows, or numbers: seconds, or the finer
    unit that puts them before the year 4000. One layout holds for the whole file; of day first
    and month first, where both fit, the one that makes the file more regular. Times with a zone
    become UTC.

    What breaks the regularity is an error, or is mended and counted in one warning:

    - ``interpolate`` sorts, and fills gaps and missing values on a straight line between their
      neighbours. Missing values at either end are cut, because a line needs two ends. Where more
      would be filled than was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest stretch without a gap or a missing value. Closing a
      gap would move all later values in time, so that no lag means the same hour any more; what
      is kept has only measured values, each at its own time.

    Of rows with the same time both keep the first that has a value. Both drop rows between two
    places of the grid, whose values would have to be moved in time.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    with explained(path):
        separator = read_separator(path)
        header = read_header(path, separator, time, value)
        capacity = count_lines(path) * _SPARSEST[problems]
        grid = None
        for chunk in read_chunks(path, separator, header, time, value):
            grid = grid or Grid(path, capacity, *find_grid(chunk, step))
            if problems == "error":
                grid.check(chunk)
            grid.place(chunk)
    if grid is None:
        raise UserError(f"{path}: no rows below the header; name a file with data")
    values, start = grid.places[: grid.size], grid.start
    if problems != "error":
        values, start = grid.mend(problems)
    return Series(values, np.datetime64(start, "us"), np.timedelta64(grid.step, "us"))
