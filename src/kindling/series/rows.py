"""Times and values of a CSV file, a chunk of checked rows at a time."""

import csv
import json
import shlex
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from kindling.errors import UserError
from kindling.series.calendar import Mask, Ticks
from kindling.series.columns import SeriesColumns, find_columns, read_header
from kindling.series.times import NOT_A_TIME, Layout, find_layout
from kindling.tables.files import archives, open_text, warn_encoding
from kindling.tables.formats import EITHER

Values = npt.NDArray[np.float64]

CELLS = 200_000  # read at a time; pandas reads text three times slower at a million
PEEKED = 1000  # rows, at most, that show how values are written


class Chunk(NamedTuple):
    """Rows that follow each other; values ``(rows, columns)`` are NaN where missing or infinite."""

    path: Path
    rows: Ticks  # line numbers in the file
    times: "pd.Series[str]"  # as written
    ticks: Ticks
    offsets: Ticks | None
    values: Values
    series: "pd.Series[str] | None" = None  # the name of the series that each row is of

    def take(self, mask: Mask | Ticks) -> "Chunk":
        offsets = None if self.offsets is None else self.offsets[mask]
        rest = (self.rows[mask], self.times.iloc[mask], self.ticks[mask], offsets)
        return Chunk(self.path, *rest, self.values[mask])

    def by_series(self) -> Iterator[tuple[str, "Chunk"]]:
        """The rows of each series, in their order; "" is the only one of its file."""
        if self.series is None:
            yield "", self
            return
        codes, names = pd.factorize(self.series)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))
        for name, rows in zip(names, np.split(order, ends[:-1]), strict=True):
            yield str(name), self.take(rows)

    def fail(self, index: np.intp, what: str) -> NoReturn:
        row, time = self.rows[index], self.times.iloc[index]
        raise UserError(f"{self.path}, row {row}, timestamp {time!r}: {what}")


def read_chunks(path: Path, columns: SeriesColumns, cells: int = CELLS) -> Generator[Chunk]:
    """The rows with anything in these columns; a UserError if there is none. To be closed."""
    layout: Layout | None = None
    try:
        with closing(_read_columns(path, columns, cells)) as parts:
            for times, numbers, series in parts:
                layout = layout or _find_layout(path, times, columns)
                yield _parse(path, times, numbers, series, layout)
    except UnicodeDecodeError as error:
        fault = "not text in UTF-8 or Latin-1 throughout; save it as CSV in UTF-8"
        raise UserError(f"{path}: {fault}") from error
    except (csv.Error, pd.errors.ParserError) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise UserError(f"{path}: not a well-formed CSV file: {reason}") from error
    if not layout:
        raise UserError(f"{path}: no rows below the header; name a file with data")


def count_lines(path: Path) -> int:
    """At least the number of lines, whichever way they end."""
    with open_text(path) as (file, _):
        blocks = iter(partial(file.read, 1 << 16), b"")
        return 1 + sum(block.count(b"\n") + block.count(b"\r") for block in blocks)


