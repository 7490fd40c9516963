"""What each column of a table is: a number, a category, a photo's path, or an identifier."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from kindling.data.files import image_suffixes
from kindling.errors import UserError
from kindling.tables.read import require_columns

Kind = Literal["numbers", "categories", "photos", "identifiers"]
KINDS: tuple[Kind, ...] = ("numbers", "categories", "photos", "identifiers")
log = logging.getLogger(__name__)

CODE = re.compile(r"zip|postal|postcode|code$|(^|[^a-z])(id|plz|type|class)$", re.IGNORECASE)
"""Names of columns whose whole numbers are names rather than amounts."""


class Columns(NamedTuple):
    """Names of columns by what they are."""

    numbers: list[str]
    categories: list[str]
    photos: list[str]
    identifiers: list[str]


def choose(
    table: pd.DataFrame, target: str, named: Mapping[Kind, Sequence[str] | None], path: Path
) -> Columns:
    """The columns that are named, and of each kind that is not named those that look like it.

    Raises:
        UserError: A name is absent or named twice, or is the target, or nothing is left.
    """
    given = [name for names in named.values() for name in names or ()]
    require_columns(table, [target, *given], path)
    for index, name in enumerate(given):
        if name == target:
            raise UserError(f"{path}: the target {target!r} is among the columns to learn from")
        if name in given[:index]:
            raise UserError(f"{path}: column {name!r} is named twice: name it once")
    found: dict[Kind, list[str]] = {kind: list(named.get(kind) or ()) for kind in KINDS}
    for name in map(str, table.columns):
        if name == target or name in given:
            continue
        kind = looks_like(table[name])
        # What a row is called is always of use: it names the row in the predictions.
        if kind is not None and (named.get(kind) is None or kind == "identifiers"):
            found[kind].append(name)
    columns = Columns(**found)
    if not (columns.numbers or columns.categories or columns.photos):
        raise UserError(f"{path}: no column to learn from beside {target!r}: add or name one")
    return columns


def looks_like(cells: "pd.Series[str]") -> Kind | None:
    """What a column seems to be by its cells and its name; None if it is empty.

    Photos are paths that all end as images do. Of the others, a column is of numbers if most of
    its cells are, so that a cell mistyped is found. But whole numbers that all differ and rise
    from row to row, or lie close together, only count the rows: an identifier. And whole numbers
    are categories where the name says so (:data:`CODE`) or one begins with a zero.
    """
    there = cells.dropna()
    if there.empty:
        return None
    if all(Path(cell).suffix.lower() in image_suffixes() for cell in there):
        return "photos"
    number = pd.to_numeric(there.str.replace(",", "."), errors="coerce").to_numpy(np.float64)
    if np.count_nonzero(np.isfinite(number)) * 2 <= len(number):
        return "categories"
    if not np.array_equal(number, np.floor(number)):
        return "numbers"
    if len(there) == len(cells) and _counts_rows(number):
        return "identifiers"
    zero = there.str.match(r"0\d").any()
    return "categories" if zero or CODE.search(str(cells.name)) else "numbers"


def report(
    table: pd.DataFrame, columns: Columns, vocabulary: Mapping[str, Sequence[str]], target: str
) -> None:
    """Say in one line what each column was taken for."""
    categories = [f"{name} ({len(vocabulary[name])})" for name in columns.categories]
    parts = {**columns._asdict(), "categories": categories, "target": [target]}
    used = {target, *(name for names in columns for name in names)}
    parts["not used"] = [str(name) for name in table.columns if name not in used]
    log.info(
        "columns: %s",
        "; ".join(f"{kind} {', '.join(names)}" for kind, names in parts.items() if names),
    )


def _counts_rows(number: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether these are a running number, in order or shuffled, with fewer gaps than rows."""
    if len(np.unique(number)) < len(number) or len(number) < 2:
        return False
    return bool((np.diff(number) > 0).all() or np.ptp(number) < 2 * len(number))
