"""Faults that are planted in a table are found and named; in a sound one nothing is."""

from typing import Any

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from kindling.tools.check.columns import check_columns
from kindling.tools.check.finding import Section
from kindling.tools.check.groups import check_groups
from kindling.tools.check.leaks import check_leaks
from kindling.tools.check.repeated import alike, check_repeated
from kindling.tools.check.score import Target, auroc, one_column, ranks
from kindling.tools.check.targets import check_target, of_labels, targets_of
from tests.tools.check.conftest import ReadRows, texts

ROWS = 200


def sound(seed: int = 0) -> dict[str, Any]:
    """Two numbers with holes, a category, and a class that follows from all, with noise."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=ROWS).round(4), rng.gamma(2, size=ROWS).round(4)
    kind = rng.choice(["x", "y", "z"], ROWS)
    label = (a + b + (kind == "x") + rng.normal(0, 1.5, ROWS) > 2).astype(int)
    a[rng.choice(ROWS, 20, replace=False)] = np.nan
    return {"a": a, "b": b, "kind": kind, "label": label}


def examine(rows: ReadRows, section: Section, table: dict[str, Any]) -> None:
    read = rows(table, "label")
    targets = targets_of(read, {})
    check_columns(read, section)
    for name, target in targets.items():
        check_target(name, target, read.split, section)
    check_repeated(read, section)
    check_leaks(read, targets, section)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_wrong_with_a_sound_table(rows: ReadRows, section: Section, seed: int) -> None:
    examine(rows, section, sound(seed))
    assert texts(section, "warn") == []
    assert texts(section, "stop") == []


def leaking(table: dict[str, Any]) -> dict[str, Any]:
    return {**table, "leak": table["label"] + np.random.default_rng(1).normal(0, 0.1, ROWS)}


def absent(table: dict[str, Any]) -> dict[str, Any]:
    """Missing for most of one class, otherwise noise."""
    rng = np.random.default_rng(1)
    gone = (table["label"] == 1) & (rng.random(ROWS) < 0.8)
    return {**table, "late": np.where(gone, np.nan, rng.normal(size=ROWS).round(4))}


def repeated(table: dict[str, Any]) -> dict[str, Any]:
    """Row 192 of the test repeats row 7 of training but for the last digits."""
    table["a"][5], table["a"][190] = 0.5, 0.5 + 1e-5
    table["b"][190] = table["b"][5] + 1e-5
    table["kind"][190], table["label"][190] = table["kind"][5], table["label"][5]
    return table


def two_labels(table: dict[str, Any]) -> dict[str, Any]:
    table = repeated(table)
    table["label"][190] = 1 - table["label"][5]
    return table


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (lambda t: {**t, "c": 3.5}, "c: the same value everywhere, 3.5"),
        (lambda t: {**t, "c": t["b"]}, "c repeats b: the same number in every row"),
        (lambda t: {**t, "c": 5 - 2 * t["b"]}, "c repeats b: the two lie on a straight line"),
        (
            lambda t: {**t, "c": [{"x": "p", "y": "q", "z": "r"}[k] for k in t["kind"]]},
            "c repeats kind: other words for the same, row by row",
        ),
        (
            lambda t: {**t, "c": np.where(np.arange(ROWS) % 10, np.nan, t["b"])},
            "c: 90.0% of the cells are missing",
        ),
        (lambda t: {**t, "label": (np.arange(ROWS) % 25 == 0) * 1}, "label: 96.0% are 0"),
        (leaking, "leak tells label almost alone: AUROC"),
        (absent, "late: that it is missing tells label: AUROC"),
        (repeated, "rows that an earlier split has too, or nearly: 1"),
        (two_labels, "pairs of rows alike but for the target: 1"),
        (
            lambda t: {**t, "stamp": np.cumsum(t["b"] + 0.1)},
            "stamp: rises from row to row, as an identifier or a time does",
        ),
        (
            lambda t: {**t, "code": [f"A{k % 199}" for k in range(ROWS)]},
            "code: 199 different words in 200 rows, as an identifier has",
        ),
    ],
)
def test_a_planted_fault_is_the_one_warning(
    rows: ReadRows, section: Section, plant: Any, said: str
) -> None:
    examine(rows, section, plant(sound()))
    warned = texts(section, "warn")
    assert [text for text in warned if text.startswith(said)], warned
    assert len(warned) == (2 if plant is two_labels else 1), warned


def test_rows_are_named(rows: ReadRows, section: Section) -> None:
    examine(rows, section, repeated(sound()))
    lines = [line for finding in section.findings for line in (finding.text, *finding.each)]
    assert "row 7 (train) = row 192 (test)" in lines


def test_an_identifier_that_only_counts_is_found_where_it_is_learned_from(
    rows: ReadRows, section: Section
) -> None:
    table = {**sound(), "id": np.random.default_rng(0).permutation(ROWS)}
    read = rows(table, "label", numbers=["a", "b", "id"])
    check_leaks(read, targets_of(read, {}), section)
    assert texts(section, "warn") == [
        "id: counts the rows, as an identifier or a time does, and is learned from"
    ]
    assert read.unused == ["kind"]


def test_a_wrong_cell_of_each_column_is_refused_and_the_rest_looked_at(
    rows: ReadRows, section: Section
) -> None:
    table = {name: list(values) for name, values in sound().items()}
    table["a"][3], table["b"][4] = "many", "few"
    read = rows(table, "label", numbers=["a", "b"])
    stops = texts(section, "stop")
    assert [("'many' is not a number" in s, "'few' is not a number" in s) for s in stops] == [
        (True, False), (False, True),
    ]  # fmt: skip
    assert read.numbers == {}
    check_columns(read, section)
    assert len(section.tables) == 1


def test_of_many_rows_a_part_is_drawn_and_the_report_says_so(
    rows: ReadRows, section: Section
) -> None:
    read = rows(sound(), "label", most=50)
    assert len(read.names) == len(read.split) == len(read.cells) == len(read.numbers["a"]) == 50
    assert texts(section, "note") == ["50 of 200 rows were looked at, drawn by seed 0"]
    for name, cell in zip(read.names, read.cells["b"], strict=True):
        assert float(cell) == sound()["b"][int(name.removeprefix("row ")) - 2]


def test_groups_in_two_splits(rows: ReadRows, section: Section) -> None:
    table = {**sound(), "who": [f"p{k // 4}" for k in range(ROWS)]}
    check_groups(rows(table, "label", groups=["who"]), section)
    assert texts(section, "warn") == []
    table["who"] = [f"p{k % 100}" for k in range(ROWS)]
    check_groups(rows(table, "label", groups=["who"]), section)
    [found] = texts(section, "warn")
    assert found.startswith("who: 80 of 100 are in several splits: p20, p21, p22 and 77 more")


def test_classes_that_a_split_lacks(section: Section) -> None:
    labels = ["a"] * 40 + ["b"] * 10 + ["c"] * 3
    split = np.array((["train", "val"] * 20) + (["train"] * 5 + ["test"] * 5) + ["test"] * 3)
    check_target("kind", of_labels(labels), split, section)
    assert texts(section, "note") == [
        "kind: classes with fewer than 10 training samples: 1 (b, 5)",
        "kind: classes without a sample in train: 1 (c)",
        "kind: classes without a sample in val: 2 (b, c)",
        "kind: classes without a sample in test: 1 (a)",
    ]


def test_auroc_beside_torchmetrics_ties_included() -> None:
    rng = np.random.default_rng(0)
    said, truth = rng.integers(0, 9, 300) / 9, rng.random(300) < 0.3
    expected = float(binary_auroc(torch.from_numpy(said), torch.from_numpy(truth).long()))
    assert auroc(said, truth) == pytest.approx(expected, abs=1e-6)


def test_ranks_of_ties_are_their_mean() -> None:
    assert ranks(np.array([5.0, 1, 5, 9])).tolist() == [0.5, 0, 0.5, 1]


@pytest.mark.parametrize(("noise", "low", "high"), [(0, 0.98, 1), (1, 0.3, 0.7), (40, -0.1, 0.1)])
def test_one_number_on_another(noise: float, low: float, high: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    target = Target(np.exp(x + noise * rng.normal(size=1000)), np.ones(1000, bool))
    assert low <= one_column(x, target, target.known, categories=False) <= high


def test_noise_says_nothing_of_classes() -> None:
    rng = np.random.default_rng(0)
    target = of_labels(rng.choice(["a", "b", "c"], 600).tolist())
    scores = [
        one_column(rng.normal(size=600), target, target.known, categories=False) for _ in range(5)
    ]
    assert all(0.4 < score < 0.6 for score in scores)


def test_pairs_of_alike_rows_beside_all_comparisons() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 4, (60, 3)) + rng.choice([0, 1e-3], (60, 3))
    found = {(min(a, b), max(a, b)) for a, b in zip(*alike(values, 2e-3), strict=True)}
    close = np.abs(values[:, None] - values).max(2) <= 2e-3
    assert found == {(a, b) for a, b in np.argwhere(close) if a < b}
    assert found