def _read_columns(
    path: Path, columns: SeriesColumns, cells: int
) -> Generator[tuple["pd.Series[str]", pd.DataFrame, "pd.Series[str] | None"]]:
    """Times as written, numbers and names of series, of the rows that have a time or a number."""
    separator, header = read_header(path)
    places = find_columns(path, header, columns)
    times = [places[name] for name in columns.times]
    numbers = [places[name] for name in columns.numbers]
    marks = {k: list(columns.missing) for k in numbers} if columns.missing else None
    settings: dict[str, Any] = {
        "sep": separator,
        "header": 0,
        "names": range(len(header)),
        "skipinitialspace": True,
        "na_values": marks,
        "skip_blank_lines": False,  # or row numbers would shift
    }
    series = [places[columns.series]] if columns.series else []
    with archives(path), open_text(path) as (file, encoding):
        warn_encoding(path, encoding)
        settings["encoding"] = encoding
        text = [] if separator == "," else _text_columns(path, columns, numbers, settings)
        with pd.read_csv(
            file,
            # Where commas do not separate the cells they are decimal marks; points may be too.
            decimal="." if separator == "," else ",",
            dtype=dict.fromkeys([*times, *text, *series], str),
            chunksize=max(1, cells // len(header)),
            **settings,
        ) as reader:
            for frame in reader:
                kept = frame.dropna(how="all", subset=[*times, *numbers])
                if not len(kept):
                    continue
                joined = kept[times[0]].fillna("")
                if len(times) > 1:
                    joined = joined.str.cat(kept[times[1:]].fillna(""), sep=" ")
                for column in text:
                    kept[column] = _of_either_mark(path, kept[column])
                yield joined, kept[numbers], _names(path, kept[series[0]]) if series else None


def _text_columns(
    path: Path, columns: SeriesColumns, numbers: Sequence[int], settings: Mapping[str, Any]
) -> list[int]:
    """Columns whose first values do not show whether their marks are of decimals."""
    head = _head(path, numbers, settings)
    text = [k for k in numbers if not _has_decimals(head[k])]
    # With a column for each series, what some columns show holds for all.
    return [] if columns.wide and len(text) < len(numbers) else text


def _names(path: Path, cells: "pd.Series[str]") -> "pd.Series[str]":
    """The names of series, of which each row has one."""
    if (missing := cells.isna().to_numpy()).any():
        row = cells.index[int(missing.argmax())] + 2
        raise UserError(f"{path}, row {row}: no name of a series; fill it in or set --data.series")
    return cells


def _head(path: Path, columns: Sequence[int], settings: Mapping[str, Any]) -> pd.DataFrame:
    """The text of the first values."""
    with warnings.catch_warnings(action="ignore"):  # they come again when the file is read
        settings = {**settings, "usecols": np.asarray(columns)}
        with open_text(path) as (file, _):
            head: pd.DataFrame = pd.read_csv(file, dtype=str, nrows=PEEKED, **settings)
        return head


def _has_decimals(cells: "pd.Series[str]") -> bool:
    """Whether values show that their mark is of decimals, not of thousands."""
    there = cells.dropna()
    marked = there[there.str.contains("[.,]")]
    either = marked.str.fullmatch(EITHER)
    return len(marked) > 0 and (len(marked) == len(there) or not either.all())


def _of_either_mark(path: Path, cells: "pd.Series[str]") -> "pd.Series[str]":
    """Decimal commas as points; a UserError for a mark that may be of thousands."""
    if (unclear := cells.str.fullmatch(EITHER).fillna(False).to_numpy(bool)).any():
        row = unclear.argmax()
        fault = f"{cells.iloc[row]!r} may have a mark of thousands or of decimals"
        cure = "write it without thousands, or all values with the same decimals"
        raise UserError(f"{path}, row {cells.index[int(row)] + 2}: {fault}; {cure}")
    return cells.str.replace(",", ".", regex=False)


def _find_layout(path: Path, times: "pd.Series[str]", columns: SeriesColumns) -> Layout:
    try:
        layout = find_layout(times, columns.dayfirst, columns.timezone)
    except UserError as error:
        raise UserError(f"{path}, row {times.index[0] + 2}: {error}") from error
    if layout is None:
        what = "not a time; write it as 2024-01-31 15:00, or set --data.time"
        raise UserError(f"{path}, row {times.index[0] + 2}, timestamp {times.iloc[0]!r}: {what}")
    return layout


def _parse(
    path: Path, times: "pd.Series[str]", cells: pd.DataFrame, series: "pd.Series[str] | None",
    layout: Layout,
) -> Chunk:  # fmt: skip
    columns = [_numbers(cells[name]) for name in cells]
    values: Values = np.stack([column.to_numpy(np.float64) for column in columns], -1)
    values[~np.isfinite(values)] = np.nan
    ticks, offsets = layout.parse(times)
    chunk = Chunk(path, times.index.to_numpy() + 2, times, ticks, offsets, values, series)
    if (unread := ticks == NOT_A_TIME).any():
        where = f"in the file's layout, {layout.format}"
        if layout.zone:
            where += f", or an hour that the clock in {layout.zone} jumps over"
        chunk.fail(unread.argmax(), f"not a time {where}; correct it")
    for name, numbers in zip(cells, columns, strict=True):
        if (text := (numbers.isna() & cells[name].notna()).to_numpy()).any():
            cell = str(cells[name].iloc[text.argmax()])
            what = f"{cell!r} is not a number"
            if not any(letter.isalnum() for letter in cell):
                words = shlex.quote(json.dumps([cell], ensure_ascii=False))
                what += f"; where it means a missing value, set --data.missing={words}"
            chunk.fail(text.argmax(), f"{what}; correct it or set --data.value")
    return chunk


def _numbers(cells: "pd.Series[Any]") -> "pd.Series[float]":
    if cells.dtype.kind not in "iuf":  # as text, because pandas takes True for 1
        cells = cells.map(str, na_action="ignore")
    return pd.to_numeric(cells, errors="coerce")
