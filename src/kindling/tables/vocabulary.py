"""Categories as indices in the list of those in the training rows.

N: rows, C: categorical columns.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.read import listed, refuse, require_columns, text

UNSEEN = 0
"""The index of a category that is missing, rare, or not in the training rows."""

log = logging.getLogger(__name__)


def vocabularies(
    table: pd.DataFrame, columns: Sequence[str], training: NDArray[np.int64], limit: int, path: Path
) -> dict[str, list[str]]:
    """The categories of each column in the rows ``training``, sorted.

    Of more than ``limit`` values those that most rows have; the others count as ``UNSEEN``.
    """
    found = {}
    for column in columns:
        counts = _normal(text(table, column).iloc[training]).value_counts()
        if len(counts) > limit:
            counts = counts.sort_index().sort_values(ascending=False, kind="stable")
            rest, rows = len(counts) - limit, counts.iloc[limit:].sum()
            log.info(
                "%s, column %r: the %d most frequent of %d values are learned separately, the "
                "other %d together (%d rows; data.category_limit)",
                *(path, column, limit, len(counts), rest, rows),
            )
        found[column] = sorted(counts.index[:limit])
    return found


def encode(
    table: pd.DataFrame, vocabulary: Mapping[str, Sequence[str]], path: Path
) -> NDArray[np.int64]:
    """Indices of the rows' categories ``(N, C)``, from 1 on, or ``UNSEEN``."""
    require_columns(table, list(vocabulary), path)
    codes = np.empty((len(table), len(vocabulary)), np.int64)
    for index, (column, values) in enumerate(vocabulary.items()):
        known: Any = pd.Index(np.array(values, object), dtype=object)
        codes[:, index] = known.get_indexer(_normal(text(table, column))) + 1  # -1 + 1 is UNSEEN
    return codes


def class_indices(
    table: pd.DataFrame, column: str, classes: Sequence[str] | None, limit: int, path: Path
) -> tuple[NDArray[np.int64], list[str]]:
    """The index of each row's class, ``(N,)``, and the classes: in sorted order unless given.

    Raises:
        UserError: The column is absent, a cell is empty or of no known class, or all are the same.
    """
    require_columns(table, [column], path)
    cells = text(table, column)
    refuse(cells.isna(), cells, path, "no class: fill it in or delete the row")
    if classes is None:
        classes = sorted(_normal(cells).unique())
        if len(classes) > limit:
            raise UserError(
                f"{path}, column {column!r}: {len(classes):,} different values are too many for "
                f"classes; TARGET=regression predicts a number, --data.category_limit="
                f"{len(classes)} allows it"
            )
    if len(classes) < 2:
        raise UserError(
            f"{path}, column {column!r}: every row is {classes[0]!r}: two classes are needed"
        )
    index = encode(table, {column: classes}, path)[:, 0] - 1
    refuse(index < 0, cells, path, f"{{cell}} is not one of {listed(classes)}: correct it")
    return index, list(classes)


def _normal(cells: "pd.Series[str]") -> "pd.Series[str]":
    """Without the ".0" of programs that wrote a code of digits as a number."""
    codes, words = cells.factorize()
    normal = [re.sub(r"^(\d+)\.0+\Z", r"\1", word) for word in words]
    return pd.Series(np.array([*normal, None], object)[codes], cells.index)
