"""A file's only series."""

from dataclasses import replace
from pathlib import Path

from kindling.series.columns import SeriesColumns
from kindling.series.grid import Problems
from kindling.series.read import read_panel
from kindling.series.rows import CELLS
from kindling.series.series import Series


def read_series(
    path: Path, time: str | SeriesColumns = "timestamp", value: str = "value",
    problems: Problems = "error", cells: int = CELLS, length: int | str | None = None,
) -> Series:  # fmt: skip
    """Read two columns of a CSV file as a series with a regular step, as ``read_panel`` does."""
    columns = time if isinstance(time, SeriesColumns) else SeriesColumns(time, value)
    [series] = read_panel(path, columns, problems, cells, length).values()
    return replace(series, values=series.values[0])
