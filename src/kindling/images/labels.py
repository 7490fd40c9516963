"""The labels of a table's photos: one class each, or any number of labels.

N: photos, C: classes.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.images.folder import class_name, warn_of_case
from kindling.tables.read import refuse, require_columns

USUAL = ("label", "class", "target", "category", "labels", "classes", "tags", "species", "breed")
"""Names of a column of classes."""

SURE, LIKELY = ("|", ";"), (",", " ")
"""Separators that no class is written with, and those that a class may be written with too."""

TRUTH = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}
log = logging.getLogger(__name__)

Labels = tuple[list[str], NDArray[np.int64]]
"""Names of the classes, and of each photo the index of its class ``(N,)``, or ``(N, C)`` of 0 and 1
where photos have several labels."""


def read_labels(
    table: pd.DataFrame,
    columns: Sequence[str],
    label: str | Sequence[str] | None,
    separator: str | None,
    path: Path,
) -> Labels:
    """The classes or labels of a table's photos.

    Columns of 0 and 1 are classes if each row has exactly one 1, and labels otherwise.

    Args:
        table: As ``read_table`` returns it.
        columns: Those that may hold them.
        label: The column of the class or of all labels, or a column for each label; none finds it.
        separator: Separates the labels in a cell; "" if each is one class; none finds it.
        path: The file.

    Raises:
        UserError: It is not clear what is meant, or a cell is wrong.
    """
    names = _label_columns(table, columns, path) if label is None else label
    if not isinstance(names, str):
        return _from_columns(table, list(names), path)
    require_columns(table, [names], path)
    cells = table[names]
    between = _separator(cells, path) if separator is None else separator
    if between:
        return _from_cells(cells, between, path)
    refuse(cells.isna(), cells, path, "no class: fill it in or delete the row")
    kinds, index = np.unique([class_name(cell) for cell in cells], return_inverse=True)
    warn_of_case(path, kinds.tolist())
    return kinds.tolist(), index.astype(np.int64)


def _label_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> str | list[str]:
    usual = [name for name in columns if name.lower() in USUAL]
    if len(one := usual[:1] or columns) == 1:
        return one[0]
    truths = [name for name in columns if _truth(table[name]).notna().all()]
    if len(truths) > 1 and len(truths) == len(columns):
        return truths
    choice = "|".join(columns)
    cure = f"--data.label={choice}, or [a,b] of columns of 0 and 1"
    raise UserError(f"{path}: which column is the class? {cure}")


def _truth(cells: "pd.Series[str]") -> "pd.Series[float]":
    return cells.str.lower().map(TRUTH)


def _from_columns(table: pd.DataFrame, names: list[str], path: Path) -> Labels:
    require_columns(table, names, path)
    if len(names) < 2:
        raise UserError(f"data.label={names}: one column is no list; name two or more, or it alone")
    for name in names:
        wrong = _truth(table[name]).isna()
        refuse(wrong, table[name], path, "{cell} is neither 0 nor 1: correct it")
    truth = np.stack([_truth(table[name]) for name in names], 1).astype(np.int64)
    order = sorted(range(len(names)), key=lambda k: class_name(names[k]))
    kinds, truth = [class_name(names[k]) for k in order], truth[:, order]
    if (truth.sum(1) == 1).all():
        log.info("%s: each photo has one of the columns %s: classes", path, ", ".join(kinds))
        return kinds, truth.argmax(1)
    return _counted(kinds, truth, path)


def _from_cells(cells: "pd.Series[str]", separator: str, path: Path) -> Labels:
    parts = [_parts(cell, separator) for cell in cells.fillna("")]
    kinds = sorted(set().union(*parts))
    warn_of_case(path, kinds)
    truth = np.array([[kind in some for kind in kinds] for some in parts], dtype=np.int64)
    return _counted(kinds, truth.reshape(len(parts), len(kinds)), path)


def _counted(kinds: list[str], truth: NDArray[np.int64], path: Path) -> Labels:
    log.info("%s: %d labels, %.2g a photo", path, len(kinds), truth.sum(1).mean())
    if without := np.count_nonzero(truth.sum(1) == 0):
        log.warning("%s: photos without any label: %d", path, without)
    if never := [kind for kind, count in zip(kinds, truth.sum(0), strict=True) if not count]:
        log.warning("%s: labels that no photo has: %s", path, ", ".join(never))
    return kinds, truth


def _parts(cell: str, separator: str) -> set[str]:
    return {class_name(part.strip()) for part in cell.split(separator)} - {""}


def _separator(cells: "pd.Series[str]", path: Path) -> str:
    """The separator of the labels in a cell, ``""`` where each cell is one class."""
    kinds = {class_name(cell) for cell in cells.dropna()}
    found = [mark for mark in SURE if any(mark in kind for kind in kinds)]
    for mark in () if found else LIKELY:
        several = [kind for kind in kinds if mark in kind]
        known = [kind for kind in several if _parts(kind, mark) <= kinds]
        words = set().union(*(_parts(kind, mark) for kind in kinds))
        if known and len(known) == len(several):
            found.append(mark)
        elif known or 2 * len(words) < len(several):
            meant = f"data.separator={mark!r}, or '' if it is one class"
            raise UserError(f"{path}: is {min(known or several)!r} several labels? --{meant}")
    if len(found) > 1:
        raise UserError(f"{path}: labels are separated by {' and '.join(found)}; --data.separator=")
    return found[0] if found else ""
