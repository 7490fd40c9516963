"""Irregular times and missing values in the files of series."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice, pairwise

import numpy as np
import pandas as pd

from kindling.data.sources import Recording, SeriesSource
from kindling.errors import UserError
from kindling.series.calendar import find_calendar
from kindling.tools.check.report import Report, examples

MOST = 5_000_000  # rows of a file that are looked at, the first ones
NAMED = 5  # series of a file, at most, whose faults are told one by one


def check_series(files: Sequence[SeriesSource], report: Report) -> None:
    """Add where each file is irregular, and files that begin before the previous one ends."""
    read: dict[str, Mapping[str, Recording]] = {}
    for file in files:
        with suppress(UserError):  # training ends with it
            read[file.path.name] = file.read(MOST)
    for name, series in read.items():
        wrong = {each: faults for each, rows in series.items() if (faults := _faults(rows))}
        for each, faults in islice(wrong.items(), NAMED):
            for fault in faults:
                report.add("warn", f"{name}{f', series {each!r}' if each else ''}: {fault}")
        if len(wrong) > NAMED:
            more = len(wrong) - NAMED
            report.add("warn", f"{name}: {more:,} more of {len(series):,} series are irregular too")
        if sum(len(rows.lines) for rows in series.values()) >= MOST:
            report.add("note", f"{name}: the first {MOST:,} rows were looked at")
    ends = {
        name: (min(r.ticks.min() for r in rows.values()), max(r.ticks.max() for r in rows.values()))
        for name, rows in read.items()
    }
    for (first, (_, end)), (second, (begin, _)) in pairwise(ends.items()):
        if begin <= end:
            text = f"{second} begins at {_moment(begin)}, before {first} ends at {_moment(end)}"
            report.add("warn", f"{text}; should it not begin later?")


def _faults(rows: Recording) -> list[str]:
    """Times that do not follow each other at the file's own step, and missing values."""
    fit = find_calendar(rows.ticks)
    if fit is None:
        return ["the same time in all rows, which shows no step"]
    index, off = fit.calendar.index(rows.ticks)
    steps, apart = np.diff(index, prepend=index[0] - 1), np.diff(rows.ticks)
    longest = pd.Timedelta(int(apart.max()), "us")
    length = fit.calendar.length
    span = length if isinstance(length, str) else pd.Timedelta(length, "us")
    masks = {
        "times equal to the one above": (steps == 0) & ~off,
        "times before the one above": steps < 0,
        f"gaps in steps of {span}, the longest {longest}": (steps > 1) & ~off,
        f"times off the step of {span}": off,
        "missing values": np.isnan(rows.values),
    }
    found = []
    for what, mask in masks.items():
        if where := np.flatnonzero(mask).tolist():
            named = [f"row {rows.lines[k]}, {_moment(rows.ticks[k])}" for k in where]
            found.append(f"{what}: {len(where):,} ({examples(named)})")
    return found


def _moment(ticks: int) -> str:
    return str(pd.Timestamp(int(ticks), unit="us"))
