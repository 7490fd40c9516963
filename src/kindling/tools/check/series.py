"""Irregular times and missing values in the files of series."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pandas as pd

from kindling.data.sources import Recording, SeriesSource
from kindling.errors import UserError
from kindling.series.calendar import find_calendar
from kindling.tools.check.samples import Finding

MOST = 5_000_000  # rows of a file that are looked at, the first ones


def faults(files: Sequence[SeriesSource]) -> Iterator[Finding]:
    """Where each file is irregular, and files that begin before the previous one ends."""
    read: dict[str, Mapping[str, Recording]] = {}
    for file in files:
        with suppress(UserError):  # training ends with it
            read[file.path.name] = file.read(MOST)
    for name, series in read.items():
        found: dict[str, list[str]] = {}
        for each, rows in series.items():
            of = f", series {each!r}" if each else ""
            for what, where in _irregular(rows):
                moments = [f"row {rows.lines[k]}, {_moment(rows.ticks[k])}{of}" for k in where]
                found.setdefault(what, []).extend(moments)
        for what, moments in found.items():
            yield Finding("warn", f"{name}: {what}", moments, 3)
        if sum(len(rows.lines) for rows in series.values()) >= MOST:
            yield Finding("note", f"{name}: the first {MOST:,} rows were looked at")
    for (first, before), (second, after) in pairwise(read.items()):
        end = max(rows.ticks.max() for rows in before.values())
        begin = min(rows.ticks.min() for rows in after.values())
        if begin <= end:
            text = f"{second} begins at {_moment(begin)}, before {first} ends at {_moment(end)}"
            yield Finding("warn", f"{text}; should it not begin later?")


def _irregular(rows: Recording) -> Iterator[tuple[str, list[int]]]:
    """Times that do not follow each other at the file's own step, and missing values."""
    if (fit := find_calendar(rows.ticks)) is None:
        yield "the same time in all rows, which shows no step", [0]
        return
    index, off = fit.calendar.index(rows.ticks)
    steps, length = np.diff(index, prepend=index[0] - 1), fit.calendar.length
    span = length if isinstance(length, str) else pd.Timedelta(length, "us")
    masks = {
        "times equal to the one above": (steps == 0) & ~off,
        "times before the one above": steps < 0,
        f"gaps in steps of {span}": (steps > 1) & ~off,
        f"times off the step of {span}": off,
        "missing values": np.isnan(rows.values),
    }
    yield from ((what, np.flatnonzero(mask).tolist()) for what, mask in masks.items() if mask.any())


def _moment(ticks: int) -> str:
    return str(pd.Timestamp(int(ticks), unit="us"))
