"""A series as its file has it: gaps, repeated and unsorted times, runs of one value."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from kindling.data.sources import Recording, SeriesSource
from kindling.errors import UserError
from kindling.tools.check.report import Level, Report, examples

MOST = 5_000_000  # rows of a file that are looked at, the first ones
WEEK = 7 * 86_400_000_000  # microseconds after which one value looks like a broken meter
STEPS = 50  # steps below which a run of one value is short, whatever the time between them


def check_series(files: Sequence[SeriesSource], refused: bool, report: Report) -> None:
    """Add where each file is irregular, and files that begin before the one before them ends.

    If training is refused, irregular times that it does not mend are a reason.
    """
    read: list[tuple[str, Recording]] = []
    for series in files:
        try:
            read.append((series.path.name, series.read(MOST)))
        except UserError as error:
            report.add("stop", str(error))
            continue
        _check_file(*read[-1], "stop" if refused and not series.mended else "warn", report)
    for (first, a), (second, b) in pairwise(read):
        if b.ticks.min() <= a.ticks.max():
            begins, ends = _moment(b.ticks.min()), _moment(a.ticks.max())
            text = f"{second} begins at {begins}, before {first} ends at {ends}"
            report.add("warn", f"{text}: is it of later times?")


def _check_file(name: str, recording: Recording, level: Level, report: Report) -> None:
    """Times that do not follow one another by the file's own step, and values that stand still."""
    lines, ticks, values = recording
    step, steps = recording.step, np.diff(ticks, prepend=ticks[0] - recording.step)
    changes = pd.Series(values).diff().ne(0).cumsum()
    run = changes.groupby(changes).transform("size").to_numpy()
    whole = steps % step == 0
    faults: dict[str, tuple[Level, np.ndarray]] = {
        "times that repeat the one above": (level, steps == 0),
        "times before the one above": (level, steps < 0),
        f"gaps in steps of {_span(step)}": (level, (steps > step) & whole),
        f"times off the step of {_span(step)}": (level, (steps > 0) & ~whole),
        "missing values": (level, np.isnan(values)),
        "values that stay the same for a week": ("warn", (run > STEPS) & (run * step > WEEK)),
    }
    for what, (gravity, mask) in faults.items():
        if rows := np.flatnonzero(mask).tolist():
            named = [f"row {lines[k]}, {_moment(ticks[k])}" for k in rows]
            longest = f", the longest {_span(steps[mask].max())}" if "gaps" in what else ""
            report.add(gravity, f"{name}: {what}: {len(rows):,}{longest} ({examples(named)})")
    if len(lines) >= MOST:
        report.add("note", f"{name}: the first {len(lines):,} rows were looked at")


def _moment(ticks: int) -> str:
    moment = np.datetime_as_string(np.datetime64(int(ticks), "us"), unit="auto")
    return str(moment).replace("T", " ")


def _span(ticks: int) -> str:
    return str(pd.Timedelta(np.timedelta64(int(ticks), "us"))).replace("0 days ", "")
