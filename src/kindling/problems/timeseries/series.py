"""A series at a regular step, read from a CSV file of any length.

Times are kept as a start and a step: while a file is read, each value goes to its place on that
grid, so that 50 million rows cost 4 bytes each and their timestamps nothing.
"""

import csv
import difflib
import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from kindling.errors import UserError

Problems = Literal["error", "interpolate", "drop"]
Values = npt.NDArray[np.float32]
Ticks = npt.NDArray[np.int64]  # microseconds since 1970: enough for any sensor, year 9999 fits

_log = logging.getLogger(__name__)
_CELLS = 200_000  # read at a time; pandas reads text three times slower at a million
_NOT_A_TIME = np.iinfo(np.int64).min  # what NaT is as an integer
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")
_MICROSECONDS = {"seconds": 1e6, "milliseconds": 1e3, "microseconds": 1.0, "nanoseconds": 1e-3}
_COARSEST = (60e9, 60e12, 60e15)  # the year 3871, in all of these but the last
_TWELVE_HOURS = ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M:%S %p")  # pandas does not guess these
_SPARSEST = {"error": 1, "interpolate": 2, "drop": 10}  # places on the grid for each row
_CURE = "mend the file or set --data.problems=interpolate (or drop)"


@dataclass(frozen=True, eq=False)
class Series:
    """Values that follow each other at one step of time.

    Times are UTC or without a zone, in microseconds.

    Shape:
        ``values`` is ``(N,)``; value ``i`` was measured at ``start + i * step``.
    """

    values: Values
    start: np.datetime64
    step: np.timedelta64

    def __len__(self) -> int:
        return len(self.values)

    def timestamps(self, index: npt.ArrayLike) -> npt.NDArray[np.datetime64]:
        """Times of the values at these positions, which may lie beyond either end."""
        times: npt.NDArray[np.datetime64] = self.start + np.asarray(index, np.int64) * self.step
        return times

    def steps_per(self, period: np.timedelta64) -> int | None:
        """Steps in a period such as a day; None where the step does not divide it."""
        steps, rest = divmod(period, self.step)
        return None if rest else int(steps)


def read_series(
    path: Path,
    time: str = "timestamp",
    value: str = "consumption",
    problems: Problems = "error",
    step: np.timedelta64 | None = None,
) -> Series:
    """Read two columns of a CSV file as a series with a regular step.

    The step, unless given, is the commonest difference between times in the beginning of the
    file. Times are ISO 8601, another layout that pandas knows, or numbers: seconds, or the finer
    unit that puts them before the year 4000. One layout holds for the whole file; of day first
    and month first, where both fit, the one that makes the file more regular. Times with a zone
    become UTC.

    What breaks the regularity is an error, or is mended and counted in one warning:

    - ``interpolate`` sorts, and fills gaps and missing values on a straight line between their
      neighbours. Missing values at either end are cut, because a line needs two ends. Where more
      would be filled than was measured it refuses: that is a wrong step or a wrong timestamp.
    - ``drop`` sorts, and keeps the longest stretch without a gap or a missing value. Closing a
      gap would move all later values in time, so that no lag means the same hour any more; what
      is kept has only measured values, each at its own time.

    Of rows with the same time both keep the first that has a value. Both drop rows between two
    places of the grid, whose values would have to be moved in time.

    Raises:
        UserError: The file, a row or a cell cannot be used; the header is row 1.
    """
    with _explained(path):
        header = _read_header(path, time, value)
        capacity = _count_lines(path) * _SPARSEST[problems]
        grid = None
        for chunk in _read_chunks(path, header, time, value):
            grid = grid or _Grid(path, capacity, *_find_grid(chunk, step))
            if problems == "error":
                grid.check(chunk)
            grid.place(chunk)
    if grid is None:
        raise UserError(f"{path}: no rows below the header; name a file with data")
    return grid.to_series(problems)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a CSV file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file in UTF-8; save it as CSV in UTF-8") from error
    except (csv.Error, pd.errors.ParserError) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        raise UserError(f"{path}: not a well-formed CSV file: {reason}") from error


def _read_header(path: Path, time: str, value: str) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, skipinitialspace=True)
        header, first = next(reader, []), next(reader, [])
    if not header:
        raise UserError(f"{path}: row 1 is empty; it must name the columns")
    if time == value:
        raise UserError(
            f"{path}: time and value are both {time!r}; set --data.time or --data.value"
        )
    _check_column(path, header, "time", time)
    _check_column(path, header, "value", value)
    if len(first) > len(header):  # pandas finds this in every row but the first
        raise UserError(
            f"{path}, row 2: {len(first)} cells below {len(header)} column names; "
            "name each column, and write decimals with a point"
        )
    return header


def _check_column(path: Path, header: list[str], role: str, name: str) -> None:
    if header.count(name) > 1:
        raise UserError(f"{path}: several columns are named {name!r}; rename all but one")
    if name not in header:
        close = difflib.get_close_matches(name, header, n=1)
        meant = f"did you mean --data.{role}={close[0]}?" if close else f"set --data.{role}"
        raise UserError(f"{path}: no column {name!r} among {', '.join(map(repr, header))}; {meant}")


