"""Rows that repeat another in a later split, wholly or nearly.

N: rows, F: columns that are learned from.
"""

import numpy as np
from numpy.typing import NDArray

from kindling.tools.check.finding import Section, limited
from kindling.tools.check.rows import Rows

NEAR = 1e-3
"""Interquartile ranges by which all numbers of two rows may differ that are nearly the same."""

CHANCE = 0.02
"""Pairs of rows that may be as alike by chance alone, or else alike rows mean little."""

FINE = 0.5
"""Share of different values in a column that two rows are unlikely to share by chance."""

STEPS = 50
"""Neighbours, in order of a projection, that a row is compared with."""

RANK = {"train": 0, "val": 1, "test": 2}


def check_repeated(rows: Rows, section: Section) -> None:
    """Name the rows of validation and test that an earlier split has too."""
    if not rows.used or len(rows.names) < 2:
        return
    values, fine = _scaled(rows), _fine(rows)
    a, b = alike(values, NEAR)
    apart = np.abs(values[a] - values[b]).max(1, initial=0)
    shared = (fine[a] & fine[b]).sum(1)
    near = apart <= _tolerance(shared, len(values))
    a, b, shared = a[near], b[near], shared[near]
    telling = (shared > 0) & (_chance(values) < CHANCE)
    rank = np.array([RANK.get(split, -1) for split in rows.split.tolist()])
    across = (rank[a] != rank[b]) & (rank[a] >= 0) & (rank[b] >= 0)
    swap = rank[a] > rank[b]
    earlier, later = np.where(swap, b, a), np.where(swap, a, b)
    pairs = [_pair(rows, earlier[k], later[k]) for k in np.flatnonzero(across & telling)]
    if pairs:
        section.add(
            "warn", f"rows that an earlier split has too, or nearly: {len(pairs):,}", limited(pairs)
        )
    if by_chance := int((across & ~telling).sum()):
        section.add("note", f"rows that an earlier split has too, by chance or not: {by_chance:,}")
    if within := int((~across).sum()):
        where = "of the same split" if rows.is_cut else "one"
        section.add("note", f"rows that repeat another {where}: {within:,}")
    other = telling & ~_same_target(rows, a, b)
    if differ := [_pair(rows, a[k], b[k]) for k in np.flatnonzero(other)]:
        section.add(
            "warn", f"pairs of rows alike but for the target: {len(differ):,}", limited(differ)
        )


def _tolerance(shared: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    """How far apart two rows may be that share so many fine values: the fewer, the less."""
    by_chance = (CHANCE / rows**2) ** (1 / np.maximum(shared, 1))
    return np.where(shared > 1, np.minimum(NEAR, by_chance), 0)


def _chance(values: NDArray[np.float64]) -> float:
    """Pairs of equal rows to expect of columns that have nothing to do with each other."""
    rows = len(values)
    pairs = rows * (rows - 1) / 2
    logs = np.log(pairs)
    for column in values.T:
        _, counts = np.unique(column, return_counts=True)
        logs += np.log(max((counts * (counts - 1) / 2).sum() / pairs, 1 / rows**2))
    return float(np.exp(logs))


def _pair(rows: Rows, a: np.int64, b: np.int64) -> str:
    def named(k: np.int64) -> str:
        return f"{rows.names[k]} ({rows.split[k]})" if rows.split[k] else rows.names[k]

    return f"{named(a)} = {named(b)}"


def _same_target(rows: Rows, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    same = np.ones(len(a), bool)
    for name in rows.targets:
        codes = rows.cells[name].factorize()[0]
        same &= codes[a] == codes[b]
    return same


def _fine(rows: Rows) -> NDArray[np.bool_]:
    """Where there is a value of a column whose values rarely occur twice, ``(N, F)``."""
    columns = [np.zeros(len(rows.names), bool)]
    for values in rows.numbers.values():
        known = ~np.isnan(values)
        if len(np.unique(values[known])) > FINE * known.sum():
            columns.append(known)
    return np.stack(columns, 1)


def _scaled(rows: Rows) -> NDArray[np.float64]:
    """``(N, F)`` in interquartile ranges; what is missing, or another category, is far away."""
    columns = []
    for values in rows.numbers.values():
        known = values[~np.isnan(values)]
        low, high = np.quantile(known, (0.25, 0.75)) if len(known) else (0.0, 0.0)
        scale = high - low or (np.std(known) if len(known) else 0.0) or 1.0
        columns.append(np.where(np.isnan(values), 1e6, values / scale))
    for name in (*rows.categories, *rows.photos):
        columns.append(rows.cells[name].factorize()[0].astype(np.float64))
    return np.stack(columns, 1)


def alike(
    values: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of rows of which no value differs by more than ``tolerance``.

    Rows are put in order of a random projection, in which such rows cannot lie far apart. Of more
    than ``STEPS`` rows that are all alike, not all pairs are found.
    """
    weights = np.random.default_rng(0).uniform(0.5, 1.5, (values.shape[1],))
    projected = values @ weights
    order = np.argsort(projected, kind="stable")
    # Sums of large numbers are not exact.
    reach = tolerance * weights.sum() + 1e-9 * (1 + np.abs(projected).max())
    found: list[NDArray[np.int64]] = []
    for step in range(1, min(STEPS, len(values) - 1) + 1):
        a, b = order[:-step], order[step:]
        close = projected[b] - projected[a] <= reach
        if not close.any():
            break
        a, b = a[close], b[close]
        same = (np.abs(values[a] - values[b]) <= tolerance).all(1)
        found.append(np.stack([a[same], b[same]]))
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first, second = np.concatenate(found, 1)
    return first, second
