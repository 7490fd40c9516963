"""The command: examine what there is, report it, and say whether training would start."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from kindling.cli.process import quiet
from kindling.data.datamodule import DataModule
from kindling.data.sources import DatasetSources
from kindling.errors import UserError
from kindling.tools.check import report
from kindling.tools.check.alike import check_alike
from kindling.tools.check.columns import check_columns
from kindling.tools.check.finding import Section, limited
from kindling.tools.check.groups import check_groups
from kindling.tools.check.leaks import check_leaks
from kindling.tools.check.load import Subject, load
from kindling.tools.check.photos import Album, look
from kindling.tools.check.repeated import check_repeated
from kindling.tools.check.rows import Described, Rows, read_rows
from kindling.tools.check.series import check_series
from kindling.tools.check.targets import check_target, of_labels, targets_of
from kindling.tools.check.trivial import check_trivial


def check(task: str, flags: Sequence[str], console: Console) -> None:
    """Examine a task's data.

    Args:
        task: Or the path of a configuration.
        flags: Over the task's own configuration, such as ``--data.root=DIR``.
        console: For the report.

    Raises:
        UserError: What training would refuse the data by; all else is reported before.
    """
    with quiet():
        subject = load(task, flags)
        sections = examine(subject)
    report.show(subject, sections, console)
    if subject.refusal is not None:
        raise subject.refusal


def examine(subject: Subject) -> list[Section]:
    """All sections, in the order of the report."""
    data, refused = subject.data, subject.refusal is not None
    tables, photos, series, trivial = (Section() for _ in range(4))
    material = _material(data)
    described = _described(data) if material.sheets or material.pictures else {}
    if refused and not described and (material.sheets or material.pictures):
        tables.add("note", "training is refused before anything is cut: no splits are compared")
    rows = read_rows(material.sheets, described, tables) if material.sheets else None
    if rows is not None:
        _check_rows(rows, subject, tables)
    album = _album(material, rows, described, data, photos)
    if album.files:
        if any(album.label) and rows is None:
            check_target("class", of_labels(album.label), np.array(album.split), photos)
        album = look(album, refused, getattr(data, "image_size", None), photos)
        check_alike(album, data.root, photos)
    if material.series:
        check_series(material.series, refused, series)
    if subject.model is not None:
        check_trivial(data, subject.model, trivial)
    return [tables, photos, series, trivial]


def _check_rows(rows: Rows, subject: Subject, section: Section) -> None:
    heads = {} if subject.model is None else subject.model.heads
    names = subject.data.target_names
    classified = {names[head]: bool(h.classes) for head, h in heads.items() if head in names}
    targets = targets_of(rows, classified)
    check_columns(rows, section)
    for name, target in targets.items():
        check_target(name, target, rows.split, section)
    check_groups(rows, section)
    check_repeated(rows, section)
    check_leaks(rows, targets, section)


def _material(data: DataModule) -> DatasetSources:
    """What the data module reads, as far as it can say so of data that are refused."""
    data.prepare_data()
    for offer in (data.sources, lambda: DataModule.sources(data)):
        try:
            return offer()
        except UserError:
            continue  # the refusal says it
    return DatasetSources()


def _described(data: DataModule) -> Described:
    if not data.splits:
        return {}
    sizes = data.sizes()
    return {s: data.describe(s, torch.arange(sizes[s])) for s in data.splits if s in sizes}


def _album(
    material: DatasetSources,
    rows: Rows | None,
    described: Described,
    data: DataModule,
    section: Section,
) -> Album:
    """Each photo once: of folders, or of the columns of a table."""
    split: dict[Path, str] = {}
    label: dict[Path, str] = {}
    for name, known in described.items():
        split |= {data.root / file: name for file in known.get("file", ())}
    files: dict[Path, str] = {}
    for pictures in material.pictures:
        label |= dict(zip(pictures.files, pictures.labels, strict=False))
        files |= {file: split.get(file, "") for file in pictures.files}
    if rows is not None:
        files |= _listed(rows, section)
    return Album(list(files), list(files.values()), [label.get(file, "") for file in files])


def _listed(rows: Rows, section: Section) -> Mapping[Path, str]:
    """The photos of a table and the split of their rows."""
    files: dict[Path, str] = {}
    absent: list[str] = []
    several: set[Path] = set()
    for name in rows.photos:
        cells = zip(rows.cells[name], rows.files, rows.split.tolist(), rows.names, strict=True)
        for cell, table, split, row in cells:
            if cell is None or not (file := table.parent / cell).is_file():
                absent.append(f"{row}, {name}: {cell or 'empty'}")
                continue
            if split and files.setdefault(file, split) not in (split, ""):
                several.add(file)
            files[file] = files.get(file) or split
    if absent:
        section.add("stop", f"photos that are not there: {len(absent):,}", limited(absent))
    if several:
        names = [file.name for file in sorted(several)]
        section.add("warn", f"photos of rows in two splits: {len(several):,}", limited(names))
    return files
