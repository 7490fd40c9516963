"""The table of the photos: who is in each, at what age; either may be missing.

N: photos.
"""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.images import listed_images
from kindling.tables.read import numeric, read_table, refuse, require_columns

log = logging.getLogger(__name__)

OLDEST = 150
"""Years above which a number is a slip of the pen."""


@dataclass(frozen=True)
class Columns:
    """Names of the table's columns; none where the table has no such column."""

    file: str
    identity: str | None
    age: str | None

    def __post_init__(self) -> None:
        if self.identity is None and self.age is None:
            raise UserError("data.identity and data.age are both null: name one column at least")
        named = [name for name in (self.file, self.identity, self.age) if name is not None]
        if len(set(named)) < len(named):
            listed = ", ".join(named)
            raise UserError(f"data.file, data.identity and data.age: {listed}: name three columns")


@dataclass(frozen=True)
class Listing:
    """What the table says.

    Args:
        path: The table.
        lines: ``(N,)``: the line of the table on which each row starts.
        names: Of the files, as the table has them.
        files: The files.
        identity: ``(N,)`` of ``str``, None where nobody knows.
        age: ``(N,)`` in years, NaN where nobody knows.
    """

    path: Path
    lines: NDArray[np.int64]
    names: list[str]
    files: list[Path]
    identity: NDArray[np.object_]
    age: NDArray[np.float32]

    @property
    def named(self) -> NDArray[np.bool_]:
        """Whose identity is known, ``(N,)``."""
        return np.array([name is not None for name in self.identity], bool)


def read_listing(path: Path, columns: Columns) -> Listing:
    """Read the table; rows without identity and age are left out, and counted.

    Raises:
        UserError: A column or a photo is absent, an age is none, or no row has anything to learn.
    """
    table = read_table(path)
    for option, column in (("identity", columns.identity), ("age", columns.age)):
        _require(table, option, column, path)
    age = _ages(table, columns.age, path)
    unknown = pd.Series(None, table.index, dtype=object)
    identity = unknown if columns.identity is None else table[columns.identity]
    kept = (identity.notna() | ~np.isnan(age)).to_numpy()
    if not kept.any():
        raise UserError(f"{path}: no row has an identity or an age: fill some in")
    if left_out := int((~kept).sum()):
        log.warning("%s: left out what has neither identity nor age: %d rows", path, left_out)
    table = table[kept]
    files = listed_images(table, columns.file, path)
    names = [str(name) for name in table[columns.file]]
    lines = table.index.to_numpy(np.int64)
    who = identity[kept].where(identity[kept].notna(), None).to_numpy(object)
    return Listing(path, lines, names, files, who, age[kept])


def _require(table: pd.DataFrame, option: str, column: str | None, path: Path) -> None:
    if column is not None and column not in table.columns:
        try:
            require_columns(table, [column], path)
        except UserError as error:
            raise UserError(f"{error}; name it by --data.{option}, null if there is none") from None


def _ages(table: pd.DataFrame, column: str | None, path: Path) -> NDArray[np.float32]:
    if column is None:
        return np.full(len(table), np.nan, np.float32)
    age: NDArray[np.float32] = numeric(table, [column], path)[:, 0]
    wrong = (age < 0) | (age > OLDEST)
    refuse(wrong, table[column], path, f"{{cell}} is no age from 0 to {OLDEST}: correct it")
    return age