def _count_lines(path: Path) -> int:
    """At least the number of lines, whichever way they end."""
    with path.open("rb") as file:
        blocks = iter(partial(file.read, 1 << 16), b"")
        return 1 + sum(block.count(b"\n") + block.count(b"\r") for block in blocks)


class _Chunk(NamedTuple):
    path: Path
    rows: Ticks  # line numbers in the file
    times: "pd.Series[str]"  # as written
    ticks: Ticks
    values: Values

    def fail(self, index: np.intp, what: str) -> NoReturn:
        row, time = self.rows[index], self.times.iloc[index]
        raise UserError(f"{self.path}, row {row}, timestamp {time!r}: {what}")


def _read_chunks(path: Path, header: list[str], time: str, value: str) -> Iterator[_Chunk]:
    columns = [header.index(time), header.index(value)]
    layout = ""
    with pd.read_csv(
        path,
        header=0,
        names=range(len(header)),
        index_col=False,
        dtype={columns[0]: str},
        chunksize=max(1, _CELLS // len(header)),
        low_memory=False,  # one type for a column of a chunk
        skipinitialspace=True,
        skip_blank_lines=False,  # or row numbers would shift
    ) as reader:
        for frame in reader:
            rows = frame[columns].dropna(how="all")
            if len(rows):
                times = rows[columns[0]].fillna("")
                layout = layout or _find_layout(times)
                yield _parse(path, times, rows[columns[1]], layout)


def _parse(path: Path, times: "pd.Series[str]", cells: "pd.Series[float]", layout: str) -> _Chunk:
    if cells.dtype.kind not in "iuf":  # as text, because pandas takes True for 1
        cells = cells.map(str, na_action="ignore")
    numbers = pd.to_numeric(cells, errors="coerce")
    with np.errstate(over="ignore"):
        values = numbers.to_numpy(np.float32)
    values = np.where(np.isfinite(values), values, np.float32("nan"))
    chunk = _Chunk(path, times.index.to_numpy() + 2, times, _to_ticks(times, layout), values)
    if (unread := chunk.ticks == _NOT_A_TIME).any():
        chunk.fail(unread.argmax(), f"not a time in the file's layout, {layout}; mend it")
    if (text := (numbers.isna() & cells.notna()).to_numpy()).any():
        cell = cells.iloc[text.argmax()]
        chunk.fail(text.argmax(), f"{cell!r} is not a number; mend it or set --data.value")
    return chunk


def _find_layout(times: "pd.Series[str]") -> str:
    first = times.iloc[0]
    if _NUMBER.fullmatch(first) and len(first) != len("20110131"):
        return list(_MICROSECONDS)[np.searchsorted(_COARSEST, abs(float(first)))]
    if _to_ticks(times[:1], "ISO8601")[0] != _NOT_A_TIME:
        return "ISO8601"
    with warnings.catch_warnings(action="ignore"):  # pandas warns of each guess it is not asked for
        guesses = [guess_datetime_format(first, dayfirst=day) for day in (False, True)]
    layouts = [guess for guess in guesses if guess] or ["ISO8601", *_TWELVE_HOURS]
    return max(layouts, key=lambda layout: _regularity(_to_ticks(times, layout)))


def _regularity(ticks: Ticks) -> tuple[int, int]:
    read = ticks[ticks != _NOT_A_TIME]
    return len(read), _commonest(np.diff(read))[1]


def _to_ticks(times: "pd.Series[str]", layout: str) -> Ticks:
    if layout in _MICROSECONDS:
        numbers = pd.to_numeric(times, errors="coerce").to_numpy(np.float64)
        ticks = np.rint(numbers * _MICROSECONDS[layout])
        return np.where(np.abs(ticks) < 1e18, ticks, _NOT_A_TIME).astype(np.int64)
    parsed = pd.to_datetime(times, format=layout, errors="coerce", utc=True, cache=False)
    # Pandas 2 reads nanoseconds, pandas 3 the unit that the text needs.
    return parsed.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)


def _commonest(numbers: Ticks) -> tuple[int, int]:
    """The commonest number, the smallest of several, and how often it occurs."""
    values, counts = np.unique(numbers, return_counts=True)
    return (int(values[counts.argmax()]), int(counts.max())) if len(values) else (0, 0)


def _find_grid(chunk: _Chunk, step: np.timedelta64 | None) -> tuple[int, int]:
    """Start and step of the grid that most of the times lie on."""
    ticks = np.unique(chunk.ticks)
    if step is not None:
        every = int(step / np.timedelta64(1, "us"))
    elif len(ticks) > 1:
        every = _commonest(np.diff(ticks))[0]
    else:
        raise UserError(f"{chunk.path}: one time shows no step; add rows to the file")
    phase = _commonest(ticks % every)[0]
    return int(ticks[ticks % every == phase][0]), every


