"""Files that hold a table, whatever they are packed in, as rows of text.

A file of text is read by the csv module, which refuses what is not well formed and knows the line.
"""

import codecs
import csv
import gzip
import io
import logging
import zipfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd

from kindling.errors import UserError, require_package

Record = tuple[int, list[str]]  # the line of the file, the header's being 1, and the cells
log = logging.getLogger(__name__)

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
FRAMES = (".xlsx", ".parquet")
"""Suffixes of tables that are not text."""

_SNIFFED = 100_000  # letters: far more than a header, yet below the csv module's limit for one cell


@contextmanager
def archives(path: Path) -> Iterator[None]:
    """Say in one line that an archive is damaged."""
    try:
        yield
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: {error}: the archive is damaged; copy it again") from error


def encodings(path: Path) -> list[str]:
    """How the text may be encoded, the likeliest first; one that fails is followed by the next."""
    try:
        with archives(path), open_bytes(path) as file:
            start = file.read(4)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: give the path of a CSV file") from error
    marked = [name for mark, name in _MARKS.items() if start.startswith(mark)]
    return marked[:1] or ["utf-8", "cp1252"]


def records(path: Path, encoding: str) -> tuple[str, Generator[Record]]:
    """The separator of the cells, and each record that is not a blank line; to be closed."""
    if path.suffix.lower() in FRAMES:
        return ",", _frame_records(path)
    with archives(path), open_bytes(path) as raw, io.TextIOWrapper(raw, encoding) as text:
        separator = separator_of(text.read(_SNIFFED))
    return separator, _text_records(path, encoding, separator)


def separator_of(text: str) -> str:
    """The comma, semicolon or tab that cuts the header into most names."""
    start = text.lstrip("\r\n")[:_SNIFFED]

    def names(mark: str) -> int:
        lines = io.StringIO(start, newline="")
        return len(next(csv.reader(lines, delimiter=mark, skipinitialspace=True), []))

    return max(",;\t", key=names)


def index_name(header: Sequence[str]) -> str:
    """What a first column without a name, as pandas writes its index, is called."""
    return "index" if "index" not in header else "row index"


def _text_records(path: Path, encoding: str, separator: str) -> Generator[Record]:
    row = 1
    with (
        archives(path),
        open_bytes(path) as raw,
        io.TextIOWrapper(raw, encoding, newline="") as lines,
    ):
        reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
        try:
            for record in reader:
                if record:
                    yield row, record
                row = reader.line_num + 1
        except csv.Error as error:
            cure = "look for a quote that is not closed or not doubled"
            raise UserError(f"{path}, row {row}: {error}: {cure}") from error


@contextmanager
def open_text(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """A table's text and its encoding, found from its beginning; Excel and Parquet as CSV."""
    if path.suffix.lower() in FRAMES:
        yield io.BytesIO(_as_csv(path, path.stat().st_mtime_ns)), "utf-8"
        return
    encoding = _encoding(path)
    with open_bytes(path) as file:
        yield file, encoding


def _encoding(path: Path) -> str:
    likeliest, *others = encodings(path)
    with archives(path), open_bytes(path) as file:
        start = file.read(_SNIFFED)
    try:
        codecs.getincrementaldecoder(likeliest)().decode(start)
    except UnicodeDecodeError:
        refuse_mixed(path, start)
        return [likeliest, *others][-1]
    return likeliest


def refuse_mixed(path: Path, content: bytes) -> None:
    """Refuse a mix of UTF-8 and other bytes, and what is not text at all."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(content)
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        if b"\0" in content or not content.decode("utf-8", "ignore").isascii():
            fault = "neither UTF-8 nor Latin-1 throughout: save the file as CSV UTF-8"
            raise UserError(f"{path}, row {row}: {fault}") from error


def warn_encoding(path: Path, encoding: str) -> None:
    if encoding not in ("utf-8", "utf-8-sig"):
        name = {"cp1252": "Latin-1 (Windows-1252)"}.get(encoding, encoding.upper())
        log.warning("%s: read as %s: it is not UTF-8", path, name)


@lru_cache(maxsize=1)  # a series is looked at several times before it is read
def _as_csv(path: Path, _changed: int) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows(record for _, record in _frame_records(path))
    return written.getvalue().encode()


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of the table, out of its archive if it is in one."""
    if path.suffix.lower() == ".gz":
        return cast(IO[bytes], gzip.open(path))
    if path.suffix.lower() != ".zip":
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        inside = [i for i in archive.infolist() if not i.is_dir() and "__MACOSX" not in i.filename]
        if len(inside) != 1:
            raise UserError(f"{path}: {len(inside)} files inside: it must hold one table alone")
        return archive.open(inside[0])


def _frame_records(path: Path) -> Generator[Record]:
    """Rows of an Excel sheet, the first of several, or of a Parquet file, below a header."""
    frame = _read_excel(path) if path.suffix.lower() == ".xlsx" else _read_parquet(path)
    columns = [_texts(frame.iloc[:, k]) for k in range(frame.shape[1])]
    yield from enumerate(map(list, zip(*columns, strict=True)), 1)


def _read_excel(path: Path) -> pd.DataFrame:
    require_package(f"{path}: Excel", "openpyxl", "openpyxl", "excel")
    try:
        sheets: dict[Any, pd.DataFrame] = pd.read_excel(
            path, sheet_name=None, header=None, dtype=object
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not an Excel file (.xlsx): {' '.join(str(error).split())}"
        ) from error
    name, *others = sheets
    if others:
        log.warning("%s: the sheet %r is read; not %s", path, name, ", ".join(map(str, others)))
    return sheets[name]


def _read_parquet(path: Path) -> pd.DataFrame:
    require_package(f"{path}: Parquet", "pyarrow", "pyarrow", "parquet")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a Parquet file: {' '.join(str(error).split())}") from error
    frame = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    header = pd.DataFrame([frame.columns], columns=frame.columns, dtype=object)
    return pd.concat([header, frame.astype(object)])


def _texts(column: "pd.Series[Any]") -> list[str]:
    """Cells as a CSV file would have them; dates without a time of day, where none has one."""
    cells = [_text(cell) for cell in column]
    midnight = " 00:00:00"
    times = [cell for cell in column if isinstance(cell, datetime)]
    dates = all(str(time).endswith(midnight) for time in times)
    return [cell.removesuffix(midnight) for cell in cells] if dates else cells


def _text(cell: Any) -> str:
    if cell is None or pd.isna(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
