"""Files of several series, or with a column for the time of day, found by repeated times."""

import re
import reprlib
import shlex
from pathlib import Path

import pandas as pd

from kindling.errors import UserError
from kindling.series.columns import SeriesColumns, read_header
from kindling.tables.files import open_text

LOOKED_AT = 100_000  # rows, at most
OFTEN = 0.2  # share of rows whose time is another's too
MISTAKEN = 0.01  # share of these that may be doubled, as where a clock is set back


def refuse_several(path: Path, columns: SeriesColumns, certain: bool = False) -> None:
    """Raise a UserError if a column distinguishes rows of the same time.

    Args:
        path: A file with repeated times.
        columns: What is read of it.
        certain: Times repeat so often that the file is refused even without such a column.
    """
    found = find_series(path, columns)
    if found:
        name, cells = found
        if len(columns.times) == 1 and is_of_a_day(name, cells):
            both = shlex.quote(f"[{columns.times[0]},{name}]")
            cure = f"two columns are the time: set --data.time={both}"
            raise UserError(
                f"{path}: times repeat, with different values in column {name!r}; {cure}"
            )
        examples = ", ".join(reprlib.repr(cell) for cell in cells.unique()[:3])
        fault = f"several series, named by column {name!r} ({examples})"
        raise UserError(f"{path}: {fault}; set --data.series={shlex.quote(name)}")
    if certain:
        fault = "many rows repeat the time of an earlier one, as where a file has several series"
        raise UserError(f"{path}: {fault}; keep one row for each time, or set --data.series")


def find_series(path: Path, columns: SeriesColumns) -> tuple[str, "pd.Series[str]"] | None:
    """The column that distinguishes rows of the same time, and its cells in these rows."""
    separator, _ = read_header(path)
    with open_text(path) as (file, encoding):
        table = pd.read_csv(
            file, sep=separator, dtype=str, nrows=LOOKED_AT, skipinitialspace=True,
            encoding=encoding, index_col=False,
        )  # fmt: skip
    time, used = columns.times, [name for _, name in columns.roles]
    table = table.dropna(subset=used)
    again = table.duplicated(time, keep=False)
    for name in table.columns.drop(used):
        cells = table[name]
        # Measurements distinguish rows too, by chance; they have many different values.
        few = cells.nunique() <= max(2, len(table) / 4)
        alike = table.duplicated([*time, name]).sum()
        distinguished = again.any() and alike <= MISTAKEN * again.sum()
        if distinguished and few and _names(cells, often=again.mean() >= OFTEN):
            return str(name), cells[again]
    return None


def _names(cells: "pd.Series[str]", often: bool) -> bool:
    """Text throughout; or whole numbers, which distinguish a few rows by chance."""
    pattern = r"[+-]?\d*[.,]\d+" if often else r"[+-]?[\d.,]+"
    return bool(cells.notna().all() and not cells.str.fullmatch(pattern).any())


def is_of_a_day(name: str, cells: "pd.Series[str]") -> bool:
    """Whether these are times of the day, or its hours if the name says so."""
    if re.search("hour|hr", name, re.IGNORECASE) and cells.str.fullmatch(r"\d{1,2}").all():
        return bool((cells.astype(int) <= 24).all())
    clock = r"\d{1,2}([:.])\d\d(\1\d\d(\.\d+)?)?( ?[AaPp][Mm])?"
    return bool(cells.str.fullmatch(clock).all())
