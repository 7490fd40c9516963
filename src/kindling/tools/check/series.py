"""A series as its file has it: gaps, repeated and unsorted times, still stretches.

N: rows.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from rich.table import Table

from kindling.data.sources import Recording, SeriesSource
from kindling.errors import UserError, short
from kindling.tools.check.finding import Level, Section, examples, spread_table

MOST = 5_000_000
"""Rows of a file that are looked at, the first ones."""

STILL = 7 * 86_400_000_000
"""Microseconds for which one value may stand before it rather is a broken meter."""

STEPS = 50
"""Steps below which a still stretch is short, whatever the time between them."""


def check_series(files: Sequence[SeriesSource], refused: bool, section: Section) -> None:
    """Add what each file holds and where it is irregular.

    Args:
        files: In order of time.
        refused: Whether training is; irregular times that it does not mend are a reason then.
        section: Where findings go.
    """
    read: dict[SeriesSource, Recording] = {}
    for series in files:
        try:
            read[series] = series.read(MOST)
        except UserError as error:
            section.add("stop", str(error))
    if not read:
        return
    for series, recording in read.items():
        level: Level = "stop" if refused and not series.mended else "warn"
        _check_file(series, recording, level, section)
    section.tables.append(_table(files[0].value, read))
    _check_overlap(read, section)


def _table(value: str, read: Mapping[SeriesSource, Recording]) -> Table:
    ticks = [recording.ticks for recording in read.values()]
    missing = [np.isnan(recording.values).mean() for recording in read.values()]
    facts = {
        "rows": [f"{len(t):,}" for t in ticks],
        "from": [_moment(t.min()) for t in ticks],
        "to": [_moment(t.max()) for t in ticks],
        "step": [_span(recording.step) for recording in read.values()],
        "missing": [f"{share:.1%}" if share else "none" for share in missing],
    }
    return spread_table(value, {s.path.name: r.values for s, r in read.items()}, facts)


def _check_file(series: SeriesSource, recording: Recording, level: Level, section: Section) -> None:
    lines, ticks, values = recording
    name, step = series.path.name, recording.step
    if len(lines) >= MOST:
        section.add("note", f"{name}: the first {len(lines):,} rows were looked at")
    apart = np.diff(ticks)
    whole = apart % step == 0
    faults = {
        "times that repeat the one above": apart == 0,
        "times before the one above": apart < 0,
        f"gaps in steps of {_span(step)}": (apart > step) & whole,
        f"times off the step of {_span(step)}": (apart > 0) & ~whole,
    }
    for what, there in faults.items():
        if there.any():
            places = np.flatnonzero(there) + 1
            named = [f"row {lines[k]}, {_moment(ticks[k])}" for k in places]
            longest = f", the longest {_span(int(apart[there].max()))}" if "gaps" in what else ""
            section.add(level, f"{name}: {what}: {len(places):,}{longest} ({examples(named)})")
    if (missing := np.flatnonzero(np.isnan(values))).size:
        named = [f"row {line}" for line in lines[missing]]
        section.add(level, f"{name}: missing values: {len(missing):,} ({examples(named)})")
    _check_still(name, recording, step, section)


def _check_still(name: str, recording: Recording, step: int, section: Section) -> None:
    """Long runs of one value."""
    lines, ticks, values = recording
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]]))
    length = np.diff(edges)
    longest = int(length.argmax())
    steps, start = int(length[longest]), int(edges[longest])
    if steps == len(values):
        section.add("warn", f"{name}: one value in all rows, {short(float(values[0]))}")
    elif steps > 1:
        level: Level = "warn" if steps > STEPS and steps * step > STILL else "note"
        section.add(
            level,
            f"{name}: the longest run of one value is {_span(steps * step)}, {steps:,} rows "
            f"of {short(float(values[start]))} from row {lines[start]}, {_moment(ticks[start])}",
        )


def _check_overlap(read: dict[SeriesSource, Recording], section: Section) -> None:
    files = list(read.items())
    for (first, a), (second, b) in pairwise(files):
        if b.ticks.min() <= a.ticks.max():
            section.add(
                "warn",
                f"{second.path.name} begins at {_moment(b.ticks.min())}, before "
                f"{first.path.name} ends at {_moment(a.ticks.max())}: is it of later times?",
            )


def _moment(ticks: int) -> str:
    moment = np.datetime_as_string(np.datetime64(int(ticks), "us"), unit="auto")
    return str(moment).replace("T", " ")


def _span(ticks: int) -> str:
    return str(pd.Timedelta(np.timedelta64(ticks, "us"))).replace("0 days ", "")
