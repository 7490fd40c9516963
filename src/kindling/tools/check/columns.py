"""What each column holds, and columns that say nothing or the same twice.

N: rows, F: columns of numbers.
"""

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from kindling.errors import short
from kindling.tools.check.finding import Section
from kindling.tools.check.rows import Rows

LISTED = 40
"""Columns that the terminal has room for."""

MOSTLY = 0.8
"""Share of missing cells above which there is little to learn from a column."""

SAME = 1 - 1e-6
"""Correlation above which two columns are one, but for unit and rounding."""

FEWEST = 3
"""Values of which a correlation says anything."""


def check_columns(rows: Rows, section: Section) -> None:
    """Add the table of columns and what is wrong with those that are learned from."""
    section.tables.append(_table(rows))
    missing = {name: float(rows.cells[name].isna().mean()) for name in rows.used}
    for name, share in missing.items():
        if share == 1:
            section.add("warn", f"{name}: no value at all")
        elif rows.cells[name].nunique() == 1:
            value = rows.cells[name].dropna().iloc[0]
            section.add("warn", f"{name}: the same value everywhere, {value}")
        elif share > MOSTLY:
            section.add("warn", f"{name}: {share:.1%} of the cells are missing")
    for first, second, how in [*_equal(rows), *_correlated(rows)]:
        section.add("warn", f"{second} repeats {first}: {how}")


def _table(rows: Rows) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("column", overflow="ellipsis", max_width=22, no_wrap=True)
    table.add_column("taken for", no_wrap=True)
    for title in ("missing", "distinct", "least", "median", "most"):
        table.add_column(title, justify="right", no_wrap=True)
    kinds = {
        **dict.fromkeys(rows.targets, "target"),
        **dict.fromkeys(rows.numbers, "number"),
        **dict.fromkeys(rows.categories, "category"),
        **dict.fromkeys(rows.photos, "photo"),
        **dict.fromkeys(rows.unused, "not used"),
    }
    for name, kind in list(kinds.items())[:LISTED]:
        cells = rows.cells[name]
        missing = f"{cells.isna().mean():.1%}" if cells.isna().any() else "none"
        table.add_row(name, kind, missing, f"{cells.nunique():,}", *_spread(rows.numbers.get(name)))
    if len(kinds) > LISTED:
        table.add_row(f"and {len(kinds) - LISTED} more")
    return table


def _spread(values: NDArray[np.float64] | None) -> list[str]:
    if values is None or np.isnan(values).all():
        return []
    return [short(float(value)) for value in np.nanquantile(values, (0, 0.5, 1))]


def _equal(rows: Rows) -> list[tuple[str, str, str]]:
    """Columns that are equal, cell by cell; the first of them, another, and how."""
    first: dict[bytes, str] = {}
    found = []
    for name in rows.categories:
        if rows.cells[name].nunique() > 1:
            key = rows.cells[name].factorize()[0].tobytes()
            if key in first:
                found.append((first[key], name, "other words for the same, row by row"))
            first.setdefault(key, name)
    return found


def _correlated(rows: Rows) -> list[tuple[str, str, str]]:
    """Columns of numbers of which one follows from another in a straight line."""
    names = list(rows.numbers)
    found, repeated = [], set()
    for k, first in enumerate(names):
        if first in repeated:
            continue
        for second in names[k + 1 :]:
            a, b = rows.numbers[first], rows.numbers[second]
            if second in repeated or not np.array_equal(np.isnan(a), np.isnan(b)):
                continue
            if np.array_equal(a, b, equal_nan=True) and len(np.unique(a)) > 1:
                found.append((first, second, "the same number in every row"))
                repeated.add(second)
            elif abs(correlation(a, b)) > SAME:
                found.append((first, second, "the two lie on a straight line"))
                repeated.add(second)
    return found


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Pearson's, where both are known; 0 where one does not vary."""
    there = ~(np.isnan(a) | np.isnan(b))
    if there.sum() < FEWEST:
        return 0.0
    a, b = a[there] - a[there].mean(), b[there] - b[there].mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
