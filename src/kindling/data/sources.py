"""The files that a data set consists of, for whoever looks at them before they are split."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import TABLES, image_suffixes

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class TableSource:
    """A CSV file with a row for each sample.

    Args:
        path: The file.
        targets: Columns to predict.
        splits: The splits that its rows go to.
        numbers: Columns that are learned from as numbers.
        categories: Columns that are learned from as categories.
        photos: Columns of photos' paths. If all three are none, a column's cells tell its kind.
        groups: Columns that say which rows belong together, such as whose they are.
    """

    path: Path
    targets: Sequence[str]
    splits: Sequence[str] = SPLITS
    numbers: Sequence[str] | None = None
    categories: Sequence[str] | None = None
    photos: Sequence[str] | None = None
    groups: Sequence[str] = ()


@dataclass(frozen=True)
class ImageSource:
    """Photos of one folder.

    Args:
        name: Of the folder.
        files: The photos.
        labels: The class of each; empty where folders do not say it.
    """

    name: str
    files: Sequence[Path]
    labels: Sequence[str] = ()


class Recording(NamedTuple):
    """Rows of a series as they stand in the file.

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
        value: The column of the values.
        read: Returns about that many of its first rows; raises a UserError for a wrong cell.
        mended: Whether training mends irregular times instead of refusing them.
    """

    path: Path
    value: str
    read: Callable[[int], Recording]
    mended: bool = False


@dataclass(frozen=True)
class DatasetSources:
    """Everything that a data module reads."""

    tables: Sequence[TableSource] = ()
    images: Sequence[ImageSource] = ()
    series: Sequence[SeriesSource] = ()


def of_files(files: Sequence[Path], targets: Sequence[str]) -> DatasetSources:
    """The CSV files and the photos among these files, as far as their names say it."""
    present = [file for file in files if file.is_file()]
    tables = [file for file in present if file.name.lower().endswith(TABLES)]
    photos = [file for file in present if file.suffix.lower() in image_suffixes()]
    # With several tables, nobody knows which rows go to which split.
    splits = SPLITS if len(tables) == 1 else ()
    return DatasetSources(
        [TableSource(table, targets, splits) for table in tables],
        [ImageSource("photos", photos)] if photos and not tables else [],
    )
