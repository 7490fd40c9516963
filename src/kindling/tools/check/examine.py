"""Reads a task's data and model as training would, and reports what it finds."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np
import pandas as pd
from lightning.pytorch import Trainer

from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.data.sources import Recording, SeriesSource
from kindling.errors import UserError
from kindling.images.read import BadFiles
from kindling.runs.folder import shown
from kindling.series.calendar import find_calendar
from kindling.tables.columns import described
from kindling.tables.datamodule import TableDataModule
from kindling.tools import command
from kindling.tools.check import photos, tables
from kindling.tools.check.samples import LEVELS, Finding, collect

COLUMNS = 200  # that are listed
MOST = 5_000_000  # rows of a series' file that are looked at, the first ones


def check(task: str, flags: Sequence[str]) -> None:
    """Examine a task's data, with flags over its own configuration, and print what was found.

    Raises a UserError, after the report, if training would refuse the data by it.
    """
    with quiet():
        data, refusal = _made([f"--config={task}", *flags])
        found = list(examine(data))
        columns = [] if refusal else _columns(data)
    if isinstance(refusal, BadFiles):  # of which the last line names only some
        each = [f"{file}: {fault}" for file, fault in refusal.faults.items()]
        text = "images cannot be read; --data.bad_files=skip leaves them out"
        found.append(Finding("stop", text, each, len(each)))
    sizes = data.sizes()
    parts = (f"{k} {size:,} ({size / sum(sizes.values()):.0%})" for k, size in sizes.items())
    print(f"data         {'the generated sample' if data.is_sample else shown(data.root)}")
    print(f"samples      {', '.join(parts) or 'none yet'}")
    for number, line in enumerate(columns):
        print(f"{'' if number else 'columns':12} {line}")
    for finding in sorted(found, key=lambda finding: LEVELS.index(finding.level)):
        print(finding)
    levels: list[str] = [finding.level for finding in found if finding.level != "stop"]
    levels += ["stop"] if refusal else []
    counts = ", ".join(f"{levels.count(level)} {level}" for level in LEVELS)
    print(f"found        {counts}: training would {'be refused' if refusal else 'start'}")
    if refusal:
        raise refusal


def _made(flags: Sequence[str]) -> tuple[DataModule, UserError | None]:
    """A task's data, and what training would refuse them by, before its first batch."""
    trained, refusal = command.parsed(flags), None
    try:
        with setting_errors():
            trained.make()
            # The model's statistics are fitted to the training split; nothing is written.
            trained.model.trainer = Trainer(accelerator="cpu", devices=1, barebones=True)
            trained.model.trainer.datamodule = trained.datamodule
            trained.model.setup("fit")
    except UserError as error:
        refusal = error
    data = getattr(trained, "datamodule", None)
    if data is None and refusal:  # a setting is wrong, and there is nothing to look at
        raise refusal
    if not isinstance(data, DataModule):
        raise UserError(f"{type(data).__name__}: not a kindling DataModule: nothing to check")
    return data, refusal


def examine(data: DataModule) -> Iterator[Finding]:
    """Findings in a data module's splits and in its files."""
    if samples := collect(data):
        yield from tables.findings(samples)
        yield from photos.repeated(samples)
    with suppress(UserError):  # that training is refused by
        yield from photos.squashed(data)
        yield from _series(data.sources().series)
        yield from tables.related(data)


def _columns(data: DataModule) -> list[str]:
    """What each column of a table that is trained on is taken for, with an example."""
    if not isinstance(data, TableDataModule) or data.target not in data.target_names.values():
        return []
    found = described(data.load(data.path), data.columns, data.targets)
    return [f"{name}: {what}" for name, what in found.items()][:COLUMNS]


def _series(files: Sequence[SeriesSource]) -> Iterator[Finding]:
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
    steps, name = np.diff(index, prepend=index[0] - 1), fit.calendar.name
    masks = {
        "times equal to the one above": (steps == 0) & ~off,
        "times before the one above": steps < 0,
        f"gaps in steps of {name}": (steps > 1) & ~off,
        f"times off the step of {name}": off,
        "missing values": np.isnan(rows.values),
    }
    yield from ((what, np.flatnonzero(mask).tolist()) for what, mask in masks.items() if mask.any())


def _moment(ticks: int) -> str:
    return str(pd.Timestamp(int(ticks), unit="us"))
