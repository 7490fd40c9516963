"""Two columns of a CSV file, a chunk of checked rows at a time."""

import csv
import difflib
import re
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from kindling.data.sources import Recording
from kindling.errors import UserError
from kindling.tables.read import separator_of

Values = npt.NDArray[np.float32]
Ticks = npt.NDArray[np.int64]  # microseconds since 1970: enough for any sensor, year 9999 fits

CELLS = 200_000  # that are read at a time; pandas reads text three times slower at a million
_HEADER = 100_000  # letters, at most
_NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is as an integer
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_MICROSECONDS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
_COARSEST = (60e9, 60e12, 60e15)  # the year 3871, in all of these but the last
_UNGUESSED = ["ISO8601", "%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p"]  # by pandas


class Chunk(NamedTuple):
    """Rows that follow each other; values are NaN where missing or infinite."""

    path: Path
    rows: Ticks  # line numbers in the file
    times: "pd.Series[str]"  # as written
    ticks: Ticks
    values: Values

    def fail(self, index: np.intp, what: str) -> NoReturn:
        row, time = self.rows[index], self.times.iloc[index]
        raise UserError(f"{self.path}, row {row}, timestamp {time!r}: {what}")


def read_chunks(path: Path, time: str, value: str, cells: int = CELLS) -> Iterator[Chunk]:
    """The rows that have anything in the two columns; a UserError where there is none."""
    layout = ""
    try:
        for times, numbers in _read_columns(path, time, value, cells):
            layout = layout or _find_layout(times)
            yield _parse(path, times, numbers, layout)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a CSV file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8; save it as CSV in UTF-8") from error
    except (csv.Error, pd.errors.ParserError) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise UserError(f"{path}: not a well-formed CSV file: {reason}") from error
    if not layout:
        raise UserError(f"{path}: no rows below the header; name a file with data")


def read_rows(path: Path, time: str, value: str, most: int) -> Recording:
    """The first ``most`` rows, or a few more, as they stand there, however irregular."""
    parts: list[Recording] = []
    for chunk in read_chunks(path, time, value):
        parts.append(Recording(chunk.rows, chunk.ticks, chunk.values))
        if sum(len(part.lines) for part in parts) >= most:
            break
    return Recording(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def count_lines(path: Path) -> int:
    """At least the number of lines, whichever way they end."""
    with path.open("rb") as file:
        blocks = iter(partial(file.read, 1 << 16), b"")
        return 1 + sum(block.count(b"\n") + block.count(b"\r") for block in blocks)


def commonest(numbers: Ticks) -> tuple[int, int]:
    """The commonest number, the smallest of several, and how often it occurs."""
    values, counts = np.unique(numbers, return_counts=True)
    return (int(values[counts.argmax()]), int(counts.max())) if len(values) else (0, 0)


def _read_columns(
    path: Path, time: str, value: str, cells: int
) -> Iterator[tuple["pd.Series[str]", "pd.Series[float]"]]:
    """Times as written and numbers, of the rows that have either."""
    separator, header = _read_header(path)
    if time == value:
        raise UserError(
            f"{path}: time and value are both {time!r}; set --data.time or --data.value"
        )
    columns = [_find_column(path, header, *role) for role in (("time", time), ("value", value))]
    with pd.read_csv(
        path,
        sep=separator,
        # Where commas do not part the cells they are decimal marks; so may be points.
        decimal="." if separator == "," else ",",
        header=0,
        names=range(len(header)),
        dtype={columns[0]: str},
        chunksize=max(1, cells // len(header)),
        skipinitialspace=True,
        skip_blank_lines=False,  # or row numbers would shift
    ) as reader:
        for frame in reader:
            rows = frame[columns].dropna(how="all")
            if len(rows):
                yield rows[columns[0]].fillna(""), rows[columns[1]]


def _read_header(path: Path) -> tuple[str, list[str]]:
    """The separator, and the names of the columns."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        separator = separator_of(file.readline(_HEADER))
        file.seek(0)
        reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
        header, first = next(reader, []), next(reader, [])
    if not header:
        raise UserError(f"{path}: row 1 is empty; it must name the columns")
    if len(first) > len(header):  # pandas looks for it in later rows only
        raise UserError(
            f"{path}, row 2: {len(first)} cells below {len(header)} column names; "
            "name each column, and write decimals with a point"
        )
    return separator, header


def _find_column(path: Path, header: list[str], role: str, name: str) -> int:
    if header.count(name) > 1:
        raise UserError(f"{path}: several columns are named {name!r}; rename all but one")
    if name not in header:
        close = difflib.get_close_matches(name, header, n=1)
        meant = f"did you mean --data.{role}={close[0]}?" if close else f"set --data.{role}"
        raise UserError(f"{path}: no column {name!r} among {', '.join(map(repr, header))}; {meant}")
    return header.index(name)


def _parse(path: Path, times: "pd.Series[str]", cells: "pd.Series[float]", layout: str) -> Chunk:
    if cells.dtype.kind not in "iuf":  # as text, because pandas takes True for 1
        cells = cells.map(str, na_action="ignore")
    numbers = pd.to_numeric(cells, errors="coerce")
    with np.errstate(over="ignore"):
        values = numbers.to_numpy(np.float32)
    values = np.where(np.isfinite(values), values, np.float32("nan"))
    chunk = Chunk(path, times.index.to_numpy() + 2, times, _to_ticks(times, layout), values)
    if (unread := chunk.ticks == _NOT_A_TIME).any():
        chunk.fail(unread.argmax(), f"not a time in the file's layout, {layout}; mend it")
    if (text := (numbers.isna() & cells.notna()).to_numpy()).any():
        cell = cells.iloc[text.argmax()]
        chunk.fail(text.argmax(), f"{cell!r} is not a number; mend it or set --data.value")
    return chunk


def _find_layout(times: "pd.Series[str]") -> str:
    """How the times are written; of several ways that fit, the one that is most regular."""
    first = times.iloc[0]
    if _NUMBER.fullmatch(first) and len(first) != len("20110131"):
        return list(_MICROSECONDS)[np.searchsorted(_COARSEST, abs(float(first)))]
    if _to_ticks(times[:1], "ISO8601")[0] != _NOT_A_TIME:
        return "ISO8601"
    with warnings.catch_warnings(action="ignore"):  # pandas warns of each guess it is not asked for
        guesses = [guess_datetime_format(first, dayfirst=day) for day in (False, True)]

    def regularity(layout: str) -> tuple[int, int]:
        ticks = _to_ticks(times, layout)
        read = ticks[ticks != _NOT_A_TIME]
        return len(read), commonest(np.diff(read))[1]

    return max([guess for guess in guesses if guess] or _UNGUESSED, key=regularity)


def _to_ticks(times: "pd.Series[str]", layout: str) -> Ticks:
    if layout in _MICROSECONDS:
        numbers = pd.to_numeric(times, errors="coerce").to_numpy(np.float64)
        ticks = np.rint(numbers * _MICROSECONDS[layout])
        return np.where(np.abs(ticks) < 1e18, ticks, _NOT_A_TIME).astype(np.int64)
    parsed = pd.to_datetime(times, format=layout, errors="coerce", utc=True, cache=False)
    # Pandas 2 reads nanoseconds, pandas 3 the unit that the text needs.
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
