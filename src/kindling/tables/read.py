"""Tables: read as text, then turned into numbers or labels by code that can name the cell.

N: rows, F: columns.
"""

import difflib
import logging
import reprlib
import textwrap
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import compress, islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.dates import date_parts, source
from kindling.tables.files import Record, encodings, refuse_mixed, warn_encoding
from kindling.tables.files import records as rows_of
from kindling.tables.formats import FileFormat, decimal_mark, format_of, parse
from kindling.tables.large import parse_large, text_of


def _spellings(*words: str) -> frozenset[str]:
    """The words in small and large letters, mixed in any way."""
    letters = (product(*zip(word.lower(), word.upper(), strict=True)) for word in words)
    return frozenset("".join(each) for word in letters for each in word)


MISSING = _spellings("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null")
NONE = _spellings("none")
"""Missing in a column of numbers; in any other a word, such as the name of a class."""

INFINITE = "{cell} is not finite: correct or empty the cell"
_TOGETHER = 10_000  # records that become columns at a time
log = logging.getLogger(__name__)

Cells = NDArray[np.object_]


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
        missing: Words that mean a missing value, beside an empty cell and :data:`MISSING`.
        decimal: The decimal mark of its numbers, where they do not say it themselves.
        absent: What means a missing value in any table.
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
            table = _read(path, encoding, words, decimal, typed)
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
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
            number[:] = numbers(cells, path) if column in table else date_parts(cells, column, path)
        refuse(np.isinf(number), cells, path, INFINITE)
    return values


def numbers(cells: "pd.Series[str]", path: Path) -> NDArray[np.float64]:
    """A column as numbers, NaN where a cell is missing, by the format that it has throughout.

    Thousands, a decimal comma, currencies, percent and units are understood where all cells have
    them, and said with an example.

    Raises:
        UserError: A cell holds text, no finite number, or one that can be read in two ways.
    """
    found = parse(cells)
    if found.unclear is not None:
        fault = "{cell} has a mark of decimals or of thousands: say it by --data.decimal=. or ,"
        refuse(found.unclear, cells, path, fault)
    mark = "comma" if found.decimal == "," else "point"
    fault = f"{{cell}} is not a number with decimal {mark}: correct or empty the cell"
    unread = np.isnan(found.values)
    refuse(unread & cells.notna() if unread.any() else unread, cells, path, fault)
    refuse(np.isinf(found.values), cells, path, INFINITE)
    if found.example:
        log.info("%s: in column %r %s", path, cells.name, found.example)
    return found.values


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
    """A column as the file has it, also where its cells were read as numbers."""
    cells = table[column]
    if not pd.api.types.is_numeric_dtype(cells):
        return cells
    if cells.dtype.kind == "i":  # all of which are written as Python does
        return cells.astype(str).astype(object)
    written = format_of(table).text
    return cells if written is None else written(column)[table.index]


