"""Seeded splits of row numbers: disjoint, complete and in the order of the rows.

N: rows, P: parts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kindling.errors import UserError


def random_split(rows: int, fractions: Sequence[float], seed: int) -> list[NDArray[np.int64]]:
    """Split the rows at random, each part within one row of its fraction.

    Raises:
        UserError: There are fewer rows than parts, or the fractions are no fractions.
    """
    rng = np.random.default_rng(seed)
    return [np.sort(part) for part in _cut(rng.permutation(rows), fractions, "the table")]


def stratified_split(
    labels: NDArray[np.generic], fractions: Sequence[float], seed: int
) -> list[NDArray[np.int64]]:
    """Split the rows so that each part holds its fraction of every class, within one row.

    A class that is too rare for that gives every part one row at least.

    Shape:
        Labels of any kind, ``(N,)``.

    Raises:
        UserError: A class has fewer rows than there are parts, or the fractions are no fractions.
    """
    rng = np.random.default_rng(seed)
    classes = [
        _cut(rng.permutation(np.flatnonzero(labels == label)), fractions, f"class {label}")
        for label in np.unique(labels)
    ]
    return [np.sort(np.concatenate(parts)) for parts in zip(*classes, strict=True)]


def grouped_split(
    groups: NDArray[np.generic], fractions: Sequence[float], seed: int
) -> list[NDArray[np.int64]]:
    """Split the rows so that those of one group stay together.

    Large groups are placed first, each where most rows are lacking, so that the parts come as
    close to their fractions as the groups allow.

    Shape:
        What rows of a group share, ``(N,)``.

    Raises:
        UserError: There are fewer groups than parts, or the fractions are no fractions.
    """
    names, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shares = _shares(fractions, len(names), "groups of rows in the table")
    shuffled = np.random.default_rng(seed).permutation(len(names))
    part_of_group = np.empty(len(names), dtype=np.int64)
    placed = np.zeros(len(shares), dtype=np.int64)
    left = len(names)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        part = _neediest(len(groups) * shares - placed, empty=placed == 0, left=left)
        part_of_group[group] = part
        placed[part] += sizes[group]
        left -= 1
    part_of_row = part_of_group[group_of_row]
    return [np.flatnonzero(part_of_row == part) for part in range(len(shares))]


def _neediest(lacking: NDArray[np.float64], empty: NDArray[np.bool_], left: int) -> int:
    """Return the part that lacks most rows, an empty one if the groups left just fill those."""
    if left <= np.count_nonzero(empty):
        lacking = np.where(empty, lacking, -np.inf)
    return int(np.argmax(lacking))


def _cut(rows: NDArray[np.int64], fractions: Sequence[float], what: str) -> list[NDArray[np.int64]]:
    """Cut the rows where the fractions say, by the largest remainder, one row a part at least."""
    exact = len(rows) * _shares(fractions, len(rows), f"rows in {what}")
    sizes = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(sizes - exact, kind="stable")
    sizes[by_remainder[: len(rows) - sizes.sum()]] += 1
    while not sizes.all():
        sizes[np.argmax(sizes)] -= 1
        sizes[np.argmin(sizes)] += 1
    return np.split(rows, np.cumsum(sizes)[:-1])


def _shares(fractions: Sequence[float], available: int, what: str) -> NDArray[np.float64]:
    """Return the fractions as an array, once they are known to be possible."""
    shares = np.asarray(fractions, dtype=np.float64)
    if not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        listed = ", ".join(f"{share:g}" for share in shares)
        raise UserError(f"split fractions {listed}: each must be above 0 and together 1")
    if available < len(shares):
        raise UserError(
            f"{available} {what}, too few for {len(shares)} parts: add rows or split into fewer"
        )
    normalized: NDArray[np.float64] = shares / shares.sum()
    return normalized
