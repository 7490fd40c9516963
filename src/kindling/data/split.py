"""Seeded splits of rows: disjoint, complete, in the order of the rows.

N: rows, P: parts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kindling.data.numbers import at_least
from kindling.errors import UserError


class TooFew(UserError):
    """Too few rows, classes or groups for a split."""


Rows = NDArray[np.int64]
SplitFunction = Callable[[NDArray[Any], Sequence[float], int], list[Rows]]


class SplitConfig(NamedTuple):
    """A split into training, validation and test rows, by shares or as one of several folds.

    Each row is in the test part of exactly one fold, whose other rows are split into training and
    validation.

    Args:
        val_fraction: Share held out for validation, of the rows that are not for the test.
        test_fraction: Share held out for the test; 0 if there is a test file. Folds do not use it.
        seed: Seed of the split; folds of one seed belong together.
        folds: Parts of a cross-validation; None splits by shares.
        fold: The part that is the test.
    """

    val_fraction: float
    test_fraction: float
    seed: int
    folds: int | None = None
    fold: int = 0

    @property
    def fewest(self) -> int:
        """Rows of a class, or groups, that suffice for each part to get one, in every fold."""
        if self.folds is None:
            return 3 if self.test_fraction else 2
        return max(self.folds, 4 if self.folds == 2 else 3)

    def __call__(self, split: SplitFunction, keys: NDArray[Any]) -> list[Rows]:
        """Rows of training, validation and, unless its share is 0, test.

        The test is split off first, so that it does not depend on the validation share.

        Args:
            split: :func:`stratified_split` or :func:`grouped_split`.
            keys: Its classes or groups, ``(N,)``.

        Raises:
            UserError: There are too few rows, classes or groups.
        """
        held_out = [1 - self.val_fraction, self.val_fraction]
        if self.folds is None and not self.test_fraction:
            return split(keys, held_out, self.seed)
        if self.folds and self.folds > len(keys):  # before a share of each is listed
            raise TooFew(f"data.folds={self.folds}: there are {len(keys)} rows; choose fewer folds")
        # The parts that are not the test leave two rows at least.
        rest = (1 - self.test_fraction) / 2
        shares = [1 / self.folds] * self.folds if self.folds else [rest, rest, self.test_fraction]
        parts = split(keys, shares, self.seed)
        test = parts.pop(self.fold if self.folds else -1)
        rows = np.sort(np.concatenate(parts))
        train, val = split(keys[rows], held_out, self.seed)
        return [rows[train], rows[val], test]


def stratified_cut(
    cut: SplitConfig, labels: NDArray[Any], least: int = 2
) -> tuple[list[Rows], list[Any]]:
    """Parts with their share of every class that has rows enough.

    Returns:
        The parts, and the classes with too few rows, which are in training alone.

    Raises:
        TooFew: Fewer than ``least`` classes have rows enough.
    """
    classes, code, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rare = counts < cut.fewest
    if (~rare).sum() < least:
        return cut(stratified_split, labels), []
    common, few = np.flatnonzero(~rare[code]), np.flatnonzero(rare[code])
    train, *others = (common[part] for part in cut(stratified_split, labels[common]))
    return [np.sort(np.concatenate([train, few])), *others], classes[rare].tolist()


def split_config(
    val_fraction: float,
    test_fraction: float,
    seed: int,
    folds: int | None,
    fold: int,
    test_file: bool,
) -> SplitConfig:
    """A split by the settings of all data modules, which are checked."""
    check_fold(folds, fold)
    at_least("data.split_seed", seed, 0)
    for name, part in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 < part < 1:
            raise UserError(f"data.{name}={part}: must lie between 0 and 1")
    return SplitConfig(val_fraction, 0.0 if test_file else test_fraction, seed, folds, fold)


def check_fold(folds: int | None, fold: int) -> None:
    """Raise a UserError that names the option unless ``fold`` is one of ``folds``."""
    if folds is not None and folds < 2:
        raise UserError(f"data.folds={folds}: must be at least 2, or null for none")
    if not 0 <= fold < (folds or 1):
        valid = "0: there are no folds (data.folds)" if folds is None else f"0 to {folds - 1}"
        raise UserError(f"data.fold={fold}: must be {valid}")


def rolling_origin(steps: int, folds: int, fold: int) -> tuple[int, int]:
    """The steps ``origin`` and ``stop`` of a fold: training before the first, test between them.

    All test parts have the same length, within a step, and so has what is before the first one.

    Raises:
        UserError: There are too few steps.
    """
    if folds >= steps:
        raise TooFew(f"data.folds={folds}: there are {steps} steps in time; choose fewer folds")
    origin, stop = (round(steps * (k + 1) / (folds + 1)) for k in (fold, fold + 1))
    return origin, stop


def random_split(rows: int, fractions: Sequence[float], seed: int) -> list[Rows]:
    """Split the rows at random, each part within one row of its fraction.

    Raises:
        UserError: There are fewer rows than parts, or the fractions are no fractions.
    """
    rng = np.random.default_rng(seed)
    return [np.sort(part) for part in _cut(rng.permutation(rows), fractions, "the table")]


def stratified_split(labels: NDArray[Any], fractions: Sequence[float], seed: int) -> list[Rows]:
    """Split the rows so that each part holds its fraction of every class, within one row.

    Each part gets at least one row of every class.

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


