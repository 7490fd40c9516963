"""Tables: read as text, then turned into numbers or labels by code that can name the cell.

N: rows, F: columns.
"""

import difflib
import json
import logging
import reprlib
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.cells import MISSING, read_cells
from kindling.tables.dates import date_parts, source
from kindling.tables.files import encodings, refuse_mixed, warn_encoding
from kindling.tables.formats import Numbers, format_of, parse

INFINITE = "{cell} is not finite: correct or empty the cell"
log = logging.getLogger(__name__)


def read_table(
    path: Path,
    missing: Collection[str] = (),
    decimal: str | None = None,
    absent: frozenset[str] = MISSING,
    typed: bool = False,
) -> pd.DataFrame:
    """Read a table as text, so that a later error can quote a cell as it stands in the file.

    CSV of commas, semicolons or tabs, also in a ``.gz`` or a ``.zip``; Excel; Parquet. A first
    column without a name is called ``index``; empty rows, and columns without name and cells, are
    left out and counted.

    Args:
        path: The file.
        missing: Words for a missing value, besides an empty cell and :data:`MISSING`.
        decimal: The decimal mark of its numbers, if they leave it open.
        absent: Words for a missing value in any table.
        typed: Let columns of a large file that hold nothing but plain numbers be numbers, which
            saves time and memory; their text is to be had by :func:`text`.

    Returns:
        Columns of ``str`` without outer blanks, None where a cell is missing. The index is the
        line of the file on which a row starts, the header's being 1.

    Raises:
        UserError: The file cannot be read, or is not a table with a header and rows.
    """
    words = absent.union(missing)
    last: UnicodeError | None = None
    for encoding in encodings(path):
        try:
            table = read_cells(path, encoding, words, decimal, typed)
        except UnicodeError as error:
            last = error
            continue
        if encoding == "cp1252" and path.suffix.lower() not in (".gz", ".zip"):
            refuse_mixed(path, path.read_bytes())
        warn_encoding(path, encoding)
        return table
    raise UserError(f"{path}: not text in UTF-8 or Latin-1: save the file as CSV UTF-8") from last


def numeric(table: pd.DataFrame, columns: Sequence[str], path: Path) -> NDArray[np.float32]:
    """The columns as numbers ``(N, F)``, NaN where a cell is missing.

    Raises:
        UserError: A column is absent, or a cell holds text or no finite number.
    """
    require_columns(table, columns, path)
    values = np.empty((len(table), len(columns)), dtype=np.float32)
    for number, column in zip(values.T, columns, strict=True):
        cells = table[source(column, table)]
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
            number[:] = numbers(cells, path) if column in table else date_parts(cells, column, path)
        refuse(np.isinf(number), cells, path, INFINITE)
    return values


def numbers(cells: "pd.Series[str]", path: Path) -> NDArray[np.float64]:
    """A column as numbers, NaN where a cell is missing, by the format of all cells.

    Thousands, a decimal comma, currencies, percent and units are understood if all cells have them,
    and logged with an example.

    Raises:
        UserError: A cell holds text, no finite number, or one that can be read in two ways.
    """
    found = parsed(cells, path)
    if found.example:
        log.info("%s: in column %r %s", path, cells.name, found.example)
    return found.values


def parsed(cells: "pd.Series[str]", path: Path) -> Numbers:
    """A column as numbers that are finite, or an error that names the first cell that is none."""
    found = parse(cells)
    if found.unclear is not None:
        fault = "{cell} may have a mark of decimals or of thousands: set --data.decimal=. or ,"
        refuse(found.unclear, cells, path, fault)
    unread = np.isnan(found.values)
    wrong = unread & cells.notna() if unread.any() else unread
    mark = "comma" if found.decimal == "," else "point"
    fault = f"{{cell}} is not a number with decimal {mark}: correct or empty the cell"
    if wrong.any() and not any(map(str.isalnum, cell := cells[wrong].iloc[0])):
        word = json.dumps([cell], ensure_ascii=False)
        fault += f", or, where it means a missing value, set --data.missing='{word}'"
    refuse(wrong, cells, path, fault)
    refuse(np.isinf(found.values), cells, path, INFINITE)
    return found


def labels(table: pd.DataFrame, column: str, path: Path) -> NDArray[np.int64]:
    """A column of 0 and 1, ``(N,)``.

    Raises:
        UserError: The column is absent, a cell is neither 0 nor 1, or all cells are the same.
    """
    require_columns(table, [column], path)
    cells = table[column]
    values = parse(cells).values
    refuse(cells.isna(), cells, path, "no label: fill it in or delete the row")
    refuse(~np.isin(values, (0, 1)), cells, path, "{cell} is not a label: write 0 or 1")
    if values.min() == values.max():
        only = f"every label is {values[0]:.0f}"
        raise UserError(f"{path}, column {column!r}: {only}: both are needed")
    return values.astype(np.int64)


def text(table: pd.DataFrame, column: str) -> "pd.Series[str]":
    """The text of a column, also if its cells were read as numbers."""
    cells = table[column]
    if not pd.api.types.is_numeric_dtype(cells):
        return cells
    if cells.dtype.kind == "i":  # all are written as Python would
        return cells.astype(str).astype(object)
    written = format_of(table).text
    return cells if written is None else written(column)[table.index]


def require_columns(
    table: pd.DataFrame, columns: Sequence[str], path: Path, setting: str = ""
) -> None:
    """Raise a UserError with the nearest name if the table lacks one of the columns.

    A part of a date, such as ``signup year``, needs the column of the date. The error names the
    setting that chose the columns, if there is one.
    """
    by_folded = {str(name).casefold(): str(name) for name in table.columns}
    for column in columns:
        if source(column, table) not in table:
            near = difflib.get_close_matches(column.casefold(), by_folded, n=1)
            hint = f" (did you mean {by_folded[near[0]]!r}?)" if near else ""
            names = listed(list(map(str, table.columns)))
            change = f"; change --{setting}" if setting else ""
            raise UserError(f"{path}: no column {column!r}{hint}: the columns are {names}{change}")


def listed(names: Sequence[str]) -> str:
    """Names for an error, shortened to fit on a line."""
    return textwrap.shorten(", ".join(names), width=300, placeholder=" ...") or "none"


def shown(cell: object) -> object:
    """A cell as people write it, also if it was read as a number."""
    return f"{cell:.15g}" if isinstance(cell, int | float | np.number) else cell


def refuse(
    bad: "NDArray[np.bool_] | pd.Series[bool]", cells: "pd.Series[str]", path: Path, fault: str
) -> None:
    """Raise a UserError about the first bad cell, counting the others."""
    if np.any(bad):
        wrong = cells[bad]
        others = f" ({len(wrong) - 1} more like it)" if len(wrong) > 1 else ""
        what = fault.replace("{cell}", reprlib.repr(shown(wrong.iloc[0])))
        raise UserError(f"{path}, row {wrong.index[0]}, column {cells.name!r}: {what}{others}")
