"""Folds of a cross-validation: disjoint, complete, and true to classes, groups and time."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kindling.cli import resume
from kindling.data.split import (
    SplitConfig,
    check_fold,
    grouped_split,
    rolling_origin,
    stratified_split,
)
from kindling.errors import UserError

Rows = NDArray[np.int64]


@pytest.fixture(params=range(6))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def cuts(split: Any, keys: NDArray[Any], folds: int) -> list[list[Rows]]:
    return [SplitConfig(0.2, 0.0, 3, folds, fold)(split, keys) for fold in range(folds)]


def assert_folds(every: list[list[Rows]], rows: int) -> None:
    """Each fold is a partition; each row is tested on exactly once."""
    for parts in every:
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
        assert all(len(part) and (np.diff(part) > 0).all() for part in parts)
    tested = np.concatenate([parts[2] for parts in every])
    np.testing.assert_array_equal(np.sort(tested), np.arange(rows))


@pytest.mark.parametrize("folds", [2, 3, 5, 10])
def test_stratified_folds(rng: np.random.Generator, folds: int) -> None:
    labels = rng.permutation(np.repeat(np.arange(3), rng.integers(40, 200, size=3)))
    every = cuts(stratified_split, labels, folds)
    assert_folds(every, len(labels))
    for train, val, test in every:
        for label in range(3):
            count = (labels == label).sum()
            assert abs((labels[test] == label).sum() - count / folds) < 1
            rest = count - (labels[test] == label).sum()
            assert abs((labels[val] == label).sum() - 0.2 * rest) < 1
            assert (labels[train] == label).any()


@pytest.mark.parametrize("folds", [2, 3, 5])
def test_groups_stay_together_in_folds(rng: np.random.Generator, folds: int) -> None:
    groups = rng.integers(0, 60, size=300)
    every = cuts(grouped_split, groups, folds)
    assert_folds(every, 300)
    for parts in every:
        names = [set(groups[part]) for part in parts]
        assert sum(map(len, names)) == len(set().union(*names))
        assert abs(len(parts[2]) - 300 / folds) < 15


@pytest.mark.parametrize("folds", [2, 3, 4, 7])
def test_the_fewest_rows_of_a_class_are_enough(folds: int) -> None:
    cut = SplitConfig(0.2, 0.0, 0, folds, 0)
    labels = np.array(["often"] * 60 + ["rare"] * cut.fewest)
    assert_folds(cuts(stratified_split, labels, folds), len(labels))
    with pytest.raises(UserError, match="too few"):
        cuts(stratified_split, labels[:-1], folds)


@pytest.mark.parametrize("split", [stratified_split, grouped_split])
def test_without_folds_the_shares_decide(split: Any) -> None:
    keys = np.repeat(np.arange(20), 20)
    train, val, test = SplitConfig(0.25, 0.2, 7)(split, keys)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, val, test])), np.arange(400))
    assert (len(train), len(val), len(test)) == (240, 80, 80)
    assert len(SplitConfig(0.25, 0.0, 7)(split, keys)) == 2


@pytest.mark.parametrize("split", [stratified_split, grouped_split])
def test_validation_does_not_move_the_test(split: Any, rng: np.random.Generator) -> None:
    """Runs that hold out more or less for validation are scored on the same rows."""
    keys = rng.permutation(np.repeat(np.arange(40), rng.integers(3, 12, size=40)))
    test = SplitConfig(0.1, 0.2, 7)(split, keys)[2]
    for val_fraction in (0.01, 0.3, 0.5, 0.9):
        np.testing.assert_array_equal(SplitConfig(val_fraction, 0.2, 7)(split, keys)[2], test)


@pytest.mark.parametrize("test_fraction", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("split", [stratified_split, grouped_split])
def test_the_fewest_rows_are_enough_for_a_test_as_well(split: Any, test_fraction: float) -> None:
    cut = SplitConfig(0.2, test_fraction, 0)
    rare = np.arange(cut.fewest) if split is grouped_split else np.zeros(cut.fewest)
    parts = cut(split, rare)
    assert all(len(part) for part in parts)
    assert sum(len(part) for part in parts) == cut.fewest


def test_rolling_origin_goes_on_in_time() -> None:
    cut = [rolling_origin(1000, 4, fold) for fold in range(4)]
    assert cut == [(200, 400), (400, 600), (600, 800), (800, 1000)]
    uneven = [rolling_origin(1003, 7, fold) for fold in range(7)]
    assert [stop for _, stop in uneven[:-1]] == [origin for origin, _ in uneven[1:]]
    assert uneven[-1][1] == 1003
    assert {stop - origin for origin, stop in uneven} <= {125, 126}


@pytest.mark.parametrize(
    ("folds", "fold", "said"),
    [
        (1, 0, "data.folds=1: must be at least 2"),
        (5, 5, "data.fold=5: must be 0 to 4"),
        (5, -1, "data.fold=-1: must be 0 to 4"),
        (None, 1, "data.fold=1: must be 0: there are no folds"),
    ],
)
def test_a_fold_that_is_none(folds: int | None, fold: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_fold(folds, fold)


def test_a_run_is_not_tested_on_another_fold() -> None:
    config = """
model: {{class_path: tests.engine.toy.ToyNet}}
data:
  class_path: tests.engine.toy.ToyTable
  init_args: {{{}}}
"""
    with pytest.raises(UserError, match=r"data.fold=1: the run was trained with 0"):
        resume.refuse_changes(
            config.format("folds: 5, fold: 0"), config.format("folds: 5, fold: 1"), resume.CUT
        )
    # A run from before there were folds had none.
    resume.refuse_changes(config.format(""), config.format("folds: null, fold: 0"), resume.CUT)
    with pytest.raises(UserError, match=r"data.folds=5: the run was trained with null"):
        resume.refuse_changes(config.format(""), config.format("folds: 5"), resume.CUT)
