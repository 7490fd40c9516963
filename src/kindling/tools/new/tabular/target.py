"""The column to predict, as places in a list of classes.

N: rows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.tables.read import refuse, require_columns
from kindling.tables.vocabulary import encode, vocabularies

MOST = 100
"""Classes; of more, the column is rather a number or a name."""


def read_target(
    table: pd.DataFrame, column: str, path: Path, classes: Sequence[str] | None = None
) -> tuple[Tensor, list[str]]:
    """The class of each row ``(N,)`` int64, and the classes, in sorted order unless given.

    Raises:
        UserError: The column is absent, a cell is empty or of no known class, or all are the same.
    """
    require_columns(table, [column], path)
    cells = table[column]
    refuse(cells.isna(), cells, path, "no class: fill it in or delete the row")
    if classes is None:
        classes = vocabularies(table, [column], np.arange(len(table)), MOST, path)[column]
    if len(classes) < 2:
        raise UserError(f"{path}, column {column!r}: every row is {classes[0]!r}: it takes two")
    place = encode(table, {column: classes}, path)[:, 0] - 1
    refuse(place < 0, cells, path, f"{{cell}} is none of {', '.join(classes)}: correct it")
    return torch.from_numpy(place), list(classes)


def unknown(rows: int) -> Tensor:
    """Stands for the targets of rows that have none, ``(N,)``."""
    return torch.full((rows,), IGNORE_INDEX)
