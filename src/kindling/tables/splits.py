"""Splits of a table whose rows are not independent: by group, or in time.

N: rows.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.data.split import SplitConfig, TooFew, rolling_origin
from kindling.tables.dates import date_parts, dates
from kindling.tables.read import numbers, refuse, require_columns


def group_codes(cells: "pd.Series[str]") -> NDArray[np.int64]:
    """A number for each group, ``(N,)``; a row without one is a group of its own."""
    codes, names = cells.factorize()
    alone = codes < 0
    return np.where(alone, len(names) + np.cumsum(alone), codes).astype(np.int64)


def moments(table: pd.DataFrame, column: str, path: Path) -> NDArray[np.float64]:
    """The time of each row, ``(N,)``: in days, or the column's own numbers."""
    require_columns(table, [column], path)
    cells = table[column]
    refuse(cells.isna(), cells, path, "no time: fill it in or delete the row")
    return numbers(cells, path) if dates(cells) is None else date_parts(cells, "days", path)


def split_by_time(time: NDArray[np.float64], cut: SplitConfig) -> list[NDArray[np.int64]]:
    """Rows of training, validation and, unless its share is 0, test, one after another.

    Rows of the same time stay together. Of folds, each is tested on what follows its training.

    Raises:
        UserError: There are too few different times.
    """
    order, rows = np.argsort(time, kind="stable"), len(time)
    test, stop = rows, rows
    if cut.folds is not None:
        test, stop = rolling_origin(rows, cut.folds, cut.fold)
    elif cut.test_fraction:
        test = round(rows * (1 - cut.test_fraction))
    edges = np.array([round(test * (1 - cut.val_fraction)), test, stop])
    at = time[order]
    inner = edges < rows
    edges[inner] = np.searchsorted(at, at[edges[inner]])  # where a time begins
    parts = [np.sort(part) for part in np.split(order, edges)[:-1]]
    parts = parts if cut.folds is not None or cut.test_fraction else parts[:2]
    if not all(map(len, parts)):
        raise TooFew(f"{len(np.unique(time))} different times, too few for {len(parts)} parts")
    return parts