def grouped_split(groups: NDArray[Any], fractions: Sequence[float], seed: int) -> list[Rows]:
    """Split the rows so that those of one group stay together.

    Large groups are assigned first, each to the part that lacks most rows, so that the parts come
    close to their fractions.

    Shape:
        The group of each row, ``(N,)``.

    Raises:
        UserError: There are fewer groups than parts, or the fractions are no fractions.
    """
    names, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    shares = _shares(fractions, len(names), "groups of rows in the table")
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    # Plain numbers take a tenth of the time of short arrays.
    wanted, parts = (len(groups) * shares).tolist(), range(len(shares))
    filled, lacking, chosen = [0] * len(parts), [*wanted], []
    for left, size in zip(range(len(names), 0, -1), sizes[order].tolist(), strict=True):
        empty = [part for part in parts if not filled[part]] if 0 in filled else []
        # The last groups go to empty parts, so that none stays empty.
        part = max(empty if left <= len(empty) else parts, key=lacking.__getitem__)
        filled[part] += size
        lacking[part] = wanted[part] - filled[part]
        chosen.append(part)
    part_of_group = np.empty(len(names), dtype=np.int64)
    part_of_group[order] = chosen
    part_of_row = part_of_group[group_of_row]
    return [np.flatnonzero(part_of_row == part) for part in range(len(shares))]


def linked_rows(rows: int, sets: Iterable[Sequence[int]]) -> NDArray[np.int64]:
    """Groups for :func:`grouped_split` of rows that are linked, directly or through others.

    Rows of a set belong together; a row may be in several sets, or in none.

    Shape:
        The first row of each row's group, ``(N,)``.
    """
    above = list(range(rows))

    def first(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]  # halves the path
            row = above[row]
        return row

    for together in sets:
        for row in together:
            a, b = sorted((first(together[0]), first(row)))
            above[b] = a
    return np.array([first(row) for row in range(rows)], dtype=np.int64)


def _cut(rows: Rows, fractions: Sequence[float], what: str) -> list[Rows]:
    """Split the rows by the fractions and the largest remainder; each part gets a row."""
    exact = len(rows) * _shares(fractions, len(rows), f"rows in {what}")
    sizes = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(sizes - exact, kind="stable")
    sizes[by_remainder[: len(rows) - sizes.sum()]] += 1
    while not sizes.all():
        sizes[np.argmax(sizes)] -= 1
        sizes[np.argmin(sizes)] += 1
    return np.split(rows, np.cumsum(sizes)[:-1])


def _shares(fractions: Sequence[float], available: int, what: str) -> NDArray[np.float64]:
    """The fractions as an array, which are checked."""
    shares = np.asarray(fractions, dtype=np.float64)
    if not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        listed = ", ".join(f"{share:g}" for share in shares)
        raise UserError(f"split fractions {listed}: each must be above 0, and their sum 1")
    if available < len(shares):
        few = f"{available} {what}, too few for {len(shares)} parts"
        raise TooFew(f"{few}: add rows or split into fewer")
    normalized: NDArray[np.float64] = shares / shares.sum()
    return normalized
