"""The columns of a file: times, values, and what else is known of a step."""

import csv
import difflib
import fnmatch
import io
import reprlib
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from kindling.errors import UserError
from kindling.tables.files import archives, index_name, open_text, separator_of

_HEADER = 100_000  # letters, at most


class SeriesColumns(NamedTuple):
    """Which columns of a file are its time and its values, and how its times are read.

    Args:
        time: One column, or two: the date and the time of day.
        value: The column of the values, or several.
        dayfirst: Whether 01/02 is the first of February; None finds out.
        timezone: Of times without an offset.
        missing: Words for a missing value, besides an empty cell, NA and the like.
        decimal: The decimal mark of its numbers, if they leave it open.
        inputs: Further columns, known once they were measured.
        known: Further columns that are known ahead.
        series: The column that says which of several series a row is of.
        wide: Names or patterns of columns each of which is a series by itself, whose numbers go by
            the name ``value``.
        resample: The length of the steps, such as "1h", whose rows are averaged; None finds it.
    """

    time: str | Sequence[str] = "timestamp"
    value: str | Sequence[str] = "value"
    dayfirst: bool | None = None
    timezone: str | None = None
    missing: Sequence[str] = ()
    inputs: Sequence[str] = ()
    known: Sequence[str] = ()
    series: str | None = None
    resample: str | None = None
    wide: Sequence[str] = ()
    decimal: str | None = None

    @property
    def times(self) -> list[str]:
        return [self.time] if isinstance(self.time, str) else list(self.time)

    @property
    def values(self) -> list[str]:
        return [self.value] if isinstance(self.value, str) else list(self.value)

    @property
    def numbers(self) -> list[str]:
        """All columns of numbers, those that are known ahead last."""
        return [*self.values, *self.inputs, *self.known]

    @property
    def roles(self) -> list[tuple[str, str]]:
        """The setting that names each column, and its name."""
        value = "wide" if self.wide else "value"
        named = {"time": self.times, value: self.values, "inputs": self.inputs}
        named |= {"known": self.known, "series": [self.series] if self.series else []}
        return [(role, name) for role, names in named.items() for name in names]

    @property
    def names_series(self) -> str | None:
        """The column of predictions that names the series, if there are several."""
        unused = "series_" if "series" in self.times else "series"
        return unused if self.wide else self.series

    def of_file(self, path: Path) -> "SeriesColumns":
        """The same, with the file's columns that match ``wide`` as the values."""
        if not self.wide:
            return self
        _, header = read_header(path)
        others = {*self.times, *self.inputs, *self.known}
        free = [name for name in header if name not in others]
        for pattern in self.wide:
            if not fnmatch.filter(free, pattern):
                among = reprlib.repr(free).strip("[]")
                raise UserError(f"{path}: no column {pattern!r} among {among}; set --data.wide")
        # Not fnmatch.filter, which would take the columns in the order of the patterns.
        kept = [n for n in free if any(fnmatch.fnmatch(n, pattern) for pattern in self.wide)]
        return self._replace(value=kept)


def read_header(path: Path) -> tuple[str, list[str]]:
    """The separator, and the names of the columns."""
    with (
        archives(path),
        open_text(path) as (raw, encoding),
        io.TextIOWrapper(raw, encoding, newline="") as file,
    ):
        separator = separator_of(file.readline(_HEADER))
        file.seek(0)
        reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
        header, first = next(reader, []), next(reader, [])
    if not header:
        raise UserError(f"{path}: row 1 is empty; it must name the columns")
    if len(first) > len(header):  # pandas looks for it in later rows only
        fault = f"row 2: {len(first)} cells below {len(header)} column names"
        raise UserError(f"{path}, {fault}; name each column, and write decimals with a point")
    if not header[0] and len(header) > 1:
        header[0] = index_name(header)
    return separator, header


def find_columns(path: Path, header: list[str], columns: SeriesColumns) -> dict[str, int]:
    """The position of each column, which must have a single role."""
    found: dict[str, int] = {}
    roles: dict[str, str] = {}
    for role, name in columns.roles:
        if name in found:
            fault = f"{roles[name]} and {role} are both {name!r}"
            raise UserError(f"{path}: {fault}; set --data.{roles[name]} or --data.{role}")
        found[name], roles[name] = _find_column(path, header, role, name), role
    return found


def _find_column(path: Path, header: list[str], role: str, name: str) -> int:
    if header.count(name) > 1:
        raise UserError(f"{path}: several columns are named {name!r}; rename all but one")
    if name not in header:
        close = difflib.get_close_matches(name, header, n=1)
        meant = f"set --data.{role}"
        if close:
            meant = f"did you mean --data.{role}={shlex.quote(close[0])}?"
        raise UserError(f"{path}: no column {name!r} among {', '.join(map(repr, header))}; {meant}")
    return header.index(name)
