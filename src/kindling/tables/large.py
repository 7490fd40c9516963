"""Large CSV files by pandas' own parser, which has columns of plain numbers as numbers.

It is many times as fast as the csv module, but says neither where a row is too short nor how a
number was written. So it reads only what is well formed throughout, and a column's text is read
once more where that is asked for.
"""

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.tables.files import FRAMES, archives, open_bytes, separator_of
from kindling.tables.formats import decimal_votes

LARGE = 1_000_000
"""Size in bytes above which it is worth it."""

_CELLS = 4_000_000  # parsed at a time
_PEEKED = 1000  # rows, of which the cells show their decimal mark
_AS_COMMAS = {";": bytes.maketrans(b",;", b".,"), "\t": bytes.maketrans(b",\t", b".,")}
"""Separators as commas, and decimal commas as points."""

_UNCLEAR = re.compile(rb'[,\n]"?[+-]?[1-9]\d{0,2}\.\d{3}[,"\r\n]')
"""A cell whose mark may be of decimals or of thousands."""

_QUOTED = re.compile(rb'"[^"]*"')
_ODD_QUOTES = re.compile(rb'[^,\n\0]\0|\0[^,\r\n\0]|"')

_SHAPE = bytes.maketrans(b'\n" 123456789', b",,,111111111")
_NOT_AS_WRITTEN = (b",00", b",01", b",+", b",-00", b",-01", b",-0,")
"""Beginnings of whole numbers that Python would write differently: 007, +1, -0."""

Cells = NDArray[np.object_]


class LargeFile(NamedTuple):
    """A file that is well formed throughout; its rows stand on the lines from 2 on.

    Args:
        header: Names of the columns.
        columns: The cells of each: text, or numbers with NaN where missing.
        separator: Of the cells.
        decimal: The mark that the numbers show.
    """

    header: list[str]
    columns: list[NDArray[Any]]
    separator: str
    decimal: str | None = None


def parse_large(path: Path, missing: Collection[str], given: str | None = None) -> LargeFile | None:
    """The cells of a large file, as numbers where a column has nothing else.

    None if the file is small or not well formed throughout, of which the csv module knows more.

    Args:
        path: The file.
        missing: Words that mean a missing value.
        given: The decimal mark that the settings name.
    """
    if path.suffix.lower() in FRAMES:
        return None
    with archives(path), open_bytes(path) as file:
        content = file.read()
    if len(content) < LARGE:
        return None
    header = content.partition(b"\n")[0].decode()
    separator = separator_of(header)
    names = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
    content = content.translate(_AS_COMMAS.get(separator))
    if (separator == "," and given == ",") or not _is_regular(content, len(names)):
        return None
    shapes = content.translate(_SHAPE)
    plain = not any(start in shapes for start in _NOT_AS_WRITTEN)
    clear = separator == "," or given is not None or not _UNCLEAR.search(content)
    del content, shapes
    try:
        marks = [] if separator == "," else _marks(path, len(names), separator)
        [(mark, _)] = Counter(filter(None, marks)).most_common(1) or [(".", 0)]
        mark = given or mark
        columns = _numbers(path, len(names), separator, missing, mark, plain)
        for k, shown in enumerate(marks if not clear else ()):
            cells = columns[k]
            # 1.003 may be of thousands where no cell says otherwise.
            if shown != mark and cells is not None and cells.dtype.kind == "f":
                columns[k] = None
        others = [k for k, cells in enumerate(columns) if cells is None]
        texts = text_of(path, len(names), separator, others)
    except pd.errors.ParserError:
        return None
    seen = any(m == mark and c is not None for m, c in zip(marks, columns, strict=False))
    whole = [texts[k] if cells is None else cells for k, cells in enumerate(columns)]
    return LargeFile(names, whole, separator, mark if seen else None)


def text_of(path: Path, width: int, separator: str, columns: Sequence[int]) -> dict[int, Cells]:
    """The text of some columns of a file that :func:`parse_large` has read."""
    if not columns:
        return {}
    settings: dict[str, Any] = {"dtype": object, "usecols": list(columns), "na_filter": False}
    parts = list(_chunks(path, width, separator, **settings))
    return {k: np.concatenate([part[k].to_numpy(object) for part in parts]) for k in columns}


def _marks(path: Path, width: int, separator: str) -> list[str | None]:
    """The decimal mark that the first cells of each column show."""
    settings: dict[str, Any] = {"dtype": object, "na_filter": False, "nrows": _PEEKED}
    [head] = _chunks(path, width, separator, **settings)
    found: list[str | None] = []
    for _, cells in head.items():
        votes = decimal_votes(cells)
        found.append(None if votes["."] == votes[","] else votes.most_common(1)[0][0])
    return found


def _numbers(
    path: Path, width: int, separator: str, missing: Collection[str], mark: str, plain: bool
) -> list[NDArray[Any] | None]:
    """The cells of each column of numbers; None for any other, and for possible codes."""
    parts: list[list[NDArray[Any]]] = [[] for _ in range(width)]
    for chunk in _chunks(path, width, separator, na_values=list(missing), decimal=mark):
        for part, (_, cells) in zip(parts, chunk.items(), strict=True):
            part.append(cells.to_numpy() if cells.dtype.kind in "if" else np.empty(0, bool))
    found: list[NDArray[Any] | None] = []
    for part in parts:
        numbers = all(cells.dtype.kind in "if" for cells in part)
        column = np.concatenate(part) if numbers else None
        part.clear()
        kept = column is not None and (plain or (column % 1 > 0).any())
        found.append(column if kept else None)
    return found


def _chunks(path: Path, width: int, separator: str, **settings: Any) -> Iterator[pd.DataFrame]:
    with (
        open_bytes(path) as file,
        pd.read_csv(
            file,
            sep=separator,
            header=None,
            skiprows=1,
            names=list(range(width)),
            skipinitialspace=True,
            keep_default_na=False,
            low_memory=False,
            chunksize=max(1000, _CELLS // width),
            **settings,
        ) as chunks,
    ):
        yield from chunks


def _is_regular(content: bytes, width: int) -> bool:
    """Whether no row has fewer cells than the header, each quoted as a whole if at all."""
    content = content.rstrip(b"\r\n")
    lines = content.count(b"\n") + 1
    if lines < 2:
        return False
    if b'"' in content:
        if b"\0" in content:
            return False
        content = _QUOTED.sub(b"\0", content.replace(b'""', b""))
        if content.count(b"\n") + 1 != lines or _ODD_QUOTES.search(content):
            return False
    if b"\r" in content and content.count(b"\r") != content.count(b"\r\n"):
        return False
    if b"\n\n" in (content + b"\n").translate(None, b" ,\r"):
        return False
    commas = content.count(b",") == lines * (width - 1)
    # By the first row pandas tells whether rows have a name; a later one that is too long it
    # refuses, so that none is too short where the sum is right.
    first = content.split(b"\n", 2)[1].count(b",") == width - 1
    return commas and first and width > 1
