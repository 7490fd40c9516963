"""Faults that are planted in a table are found and named; in a sound one nothing is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torchmetrics.functional.classification import binary_auroc

from kindling.data.sources import TableSource
from kindling.tools.check import tables
from kindling.tools.check.report import Report
from kindling.tools.check.targets import auroc, check_target, check_targets

ROWS = 200
Table = dict[str, Any]
Examine = Callable[..., Report]


@pytest.fixture
def examine(tmp_path: Path, report: Report) -> Examine:
    """All checks of a table, of which six tenths train and the last two tenths test."""

    def run(table: Table, *targets: str, **kinds: Any) -> Report:
        path = tmp_path / "table.csv"
        pd.DataFrame(table).to_csv(path, index=False)
        lines = np.split(np.arange(ROWS) + 2, [ROWS * 6 // 10, ROWS * 8 // 10])
        split = {name: {"row": k} for name, k in zip(("train", "val", "test"), lines, strict=True)}
        rows = tables.read_rows([TableSource(path, targets or ["label"], **kinds)], split, report)
        assert rows is not None
        tables.check_columns(rows, report)
        tables.check_groups(rows, report)
        tables.check_repeated(rows, report)
        check_targets(rows, {}, report)
        return report

    return run


def sound(seed: int = 0) -> Table:
    """Two numbers with holes, a category, and a class that follows from all, with noise."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=ROWS).round(4), rng.gamma(2, size=ROWS).round(4)
    kind = rng.choice(["x", "y", "z"], ROWS)
    label = (a + b + (kind == "x") + rng.normal(0, 1.5, ROWS) > 2).astype(int)
    a[rng.choice(ROWS, 20, replace=False)] = np.nan
    return {"a": a, "b": b, "kind": kind, "label": label}


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_wrong_with_a_sound_table(examine: Examine, seed: int) -> None:
    found = examine(sound(seed)).found
    assert found["warn"] == found["stop"] == {}
    assert list(found["note"]) == ["missing cells: a 10.0%"]


def noisy(table: Table) -> np.ndarray:
    return table["label"] + np.random.default_rng(1).normal(0, 0.1, ROWS)


def absent(table: Table) -> np.ndarray:
    """Missing for most of one class, otherwise noise."""
    rng = np.random.default_rng(1)
    gone = (table["label"] == 1) & (rng.random(ROWS) < 0.8)
    return np.where(gone, np.nan, rng.normal(size=ROWS).round(4))


def repeated(table: Table, same: bool = True) -> Table:
    """Row 192 of the test repeats row 7 of training but for the last digits."""
    table["a"][5] = 0.5
    for name in ("a", "b"):
        table[name][190] = table[name][5] + 1e-6
    table["kind"][190] = table["kind"][5]
    table["label"][190] = table["label"][5] if same else 1 - table["label"][5]
    return table


COLUMNS: list[tuple[str, Callable[[Table], Any]]] = [
    ("c: the same value everywhere, 3.5", lambda t: 3.5),
    ("c: 90.0% of the cells", lambda t: np.where(np.arange(ROWS) % 10, np.nan, t["b"])),
    ("c tells label almost alone: AUROC", noisy),
    ("c tells label almost alone: AUROC", lambda t: [f"m{k}" for k in t["label"]]),
    ("c: that it is missing tells label: AUROC", absent),
    ("c: names or counts the rows", lambda t: np.cumsum(t["b"] + 0.1)),
    ("c: names or counts the rows", lambda t: [f"A{k % 199}" for k in range(ROWS)]),
]


@pytest.mark.parametrize(("text", "column"), COLUMNS)
def test_a_planted_column_is_the_one_warning(
    examine: Examine, text: str, column: Callable[[Table], Any]
) -> None:
    table = sound()
    [found] = examine({**table, "c": column(table)}).found["warn"]
    assert found.startswith(text)


def test_an_identifier_that_counts_is_found_where_it_is_learned_from(examine: Examine) -> None:
    table = {**sound(), "id": np.random.default_rng(0).permutation(ROWS)}
    [found] = examine(table, numbers=["a", "b", "id"]).found["warn"]
    assert found.startswith("id: names or counts the rows")


