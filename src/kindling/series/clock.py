"""The clock of a file's times: how far it is ahead of UTC, and when that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.series.calendar import DAY, SECOND, Ticks

_HOUR = 3600 * SECOND
_LATER = 366 * DAY  # how far beyond a series its zone's changes are known


@dataclass(frozen=True, eq=False)
class Clock:
    """How far ahead of UTC a clock is.

    Args:
        changes: When it begins to be so far ahead, in order, as the series counts time.
        offsets: How far, in microseconds; the first also holds before, and the last after.
        local: The series counts its steps by this clock, as one a day at midnight.
    """

    changes: Ticks
    offsets: Ticks
    local: bool = False

    def at(self, ticks: Ticks) -> Ticks:
        """How far ahead the clock is at these times of the series."""
        place = np.searchsorted(self.changes, ticks, side="right") - 1
        found: Ticks = self.offsets[np.maximum(place, 0)]
        return found

    def read(self, ticks: Ticks) -> Ticks:
        """What the clock shows."""
        return ticks if self.local else ticks + self.at(ticks)


class ClockChanges:
    """Gathers a clock's changes while a file is read."""

    def __init__(self, local: bool) -> None:
        self.local = local
        self.parts: dict[str, list[tuple[Ticks, Ticks]]] = {}  # by the name of the series

    def add(self, ticks: Ticks, offsets: Ticks | None, series: str = "") -> None:
        """Note when the offset changes, and what it is at the end."""
        if offsets is None:
            return
        order = np.argsort(ticks, kind="stable")
        first = np.flatnonzero(np.diff(offsets[order], prepend=offsets[order[0]] - 1))
        kept = order[np.append(first, len(order) - 1)]
        self.parts.setdefault(series, []).append((ticks[kept], offsets[kept]))

    def clock(self, path: Path) -> Clock | None:
        """The whole clock of all series; None where the file's times have no offset."""
        clocks = [_joined(parts, self.local) for parts in self.parts.values()]
        if not clocks:
            return None
        whole = _joined([(clock.changes, clock.offsets) for clock in clocks], self.local)
        for clock in clocks if len(clocks) > 1 else ():
            after = np.searchsorted(clock.changes, whole.changes).clip(max=len(clock.changes) - 1)
            known = (clock.at(whole.changes), clock.offsets[after])
            inside = (whole.changes >= clock.changes[0]) & (whole.changes <= clock.changes[-1])
            if (inside & (whole.offsets != known[0]) & (whole.offsets != known[1])).any():
                fault = "its series are of different time zones"
                raise UserError(f"{path}: {fault}; write all times in one, such as UTC")
        return whole


def _joined(parts: Sequence[tuple[Ticks, Ticks]], local: bool) -> Clock:
    ticks, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.argsort(ticks, kind="stable")
    return Clock(ticks[order], offsets[order], local)


def check_zone(name: str) -> str:
    """``name``, or an error where the time zone database has none of that name."""
    try:
        pd.Timestamp("2024-01-01").tz_localize(name)
    except (ValueError, KeyError, OSError, ModuleNotFoundError) as error:
        example = 'a zone of the tz database such as "Europe/Berlin"'
        raise UserError(f"data.timezone={name}: not {example}") from error
    return name


def zone_clock(zone: str, first: int, last: int, local: bool) -> Clock:
    """A zone's clock between two times and for a year beyond, to the hour that it changes in."""
    hours = np.arange(first // _HOUR, (last + _LATER) // _HOUR + 1) * _HOUR
    shown = pd.DatetimeIndex(hours.astype("M8[us]"), tz="UTC").tz_convert(zone).tz_localize(None)
    offsets = shown.to_numpy().astype("M8[us]").astype(np.int64) - hours
    begun = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    changes = hours[begun] + local * offsets[begun]
    return Clock(changes, offsets[begun], local)


def written(ticks: Ticks, clock: Clock | None) -> Sequence[str]:
    """Times as ``2024-01-31 15:00:00``, or with their offset as ``2024-01-31T15:00:00+01:00``."""
    shown = np.datetime_as_string((clock.read(ticks) if clock else ticks).astype("M8[us]"), "s")
    if clock is None:
        found: Sequence[str] = np.char.replace(shown, "T", " ").tolist()
        return found
    unique, which = np.unique(clock.at(ticks), return_inverse=True)
    names = np.array([_offset_name(int(offset)) for offset in unique])
    return np.char.add(shown, names[which]).tolist()  # type: ignore[no-any-return]


def _offset_name(offset: int) -> str:
    minutes = abs(offset) // (60 * SECOND)
    return f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
