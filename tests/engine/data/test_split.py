"""Shares of a split, groups that stay together, and what cannot be split."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kindling.data.split import grouped_split, linked_rows, random_split, stratified_split
from kindling.errors import UserError

FRACTIONS = [(0.7, 0.15, 0.15), (0.8, 0.2), (0.5, 0.3, 0.1, 0.1), (1.0,), (1 / 3, 1 / 3, 1 / 3)]
Parts = list[NDArray[np.int64]]


@pytest.fixture(params=range(3))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_each_part_has_its_share_within_a_row(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    """Of all rows, and stratified of every class; groups of one row are as good as rows."""
    # At least 20 rows a class, so that every part's share of each is more than a row.
    labels = rng.permutation(np.repeat(np.arange(3), rng.integers(20, 200, size=3)))
    rows, seed = len(labels), int(rng.integers(100))
    at_random = random_split(rows, fractions, seed), grouped_split(np.arange(rows), fractions, seed)
    for parts in at_random:
        for part, share in zip(parts, fractions, strict=True):
            assert abs(len(part) - rows * share) <= 1
    for part, share in zip(stratified_split(labels, fractions, seed), fractions, strict=True):
        found, every = np.bincount(labels[part], minlength=3), np.bincount(labels)
        assert (np.abs(found - every * share) < 1).all()


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_a_rare_class_is_in_every_part(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    rare = int(rng.integers(len(fractions), len(fractions) + 4))
    labels = rng.permutation(np.array(["no"] * 100 + ["yes"] * rare))
    parts = stratified_split(labels, fractions, seed=int(rng.integers(100)))
    assert all((labels[part] == "yes").any() for part in parts)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_many_small_groups_come_close_to_the_fractions(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    groups = rng.permutation(np.concatenate([np.arange(300), np.arange(100), np.arange(20)]))
    parts = grouped_split(groups, fractions, seed=int(rng.integers(100)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - len(groups) * fraction) <= 1


def test_one_group_that_outweighs_all_goes_to_the_largest_part() -> None:
    groups = np.array([0] * 97 + [1, 2, 3])
    train, validation, test = grouped_split(groups, (0.8, 0.1, 0.1), seed=0)
    assert set(train) >= set(range(97))
    assert len(validation)
    assert len(test)
    assert all(map(len, grouped_split(np.array([7, 8, 9]), (0.8, 0.1, 0.1), seed=0)))


def test_rows_are_linked_through_others(rng: np.random.Generator) -> None:
    """As the closure of a matrix has it."""
    sets = [rng.integers(0, 60, rng.integers(0, 4)).tolist() for _ in range(30)]
    near = np.eye(60, dtype=bool)
    for together in sets:
        near[np.ix_(together, together)] = True
    for _ in range(60):
        near = near @ near
    groups = linked_rows(60, sets)
    np.testing.assert_array_equal(groups[:, None] == groups, near)
    assert linked_rows(9, [(5, 1), (3, 4), (4, 5, 5)]).tolist() == [0, 1, 2, 1, 1, 1, 6, 7, 8]
    assert not linked_rows(20_001, [(row + 1, row) for row in range(20_000)]).any()


LABELS = np.tile([0, 0, 1], 100)
Split = Callable[[tuple[float, ...], int], Parts]
SPLITS: list[Split] = [
    lambda fractions, seed: random_split(300, fractions, seed),
    lambda fractions, seed: stratified_split(LABELS, fractions, seed),
    lambda fractions, seed: grouped_split(np.arange(300) // 2, fractions, seed),
]


@pytest.mark.parametrize("split", SPLITS)
def test_a_seed_decides(split: Split) -> None:
    first, again, other = (split((0.7, 0.15, 0.15), seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
    assert (np.diff(first[0]) > 1).any()


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("fractions", [(0.5, 0.4), (0.8, 0.3), (1.0, 0.0), (1.2, -0.2), ()])
def test_impossible_fractions(split: Split, fractions: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="above 0 and together 1"):
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
