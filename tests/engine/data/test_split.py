"""Splits are seeded, disjoint and complete, and keep their promise about classes and groups."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from kindling.data.split import grouped_split, linked_rows, random_split, stratified_split
from kindling.errors import UserError

FRACTIONS = [(0.7, 0.15, 0.15), (0.8, 0.2), (0.5, 0.3, 0.1, 0.1), (1.0,), (1 / 3, 1 / 3, 1 / 3)]
Parts = list[NDArray[np.int64]]


def assert_partition(parts: Parts, rows: int) -> None:
    assert all(part.dtype == np.int64 and len(part) for part in parts)
    assert all((np.diff(part) > 0).all() for part in parts)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))


@pytest.fixture(params=range(8))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_random_split(rng: np.random.Generator, fractions: tuple[float, ...]) -> None:
    rows = int(rng.integers(40, 500))
    parts = random_split(rows, fractions, seed=int(rng.integers(100)))
    assert_partition(parts, rows)
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - rows * fraction) < 1


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_stratified_split(rng: np.random.Generator, fractions: tuple[float, ...]) -> None:
    # At least 20 rows a class, so that every part's share of each is more than a row.
    labels = rng.permutation(np.repeat(np.arange(3), rng.integers(20, 200, size=3)))
    parts = stratified_split(labels, fractions, seed=int(rng.integers(100)))
    assert_partition(parts, len(labels))
    for part, fraction in zip(parts, fractions, strict=True):
        for label in range(3):
            share = (labels == label).sum() * fraction
            assert abs((labels[part] == label).sum() - share) < 1


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_rare_class_is_in_every_part(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    rare = int(rng.integers(len(fractions), len(fractions) + 4))
    labels = rng.permutation(np.array(["no"] * 100 + ["yes"] * rare))
    parts = stratified_split(labels, fractions, seed=int(rng.integers(100)))
    assert_partition(parts, len(labels))
    assert all((labels[part] == "yes").any() for part in parts)


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_grouped_split(rng: np.random.Generator, fractions: tuple[float, ...]) -> None:
    groups = rng.integers(0, rng.integers(len(fractions), 60), size=300)
    groups[: len(fractions)] = -np.arange(len(fractions))  # groups enough for the parts
    parts = grouped_split(groups, fractions, seed=int(rng.integers(100)))
    assert_partition(parts, len(groups))
    for index, part in enumerate(parts):
        others = np.concatenate([*parts[:index], *parts[index + 1 :], []]).astype(int)
        assert not set(groups[part]) & set(groups[others])


@pytest.mark.parametrize("fractions", FRACTIONS)
def test_many_small_groups_come_close_to_the_fractions(
    rng: np.random.Generator, fractions: tuple[float, ...]
) -> None:
    groups = rng.permutation(np.concatenate([np.arange(300), np.arange(100), np.arange(20)]))
    parts = grouped_split(groups, fractions, seed=int(rng.integers(100)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - len(groups) * fraction) <= 1


def test_rows_of_their_own_are_grouped_at_random() -> None:
    parts = grouped_split(np.arange(1000), (0.7, 0.15, 0.15), seed=0)
    assert [len(part) for part in parts] == [700, 150, 150]
    assert all(abs(part.mean() - 500) < 100 for part in parts)


def test_one_group_that_outweighs_all_goes_to_the_largest_part() -> None:
    groups = np.array([0] * 97 + [1, 2, 3])
    train, validation, test = grouped_split(groups, (0.8, 0.1, 0.1), seed=0)
    assert set(train) >= set(range(97))
    assert len(validation)
    assert len(test)


def test_as_many_groups_as_parts_leaves_no_part_empty() -> None:
    assert_partition(grouped_split(np.array([7, 8, 9]), (0.8, 0.1, 0.1), seed=0), rows=3)


def test_rows_are_linked_through_others() -> None:
    sets = [(5, 1), (2,), (), (3, 4), (4, 5, 5), (7, 8)]
    assert linked_rows(9, sets).tolist() == [0, 1, 2, 1, 1, 1, 6, 7, 7]
    assert linked_rows(3, []).tolist() == [0, 1, 2]


def test_links_against_the_closure_of_a_matrix(rng: np.random.Generator) -> None:
    sets = [rng.integers(0, 60, rng.integers(1, 4)).tolist() for _ in range(30)]
    near = np.eye(60, dtype=bool)
    for together in sets:
        near[np.ix_(together, together)] = True
    for _ in range(60):
        near = near @ near
    groups = linked_rows(60, sets)
    np.testing.assert_array_equal(groups[:, None] == groups, near)


def test_a_long_chain_is_one_group() -> None:
    links = [(row + 1, row) for row in range(20_000)]
    assert not linked_rows(20_001, links).any()


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


def test_too_few() -> None:
    with pytest.raises(UserError, match="2 rows in the table, too few for 3 parts"):
        random_split(2, (0.4, 0.3, 0.3), seed=0)
    with pytest.raises(UserError, match="2 rows in class 7, too few for 3 parts"):
        stratified_split(np.array([5] * 9 + [7] * 2), (0.4, 0.3, 0.3), seed=0)
    with pytest.raises(UserError, match="2 groups of rows in the table, too few for 3 parts"):
        grouped_split(np.array([0] * 9 + [1] * 9), (0.4, 0.3, 0.3), seed=0)
