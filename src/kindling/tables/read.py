"""CSV tables: read as text, then turned into numbers or labels by code that can name the cell.

N: rows, F: columns.
"""

import csv
import difflib
import io
import re
import reprlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError

MISSING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null", "none"})
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)


def read_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text, so that a later error can quote a cell as it stands in the file.

    The separator is a comma, a semicolon or a tab. Unless it is a comma, one cell like ``1,5``
    makes the comma the decimal mark of the whole file.

    Returns:
        Columns of ``str`` without outer blanks, None where a cell is missing. The index is the
        line of the file on which a row starts, the header's being 1.

    Raises:
        UserError: The file cannot be read, or is not a table with a header and rows.
    """
    text = _read_text(path)
    separator = separator_of(text)
    records = _records(text, separator, path)
    header_row, header = next(records, (1, []))
    _check_header(header, header_row, path)
    rows: list[int] = []
    cells: list[list[str | None]] = []
    for row, record in records:
        if len(record) != len(header):
            raise UserError(
                f"{path}, row {row}: the header has {len(header)} cells and this row "
                f"{len(record)}: look for a missing, an extra or an unquoted {separator!r}"
            )
        rows.append(row)
        cells.append([None if cell.casefold() in MISSING else cell for cell in record])
    if not rows:
        raise UserError(f"{path}: a header and no rows: add the data below it")
    table = pd.DataFrame(cells, index=pd.Index(rows, name="row"), columns=header, dtype=object)
    table.attrs["decimal"] = "." if separator == "," else _decimal_mark(cells)
    return table


def numeric(table: pd.DataFrame, columns: Sequence[str], path: Path) -> NDArray[np.float32]:
    """Return the columns as numbers, NaN where a cell is missing.

    Shape:
        ``(N, F)``

    Raises:
        UserError: A column is absent, or a cell holds text or no finite number.
    """
    require_columns(table, columns, path)
    mark = "with decimal comma" if table.attrs.get("decimal") == "," else "with decimal point"
    values = np.empty((len(table), len(columns)), dtype=np.float32)
    for index, column in enumerate(columns):
        cells = table[column]
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
            values[:, index] = _parse(table, column)
        number = values[:, index]
        text = np.isnan(number) & cells.notna()
        refuse(text, cells, path, f"{{cell}} is not a number {mark}: correct or empty the cell")
        refuse(np.isinf(number), cells, path, "{cell} is not finite: correct or empty the cell")
    return values


def labels(table: pd.DataFrame, column: str, path: Path) -> NDArray[np.int64]:
    """Return a column of 0 and 1.

    Shape:
        ``(N,)``

    Raises:
        UserError: The column is absent, a cell is neither 0 nor 1, or all cells are the same.
    """
    require_columns(table, [column], path)
    cells, values = table[column], _parse(table, column)
    refuse(cells.isna(), cells, path, "no label: fill it in or delete the row")
    refuse(~np.isin(values, (0, 1)), cells, path, "{cell} is not a label: write 0 or 1")
    if values.min() == values.max():
        raise UserError(
            f"{path}, column {column!r}: every label is {values[0]:.0f}: both are needed"
        )
    return values.astype(np.int64)


def require_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Raise a UserError with the nearest name if the table lacks one of the columns."""
    present = [str(name) for name in table.columns]
    by_folded = {name.casefold(): name for name in present}
    for column in columns:
        if column not in present:
            near = difflib.get_close_matches(column.casefold(), by_folded, n=1)
            hint = f" (did you mean {by_folded[near[0]]!r}?)" if near else ""
            names = listed(present)
            raise UserError(f"{path}: no column {column!r}{hint}: the columns are {names}")


def listed(names: Sequence[str]) -> str:
    """Names for an error, on one line of bearable length."""
    return textwrap.shorten(", ".join(names), width=300, placeholder=" ...") or "none"


def refuse(
    bad: "NDArray[np.bool_] | pd.Series[bool]", cells: "pd.Series[str]", path: Path, fault: str
) -> None:
    """Raise a UserError about the first bad cell, counting the others."""
    wrong = cells[bad]
    if len(wrong):
        others = f" ({len(wrong) - 1} more like it)" if len(wrong) > 1 else ""
        what = fault.replace("{cell}", reprlib.repr(wrong.iloc[0]))
        raise UserError(f"{path}, row {wrong.index[0]}, column {cells.name!r}: {what}{others}")


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: give the path of a CSV file") from error
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        row = raw.count(b"\n", 0, error.start) + 1
        raise UserError(f"{path}, row {row}: not UTF-8: save the file as CSV UTF-8") from error


def separator_of(text: str) -> str:
    """Return the comma, semicolon or tab that cuts the header into most names."""
    # Far more than a header, yet below the csv module's limit for one cell.
    start = text.lstrip("\r\n")[:100_000]

    def names(mark: str) -> int:
        lines = io.StringIO(start, newline="")
        return len(next(csv.reader(lines, delimiter=mark, skipinitialspace=True), []))

    return max(",;\t", key=names)


def _records(text: str, separator: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not a blank line, with the line on which it starts."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    row = 1
    try:
        for record in reader:
            if record:
                yield row, [cell.strip() for cell in record]
            row = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, row {row}: {error}: look for a quote that is not closed or not doubled"
        ) from error


def _check_header(header: list[str], row: int, path: Path) -> None:
    if not header:
        raise UserError(f"{path}: the file is empty: it needs a header and rows")
    for index, name in enumerate(header):
        where = f"{path}, row {row}, column {index + 1}"
        if not name:
            raise UserError(f"{where}: no name in the header: name the column or delete it")
        if name in header[:index]:
            raise UserError(f"{where}: the name {name!r} is used twice: rename one of them")


def _decimal_mark(cells: list[list[str | None]]) -> str:
    comma = any(cell and _DECIMAL_COMMA.fullmatch(cell) for record in cells for cell in record)
    return "," if comma else "."


def _parse(table: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Return the column as numbers, NaN where a cell is missing or not a number."""
    cells = table[column]
    if table.attrs.get("decimal") == ",":
        # Marks trade places: a thousands point becomes a comma, and is refused, not read as 1.234.
        cells = cells.str.translate(str.maketrans(",.", ".,"))
    return pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
