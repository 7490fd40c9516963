"""Times and values of a CSV file, a chunk of checked rows at a time."""

import csv
import logging
import warnings
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
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
from kindling.tables.formats import NO_AFFIXES, FileFormat, decimal_mark, decimal_votes
from kindling.tables.read import parsed

Values = npt.NDArray[np.float64]

CELLS = 200_000  # read at a time; pandas reads text three times slower at a million
PEEKED = 1000  # rows, at most, that show how values are written
_log = logging.getLogger(__name__)


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
) -> Generator[tuple["pd.Series[str]", Values, "pd.Series[str] | None"]]:
    """Times as written, numbers and names of series, of the rows that have a time or a number."""
    separator, header = read_header(path)
    places = find_columns(path, header, columns)
    groups = columns.times, columns.numbers, [columns.series] if columns.series else []
    times, numbers, series = ([places[name] for name in names] for names in groups)
    with archives(path), open_text(path) as (file, encoding):
        warn_encoding(path, encoding)
        settings = _settings(separator, len(header), encoding)
        if columns.missing:
            settings["na_values"] = {k: list(columns.missing) for k in numbers}
        form, text = _written(path, columns, times, numbers, settings)
        formats = dict.fromkeys(numbers, form)
        settings["decimal"] = "." if separator == "," else form.decimal or ","
        settings["dtype"] = dict.fromkeys([*times, *text, *series], str)
        with pd.read_csv(file, chunksize=max(1, cells // len(header)), **settings) as reader:
            for frame in reader:
                rows = frame.dropna(how="all", subset=[*times, *numbers])
                if len(rows):
                    rows.index += 2  # lines of the file
                    each = (_numbers(path, rows[k].rename(header[k]), formats, k) for k in numbers)
                    names = _names(path, rows[series[0]]) if series else None
                    yield _joined(rows[times]), np.stack([*each], -1), names


def _settings(separator: str, width: int, encoding: str) -> dict[str, Any]:
    """Of pandas' reader."""
    return {
        "sep": separator,
        "header": 0,
        "names": range(width),
        "skipinitialspace": True,
        "skip_blank_lines": False,  # or row numbers would shift
        "low_memory": False,  # a column is text throughout or not at all
        "encoding": encoding,
    }


def _joined(times: pd.DataFrame) -> "pd.Series[str]":
    texts = times.fillna("")
    first, others = texts.iloc[:, 0], texts.iloc[:, 1:]
    return first if others.empty else first.str.cat(others, sep=" ")


def _names(path: Path, cells: "pd.Series[str]") -> "pd.Series[str]":
    """The names of series, of which each row has one."""
    if (missing := cells.isna().to_numpy()).any():
        row = cells.index[int(missing.argmax())]
        raise UserError(f"{path}, row {row}: no name of a series; fill it in or set --data.series")
    return cells


def _written(
    path: Path, columns: SeriesColumns, times: list[int], numbers: list[int],
    settings: Mapping[str, Any],
) -> tuple[FileFormat, list[int]]:  # fmt: skip
    """How numbers are written, by the first rows, and the columns that do not show their mark."""
    with warnings.catch_warnings(action="ignore"):  # they come again when the file is read
        rows = max(1, min(PEEKED, CELLS // len(settings["names"])))
        with open_text(path) as (file, _):
            head = pd.read_csv(file, dtype=str, nrows=rows, **settings).drop(columns=times)
    mark = decimal_mark(cells.dropna() for _, cells in head.items())
    form = FileFormat(settings["sep"], columns.decimal or mark, columns.decimal)
    text = [k for k in numbers if not _is_clear(head[k], form)]
    # Columns that are series are of one kind: what some show holds for all.
    return form, [] if columns.wide and len(text) < len(numbers) else text


def _is_clear(cells: "pd.Series[str]", form: FileFormat) -> bool:
    """Whether marks of a column can only be of decimals, so that pandas may read its numbers."""
    if form.separator == ",":
        return form.given != ","
    return [*+decimal_votes(cells.dropna())] == [form.decimal]


def _numbers(
    path: Path, cells: "pd.Series[Any]", formats: dict[int, FileFormat], column: int
) -> npt.NDArray[np.float64]:
    """A column as numbers, NaN where missing or infinite, written as in the chunks before."""
    form = formats[column]
    if cells.dtype.kind in "iuf" and form.affixes in (None, NO_AFFIXES):
        formats[column] = replace(form, affixes=NO_AFFIXES)
        values = cells.to_numpy(np.float64)
        return np.where(np.isfinite(values), values, np.nan)
    text = cells.map(str, na_action="ignore").str.strip()
    text.attrs["format"] = form
    found = parsed(text, path)
    if found.example and form.affixes is None:
        _log.info("%s: in column %r %s", path, cells.name, found.example)
    marked = text.str.contains("[.,]").any()
    given = found.decimal if marked else form.given
    formats[column] = replace(form, given=given, affixes=found.affixes)
    return found.values


def _find_layout(path: Path, times: "pd.Series[str]", columns: SeriesColumns) -> Layout:
    try:
        layout = find_layout(times, columns.dayfirst, columns.timezone)
    except UserError as error:
        raise UserError(f"{path}, row {times.index[0]}: {error}") from error
    if layout is None:
        what = "not a time; write it as 2024-01-31 15:00, or set --data.time"
        raise UserError(f"{path}, row {times.index[0]}, timestamp {times.iloc[0]!r}: {what}")
    return layout


def _parse(
    path: Path, times: "pd.Series[str]", values: Values, series: "pd.Series[str] | None",
    layout: Layout,
) -> Chunk:  # fmt: skip
    ticks, offsets = layout.parse(times, series)
    chunk = Chunk(path, times.index.to_numpy(), times, ticks, offsets, values, series)
    if (unread := ticks == NOT_A_TIME).any():
        where = f"in the file's layout, {layout.format}"
        if layout.zone:
            where += f", or an hour that the clock in {layout.zone} jumps over"
        chunk.fail(unread.argmax(), f"not a time {where}; correct it")
    return chunk
