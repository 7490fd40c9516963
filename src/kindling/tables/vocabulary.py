"""Categories as indices in a list of those that training rows have.

N: rows, C: categorical columns.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.read import listed, refuse, require_columns

UNSEEN = 0
"""The index of a category that is missing, or that no training row has."""


def vocabularies(
    table: pd.DataFrame, columns: Sequence[str], training: NDArray[np.int64], limit: int, path: Path
) -> dict[str, list[str]]:
    """The categories of each column in the rows ``training``, sorted.

    Raises:
        UserError: A column has more than ``limit`` values, in all rows.
    """
    found = {}
    for column in columns:
        cells = _normal(table[column])
        if (count := cells.nunique()) > limit:
            raise UserError(
                f"{path}, column {column!r}: {count:,} different values are too many for a "
                f"category; --data.ignore='[{column}]' leaves it out, --data.category_limit="
                f"{count} allows it"
            )
        found[column] = sorted(cells.iloc[training].dropna().unique())
    return found


def encode(
    table: pd.DataFrame, vocabulary: Mapping[str, Sequence[str]], path: Path
) -> NDArray[np.int64]:
    """Indices of the rows' categories ``(N, C)``, from 1 on, or ``UNSEEN``."""
    require_columns(table, list(vocabulary), path)
    codes = np.empty((len(table), len(vocabulary)), np.int64)
    for index, (column, values) in enumerate(vocabulary.items()):
        code = {value: k for k, value in enumerate(values, 1)}
        codes[:, index] = [code.get(cell, UNSEEN) for cell in _normal(table[column])]
    return codes


def class_indices(
    table: pd.DataFrame, column: str, classes: Sequence[str] | None, limit: int, path: Path
) -> tuple[NDArray[np.int64], list[str]]:
    """The index of each row's class, ``(N,)``, and the classes: in sorted order unless given.

    Raises:
        UserError: The column is absent, a cell is empty or of no known class, or all are the same.
    """
    require_columns(table, [column], path)
    cells = table[column]
    refuse(cells.isna(), cells, path, "no class: fill it in or delete the row")
    if classes is None:
        classes = vocabularies(table, [column], np.arange(len(table)), limit, path)[column]
    if len(classes) < 2:
        raise UserError(f"{path}, column {column!r}: every row is {classes[0]!r}: it takes two")
    index = encode(table, {column: classes}, path)[:, 0] - 1
    refuse(index < 0, cells, path, f"{{cell}} is none of {listed(classes)}: correct it")
    return index, list(classes)


def _normal(cells: "pd.Series[str]") -> "pd.Series[str]":
    """Without the ".0" of programs that took a code of digits for a number."""
    return cells.str.replace(r"^(\d+)\.0+\Z", r"\1", regex=True)
