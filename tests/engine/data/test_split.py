"""Shares of a split and folds: true to classes, groups and time; and what cannot be split."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kindling.data.split import (
    SplitConfig,
    grouped_split,
    random_split,
    rolling_origin,
    stratified_split,
)
from kindling.errors import UserError

FRACTIONS = [(0.7, 0.15, 0.15), (0.8, 0.2), (0.5, 0.3, 0.1, 0.1), (1.0,), (1 / 3, 1 / 3, 1 / 3)]
Parts = list[NDArray[np.int64]]
both = pytest.mark.parametrize("split", [stratified_split, grouped_split])


@pytest.fixture(params=range(3))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_each_part_has_its_share_within_a_row(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    """Of all rows, and stratified of every class; groups of few rows are as good as rows."""
    # At least 20 rows a class, so that every part's share of each is more than a row.
    labels = rng.permutation(np.repeat(np.arange(3), rng.integers(20, 200, size=3)))
    rows, seed = len(labels), int(rng.integers(100))
    groups = rng.permutation(np.concatenate([np.arange(300), np.arange(100), np.arange(20)]))
    for count, parts in (
        (rows, random_split(rows, fractions, seed)),
        (rows, grouped_split(np.arange(rows), fractions, seed)),
        (len(groups), grouped_split(groups, fractions, seed)),
    ):
        for part, share in zip(parts, fractions, strict=True):
            assert abs(len(part) - count * share) <= 1
    for part, share in zip(stratified_split(labels, fractions, seed), fractions, strict=True):
        found, every = np.bincount(labels[part], minlength=3), np.bincount(labels)
        assert (np.abs(found - every * share) < 1).all()


def test_one_group_that_outweighs_all_goes_to_the_largest_part() -> None:
    groups = np.array([0] * 97 + [1, 2, 3])
    train, *others = grouped_split(groups, (0.8, 0.1, 0.1), seed=0)
    assert set(train) >= set(range(97))
    assert all(map(len, others))
    assert all(map(len, grouped_split(np.array([7, 8, 9]), (0.8, 0.1, 0.1), seed=0)))


Split = Callable[[tuple[float, ...], int], Parts]
SPLITS: list[Split] = [
    lambda fractions, seed: random_split(300, fractions, seed),
    lambda fractions, seed: stratified_split(np.tile([0, 0, 1], 100), fractions, seed),
    lambda fractions, seed: grouped_split(np.arange(300) // 2, fractions, seed),
]


@pytest.mark.parametrize("split", SPLITS)
def test_a_seed_decides_and_fractions_are_checked(split: Split) -> None:
    first, again, other = (split((0.7, 0.15, 0.15), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert (np.diff(first[0]) > 1).any()
    for fractions in [(0.5, 0.4), (0.8, 0.3), (1.0, 0.0), (1.2, -0.2), ()]:
        with pytest.raises(UserError, match="above 0, and their sum 1"):
            split(fractions, 0)


@pytest.mark.parametrize(
    ("split", "keys", "message"),
    [
        (lambda keys, *a: random_split(len(keys), *a), [5, 7], "2 rows in the table"),
        (stratified_split, [5] * 9 + [7] * 2, "2 rows in class 7"),
        (grouped_split, [0] * 9 + [1] * 9, "2 groups of rows in the table"),
    ],
)
def test_too_few(split: Callable[..., Parts], keys: list[int], message: str) -> None:
    with pytest.raises(UserError, match=f"{message}, too few for 3 parts"):
        split(np.array(keys), (0.4, 0.3, 0.3), 0)


# Folds, and a test that is cut first.


def cuts(split: Any, keys: NDArray[Any], folds: int) -> list[Parts]:
    """Each fold is a partition; each row is tested on exactly once."""
    every = [SplitConfig(0.2, 0.0, 3, folds, fold)(split, keys) for fold in range(folds)]
    for parts in [*every, [parts[2] for parts in every]]:
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(len(keys)))
        assert all(len(part) and (np.diff(part) > 0).all() for part in parts)
    return every


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_folds_have_their_share_of_a_class_and_whole_groups(
    rng: np.random.Generator, folds: int
) -> None:
    labels = rng.permutation(np.repeat(np.arange(3), rng.integers(40, 200, size=3)))
    for train, val, test in cuts(stratified_split, labels, folds):
        for label in range(3):
            count = (labels == label).sum()
            assert abs((labels[test] == label).sum() - count / folds) < 1
            rest = count - (labels[test] == label).sum()
            assert abs((labels[val] == label).sum() - 0.2 * rest) < 1
            assert (labels[train] == label).any()
    groups = rng.integers(0, 60, size=300)
    for parts in cuts(grouped_split, groups, folds):
        names = [set(groups[part]) for part in parts]
        assert sum(map(len, names)) == len(set().union(*names))
        assert abs(len(parts[2]) - 300 / folds) < 15


@pytest.mark.parametrize("folds", [2, 3, 4, 7])
def test_the_fewest_rows_of_a_class_are_enough(folds: int) -> None:
    fewest = SplitConfig(0.2, 0.0, 0, folds, 0).fewest
    labels = np.array(["often"] * 60 + ["rare"] * fewest)
    cuts(stratified_split, labels, folds)
    with pytest.raises(UserError, match="too few"):
        cuts(stratified_split, labels[:-1], folds)


@both
@pytest.mark.parametrize("test_fraction", [0.1, 0.5, 0.9])
def test_the_fewest_rows_are_enough_for_a_test_as_well(split: Any, test_fraction: float) -> None:
    cut = SplitConfig(0.2, test_fraction, 0)
    rare = np.arange(cut.fewest) if split is grouped_split else np.zeros(cut.fewest)
    assert [len(part) for part in cut(split, rare)] == [1, 1, 1]


@both
def test_without_folds_the_shares_decide_and_validation_does_not_move_the_test(
    split: Any, rng: np.random.Generator
) -> None:
    """Runs that hold out more or less for validation are scored on the same rows."""
    keys = np.repeat(np.arange(20), 20)
    assert [len(part) for part in SplitConfig(0.25, 0.2, 7)(split, keys)] == [240, 80, 80]
    assert len(SplitConfig(0.25, 0.0, 7)(split, keys)) == 2
    keys = rng.permutation(np.repeat(np.arange(40), rng.integers(3, 12, size=40)))
    test = SplitConfig(0.1, 0.2, 7)(split, keys)[2]
    for val_fraction in (0.01, 0.3, 0.5, 0.9):
        np.testing.assert_array_equal(SplitConfig(val_fraction, 0.2, 7)(split, keys)[2], test)


def test_rolling_origin_goes_on_in_time() -> None:
    cut = [rolling_origin(1000, 4, fold) for fold in range(4)]
    assert cut == [(200, 400), (400, 600), (600, 800), (800, 1000)]
    uneven = [rolling_origin(1003, 7, fold) for fold in range(7)]
    assert [stop for _, stop in uneven[:-1]] == [origin for origin, _ in uneven[1:]]
    assert uneven[-1][1] == 1003
    assert {stop - origin for origin, stop in uneven} <= {125, 126}
    with pytest.raises(UserError, match="choose fewer folds"):
        rolling_origin(50, 10**12, 0)