class _Grid:
    """The places at ``start + i * step`` with what was read for them, NaN where nothing was.

    Args:
        path: File that is read.
        capacity: Most places there can be; memory is taken as they fill.
        start: Time of the first place.
        step: Time between places.
    """

    def __init__(self, path: Path, capacity: int, start: int, step: int) -> None:
        self.path, self.start, self.step = path, start, step
        self.places = np.empty(capacity, np.float32)
        self.size = 0
        self.latest = start
        self.mended: Counter[str] = Counter()

    def check(self, chunk: _Chunk) -> None:
        """Refuse the first row that does not hold the value of the next place."""
        position, off = np.divmod(chunk.ticks - self.start, self.step)
        expected = np.arange(self.size, self.size + len(position))
        wrong = np.isnan(chunk.values) | (off != 0) | (position != expected)
        if wrong.any():
            i = wrong.argmax()
            what = self._diagnose(chunk.values[i], off[i], position[i:], expected[i])
            chunk.fail(i, f"{what}; {_CURE}")

    def _diagnose(self, value: float, off: int, positions: Ticks, expected: int) -> str:
        here, every = positions[0], f"one every {_duration(self.step)}"
        if np.isnan(value):
            return "the value is missing or infinite"
        if off:
            return f"the timestamp is off the grid, {every}"
        if 0 <= here < expected:
            return "the timestamp repeats an earlier one"
        if here < 0 or expected in positions:
            return "the row is out of order"
        return f"rows missing above this one: {here - expected}, at {every}"

    def place(self, chunk: _Chunk) -> None:
        """Put each value where its time says; the first to come keeps the place."""
        empty, off = np.isnan(chunk.values), (chunk.ticks - self.start) % self.step != 0
        ticks, values = chunk.ticks[~empty & ~off], chunk.values[~empty & ~off]
        self.mended["rows without a value"] += int(empty.sum())
        self.mended["rows off the grid dropped"] += int((off & ~empty).sum())
        if not len(ticks):
            return
        self._reach(int(ticks.min()), int(ticks.max()))
        position, first = np.unique((ticks - self.start) // self.step, return_index=True)
        free = np.isnan(self.places[position])
        self.places[position[free]] = values[first[free]]
        self.mended["repeated rows dropped"] += len(ticks) - int(free.sum())
        back = np.diff(ticks, prepend=self.latest) < 0
        self.mended["rows out of order sorted"] += int(back.sum())
        self.latest = int(ticks[-1])

    def _reach(self, earliest: int, latest: int) -> None:
        """Make room for these times; at the front by moving what is there."""
        before = max(0, (self.start - earliest) // self.step)
        size = before + max(self.size, (latest - self.start) // self.step + 1)
        if size > len(self.places):
            raise self._too_sparse(self.start - before * self.step, size)
        if before:
            self.places[before : before + self.size] = self.places[: self.size]
            self.places[:before] = np.nan
        self.places[before + self.size : size] = np.nan
        self.start, self.size = self.start - before * self.step, size

    def to_series(self, problems: Problems) -> Series:
        first, last = (0, self.size) if problems == "error" else self._mend(problems)
        start = np.datetime64(self.start + first * self.step, "us")
        return Series(self.places[first:last], start, np.timedelta64(self.step, "us"))

    def _mend(self, problems: Problems) -> tuple[int, int]:
        """Leave no empty place between two bounds, and return them."""
        if not self.size:
            raise UserError(f"{self.path}: no row has a value; set --data.value to another column")
        missing = np.flatnonzero(np.isnan(self.places[: self.size]))
        first, last = self._fill(missing) if problems == "interpolate" else self._cut(missing)
        if counts := ", ".join(f"{count} {what}" for what, count in self.mended.items() if count):
            _log.warning("%s mended by %s: %s", self.path, problems, counts)
        return first, last

    def _fill(self, missing: Ticks) -> tuple[int, int]:
        first = int((missing == np.arange(len(missing))).sum())  # empty places at the start
        missing = missing[first:]
        if 2 * len(missing) > self.size - first:
            raise self._too_sparse(self.start, self.size)
        if len(missing):
            edges = np.setdiff1d(np.concatenate([missing - 1, missing + 1]), missing)
            self.places[missing] = np.interp(missing, edges, self.places[edges])
            self.mended["places interpolated"] = len(missing)
        return first, self.size

    def _cut(self, missing: Ticks) -> tuple[int, int]:
        bounds = np.concatenate([[-1], missing, [self.size]])
        longest = int(np.diff(bounds).argmax())
        first, last = int(bounds[longest]) + 1, int(bounds[longest + 1])
        self.mended["measured places cut away"] = self.size - len(missing) - (last - first)
        return first, last

    def _too_sparse(self, start: int, size: int) -> UserError:
        return UserError(
            f"{self.path}: most of {size} rows from {_moment(start)} to "
            f"{_moment(start + (size - 1) * self.step)}, one every {_duration(self.step)}, "
            "are missing; look for a wrong timestamp"
        )


def _moment(ticks: int) -> str:
    return str(np.datetime_as_string(np.datetime64(ticks, "us"), unit="auto"))


def _duration(ticks: int) -> str:
    return str(pd.Timedelta(np.timedelta64(ticks, "us")))
