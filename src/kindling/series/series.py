"""A series of regular steps, as it is read.

N: steps, C: columns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kindling.series.calendar import DAY, MONDAY, WEEK, Calendar, Ticks
from kindling.series.clock import Clock, written


@dataclass(frozen=True, eq=False)
class Series:
    """Values at consecutive steps of a calendar.

    Shape:
        ``values`` is ``(N,)``, or ``(C, N)`` of several columns; those at ``i`` were measured at
        step ``first + i`` of the calendar. ``filled`` are the positions of those that were not
        measured, in order, counted through all columns. From ``stop`` on there are only columns
        that are known ahead.
    """

    values: npt.NDArray[np.float64]
    calendar: Calendar
    first: int
    filled: Ticks
    clock: Clock | None = None
    stop: int = 0

    def __len__(self) -> int:
        return int(self.values.shape[-1])

    @property
    def start(self) -> np.datetime64:
        return np.datetime64(int(self._ticks(0)), "us")

    def timestamps(self, index: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """Times of the values at these positions, which may lie beyond either end.

        They are of UTC where the file has offsets, and else of its own clock.
        """
        return self._ticks(index).astype("M8[us]")

    def written(self, index: npt.ArrayLike) -> list[str]:
        """Times by the file's own clock, with its offset where the file has one."""
        return list(written(self._ticks(index), self.clock))

    def phases(self, index: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where steps lie in their day and week, from 0 to 1, ``(..., 2)``.

        Of months, it is in their quarter and year.
        """
        if self.calendar.kind == "months":
            steps = np.asarray(index, np.int64) + self.first
            month = steps * self.calendar.step + self.calendar.month
            return np.stack([month % 3 / 3, month % 12 / 12], -1)
        ticks = self._ticks(index)
        shown = ticks if self.clock is None else self.clock.read(ticks)
        return np.stack([shown % DAY / DAY, (shown + MONDAY) % WEEK / WEEK], -1)

    def _ticks(self, index: npt.ArrayLike) -> Ticks:
        return self.calendar.times(np.asarray(index, np.int64) + self.first)