def require_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Raise a UserError with the nearest name if the table lacks one of the columns.

    A part of a date, such as ``signup year``, needs the column of the date.
    """
    by_folded = {str(name).casefold(): str(name) for name in table.columns}
    for column in columns:
        if source(column, table) not in table:
            near = difflib.get_close_matches(column.casefold(), by_folded, n=1)
            hint = f" (did you mean {by_folded[near[0]]!r}?)" if near else ""
            names = listed(list(map(str, table.columns)))
            raise UserError(f"{path}: no column {column!r}{hint}: the columns are {names}")


def listed(names: Sequence[str]) -> str:
    """Names for an error, on one line of bearable length."""
    return textwrap.shorten(", ".join(names), width=300, placeholder=" ...") or "none"


def shown(cell: object) -> object:
    """A cell as people write it, also where it was read as a number."""
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


class _Raw(NamedTuple):
    """A table before its columns are named: where the header and the rows stand, and the cells."""

    separator: str
    header: list[str]
    start: int
    rows: Sequence[int] | NDArray[np.int64]
    columns: Sequence[NDArray[Any]]


def _read(
    path: Path, encoding: str, missing: Collection[str], given: str | None, typed: bool
) -> pd.DataFrame:
    typed = typed and encoding == "utf-8" and given != ","
    large = parse_large(path, missing) if typed else None
    raw = _of_large(*large, missing) if large else _of_records(path, encoding, missing)
    header, width = [name.strip() for name in raw.header], len(raw.header)
    filled = [
        bool(name) or not pd.isna(cells).all()
        for name, cells in zip(header, raw.columns, strict=True)
    ]
    unnamed = None
    if not header[0] and width > 1 and filled[0]:  # as pandas writes its index
        header[0] = unnamed = "index" if "index" not in header else "row index"
    if left_out := filled.count(False):
        log.info("%s: columns without name and cells left out: %d", path, left_out)
    places = list(compress(range(width), filled))
    _check_header([header[k] for k in places], raw.start, path)
    rows = pd.Index(raw.rows, name="row")
    series = {k: pd.Series(raw.columns[k], rows, raw.columns[k].dtype) for k in places}
    table = pd.DataFrame(series, copy=False)
    table.columns = pd.Index([header[k] for k in places], dtype=object)

    def written(column: str) -> "pd.Series[str]":
        place = header.index(column)
        cells = _cells(text_of(path, width, [place])[place], missing)
        return pd.Series(cells, rows, dtype=object, name=column)

    mark = _decimal_mark([raw.columns[k] for k in places], raw.separator)
    table.attrs["format"] = FileFormat(raw.separator, mark, given, unnamed, written)
    return table


def _of_large(header: list[str], columns: Sequence[NDArray[Any]], missing: Collection[str]) -> _Raw:
    rows = np.arange(2, len(columns[0]) + 2)
    read = [
        cells if pd.api.types.is_numeric_dtype(cells) else _without_none(_cells(cells, missing))
        for cells in columns
    ]
    return _Raw(",", header, 1, rows, read)


def _of_records(path: Path, encoding: str, missing: Collection[str]) -> _Raw:
    separator, records = rows_of(path, encoding)
    start, header = next(records, (1, []))
    if not header:
        raise UserError(f"{path}: the file is empty: it needs a header and rows")
    rows: list[int] = []
    whole = _whole(records, len(header), separator, path)
    columns = _columns(whole, len(header), rows, missing)
    if not rows:
        raise UserError(f"{path}: a header and no rows: add the data below it")
    return _Raw(separator, header, start, rows, columns)


def _decimal_mark(columns: Sequence[Cells], separator: str) -> str | None:
    texts = [cells for cells in columns if not pd.api.types.is_numeric_dtype(cells)]
    if separator == "," and not any("," in "".join(filter(None, cells)) for cells in texts):
        return None
    return decimal_mark(filter(None, cells) for cells in texts)


def _whole(rows: Iterator[Record], width: int, separator: str, path: Path) -> Iterator[Record]:
    """Records of as many cells as the header has, but for those that are empty."""
    empty = 0
    for row, record in rows:
        if not any(map(str.strip, record)):
            empty += 1
        elif len(record) != width:
            raise UserError(
                f"{path}, row {row}: the header has {width} cells and this row "
                f"{len(record)}: look for a missing, an extra or an unquoted {separator!r}"
            )
        else:
            yield row, record
    if empty:
        log.info("%s: empty rows left out: %d", path, empty)


def _columns(
    rows: Iterator[Record], width: int, index: list[int], missing: Collection[str]
) -> list[Cells]:
    """The cells of each column, and in ``index`` the lines of the rows."""
    # Python's garbage collector walks through lists, but not through arrays, again and again.
    parts: list[list[Cells]] = [[] for _ in range(width)]
    while together := list(islice(rows, _TOGETHER)):
        index += [row for row, _ in together]
        for part, cells in zip(parts, zip(*(r for _, r in together), strict=True), strict=True):
            part.append(_cells(cells, missing))
    return [_without_none(np.concatenate(part)) if part else np.empty(0, object) for part in parts]


def _cells(written: Iterable[str], missing: Collection[str]) -> Cells:
    """Cells without outer blanks, None where missing, each word kept once in memory."""
    cells = list(map(str.strip, written))
    words = set(cells)
    absent = words.intersection(missing)
    if absent or len(words) < len(cells) / 2:
        meant = {word: None if word in absent else word for word in words}
        return np.array(list(map(meant.__getitem__, cells)), object)
    return np.array(cells, object)


def _without_none(cells: Cells) -> Cells:
    """``NONE`` as missing where most of the other cells are numbers."""
    if not NONE.isdisjoint(cells):
        none = np.array([cell in NONE for cell in cells], bool)
        others = pd.Series(cells[~none], dtype=object).dropna()
        if pd.to_numeric(others, errors="coerce").notna().sum() * 2 > len(others):
            cells[none] = None
    return cells


def _check_header(header: list[str], row: int, path: Path) -> None:
    for index, name in enumerate(header):
        where = f"{path}, row {row}, column {index + 1}"
        if not name:
            raise UserError(f"{where}: no name in the header: name the column or delete it")
        if name in header[:index]:
            raise UserError(f"{where}: the name {name!r} is used twice: rename one of them")
