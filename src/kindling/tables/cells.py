"""The cells of a table, column by column, and the lines on which its rows start."""

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import compress, islice, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tables.files import Record, index_name
from kindling.tables.files import records as rows_of
from kindling.tables.formats import FileFormat, decimal_mark
from kindling.tables.large import LargeFile, parse_large, text_of

log = logging.getLogger(__name__)

Cells = NDArray[np.object_]

_TOGETHER = 10_000  # records turned into columns at a time


def _spellings(*words: str) -> frozenset[str]:
    """The words in any mix of lower and upper case."""
    letters = (product(*zip(word.lower(), word.upper(), strict=True)) for word in words)
    return frozenset("".join(each) for word in letters for each in word)


MISSING = _spellings("", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "null")
NONE = _spellings("none")
"""Missing in a column of numbers; in any other a word, such as a class."""


class _Raw(NamedTuple):
    """A table before its columns are named: where the header and the rows stand, and the cells."""

    separator: str
    header: list[str]
    start: int
    rows: Sequence[int] | NDArray[np.int64]
    columns: Sequence[NDArray[Any]]
    decimal: str | None = None  # of the columns that are numbers already


def read_cells(
    path: Path, encoding: str, missing: Collection[str], given: str | None, typed: bool
) -> pd.DataFrame:
    """The table of a file in an encoding, as :func:`kindling.tables.read.read_table` has it."""
    large = parse_large(path, missing, given) if typed and encoding == "utf-8" else None
    raw = _of_large(large, missing) if large else _of_records(path, encoding, missing)
    header, width = [name.strip() for name in raw.header], len(raw.header)
    filled = [
        bool(name) or not pd.isna(cells).all()
        for name, cells in zip(header, raw.columns, strict=True)
    ]
    unnamed = None
    if not header[0] and width > 1 and filled[0]:
        header[0] = unnamed = index_name(header)
    if left_out := filled.count(False):
        log.info("%s: empty columns without a name left out: %d", path, left_out)
    places = list(compress(range(width), filled))
    _check_header([header[k] for k in places], raw.start, path)
    rows = pd.Index(raw.rows, name="row")
    series = {k: pd.Series(raw.columns[k], rows, raw.columns[k].dtype) for k in places}
    table = pd.DataFrame(series, copy=False)
    table.columns = pd.Index([header[k] for k in places], dtype=object)

    def written(column: str) -> "pd.Series[str]":
        place = header.index(column)
        cells = _cells(text_of(path, width, raw.separator, [place])[place], missing)
        return pd.Series(cells, rows, dtype=object, name=column)

    mark = _decimal_mark([raw.columns[k] for k in places], raw)
    table.attrs["format"] = FileFormat(raw.separator, mark, given, unnamed, written)
    return table


def _of_large(large: LargeFile, missing: Collection[str]) -> _Raw:
    rows = np.arange(2, len(large.columns[0]) + 2)
    read = [
        cells if pd.api.types.is_numeric_dtype(cells) else _without_none(_cells(cells, missing))
        for cells in large.columns
    ]
    return _Raw(large.separator, large.header, 1, rows, read, large.decimal)


def _of_records(path: Path, encoding: str, missing: Collection[str]) -> _Raw:
    separator, records = rows_of(path, encoding)
    with closing(records):  # also where a record is refused
        start, header = next(records, (1, []))
        if not header:
            raise UserError(f"{path}: the file is empty: it needs a header and rows")
        rows: list[int] = []
        whole = _whole(records, len(header), separator, path)
        columns = _columns(whole, len(header), rows, missing)
    if not rows:
        raise UserError(f"{path}: a header and no rows: add the data below it")
    return _Raw(separator, header, start, rows, columns)


def _decimal_mark(columns: Sequence[Cells], raw: _Raw) -> str | None:
    texts = [cells for cells in columns if not pd.api.types.is_numeric_dtype(cells)]
    if raw.separator == "," and not any("," in "".join(filter(None, cells)) for cells in texts):
        return None
    return decimal_mark((filter(None, cells) for cells in texts), raw.decimal)


def _whole(rows: Iterator[Record], width: int, separator: str, path: Path) -> Iterator[Record]:
    """Records with as many cells as the header; empty ones are left out."""
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
    # Python's garbage collector repeatedly walks through lists, but not through arrays.
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