def test_a_number_that_follows_from_a_column(examine: Examine) -> None:
    table = sound()
    table["label"] = np.exp(table["b"] / 2) + 3
    [found] = examine(table).found["warn"]
    assert found.startswith("b tells label almost alone")


@pytest.mark.parametrize("same", [True, False])
def test_rows_of_two_splits(examine: Examine, same: bool) -> None:
    found = examine(repeated(sound(), same)).found["warn"]
    pair = ["row 7 (train) = row 192 (test)"]
    other = {} if same else {"pairs of rows alike but for the target": pair}
    assert found == {"rows that an earlier split has too, or nearly": pair, **other}


def test_rows_that_are_alike_by_chance_are_no_warning(examine: Examine) -> None:
    found = examine({name: sound()[name] for name in ("kind", "label")}).found
    assert found["warn"] == {}
    assert "rows that an earlier split has too, by chance or not" in found["note"]


def test_a_wrong_cell_of_each_column_is_refused_and_the_rest_looked_at(examine: Examine) -> None:
    table = {name: list(values) for name, values in sound().items()}
    table["a"][3], table["b"][4], table["c"] = "many", "few", [1.5] * ROWS
    found = examine(table, numbers=["a", "b", "c"]).found
    assert [text.split("'")[3] for text in found["stop"]] == ["many", "few"]
    assert list(found["warn"]) == ["c: the same value everywhere, 1.5"]


def test_groups_in_two_splits(examine: Examine) -> None:
    table = {**sound(), "who": [f"p{k // 4}" for k in range(ROWS)]}
    assert examine(table, groups=["who"], numbers=["b"]).found["warn"] == {}
    table["who"] = [f"p{k % 100}" for k in range(ROWS)]
    [found] = examine(table, groups=["who"], numbers=["b"]).found["warn"]
    assert found == "who: 80 of 100 are in several splits: p20, p21, p22 and 77 more"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1.5] * 50, "y: the same everywhere, 1.5"),
        (
            [*range(49), 5000.0],
            "y: 1 of 50 lie more than 50 interquartile ranges away, such as 5,000",
        ),
        (["a"] * 48 + ["b"] * 2, "y: 96.0% are a"),
    ],
)
def test_a_target_that_is_hard_to_learn(report: Report, values: list[Any], text: str) -> None:
    check_target("y", pd.Series(values), pd.Series(["train"] * 50), report)
    [found] = report.found["warn"]
    assert found.startswith(text)


def test_classes_that_a_split_lacks(report: Report) -> None:
    labels = pd.Series(["a"] * 40 + ["b"] * 10 + ["c"] * 3 + [None], dtype=object)
    split = ["train", "val"] * 20 + ["train"] * 5 + ["test"] * 5 + ["test"] * 4
    check_target("kind", labels, pd.Series(split), report)
    assert list(report.found["note"]) == [
        "kind: unknown in 1 of 54 rows",
        "kind: classes with fewer than 10 samples in train: 2 (b, 5, c, 0)",
        "kind: classes with no sample in val: 2 (b, 0, c, 0)",
        "kind: classes with no sample in test: 1 (a, 0)",
    ]


def test_auroc_beside_torchmetrics() -> None:
    rng = np.random.default_rng(0)
    bins, truth = rng.integers(0, 9, 5000), rng.random(5000) < 0.3
    truth[bins == 4] |= rng.random((bins == 4).sum()) < 0.5
    means = pd.Series(truth).groupby(bins).transform("mean").to_numpy()
    expected = float(binary_auroc(torch.tensor(means), torch.tensor(truth).long()))
    found = auroc(pd.Series(bins), pd.DataFrame({"yes": truth}))
    assert found == pytest.approx(expected, abs=0.02)
    noise = auroc(pd.Series(rng.permutation(bins)), pd.DataFrame({"yes": truth}))
    assert noise == pytest.approx(0.5, abs=0.03)
