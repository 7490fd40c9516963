"""The files of a data set, as `make check` reads them before they are split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import TABLES

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class TableSource:
    """A CSV file with a row for each sample.

    Args:
        path: The file.
        targets: Columns to predict.
        splits: The splits that its rows go to.
        groups: Columns whose values rows of one group share, such as a person.
    """

    path: Path
    targets: Sequence[str]
    splits: Sequence[str] = SPLITS
    groups: Sequence[str] = ()


class Recording(NamedTuple):
    """Rows of a series in the order of the file.

    Shape:
        ``(N,)`` each: the line of the file, microseconds by the clock that the
        series counts its steps by, and the value, NaN where missing.
    """

    lines: NDArray[np.int64]
    ticks: NDArray[np.int64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class SeriesSource:
    """A CSV file with a row for each step of time.

    Args:
        path: The file.
        read: Returns about that many of its first rows by the name of their series, "" if there is
            only one; raises a UserError for a wrong cell.
    """

    path: Path
    read: Callable[[int], Mapping[str, Recording]]


@dataclass(frozen=True)
class DatasetSources:
    """The tables and series that a data module reads."""

    tables: Sequence[TableSource] = ()
    series: Sequence[SeriesSource] = ()


def of_files(files: Sequence[Path], targets: Sequence[str]) -> DatasetSources:
    """The tables among these files, by their suffixes."""
    tables = [file for file in files if file.name.lower().endswith(TABLES) and file.is_file()]
    # Of several tables, it is unknown which rows go to which split.
    splits = SPLITS if len(tables) == 1 else ()
    return DatasetSources([TableSource(table, targets, splits) for table in tables])
