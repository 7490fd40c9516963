"""How the table is cut, read and described."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from kindling.tools.new.tabular.data import TabularDataModule
from kindling.tools.new.tabular.rows import TabularBatch

SPLITS: tuple[Any, ...] = ("train", "val", "test")
ROWS = 100


def table() -> pd.DataFrame:
    """An identifier, two numbers with holes, two categories, and a target of 0 and 1."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS) + 500,
            "area": rng.normal(50, 9, ROWS).round(2),
            "age": np.where(np.arange(ROWS) % 9, rng.normal(7, 2, ROWS).round(2), np.nan),
            "place": np.array(["north", "south", "west"])[rng.integers(0, 3, ROWS)],
            "zipcode": 10_000 + rng.integers(0, 4, ROWS),
            "target": np.arange(ROWS) % 5 // 3,
        }
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    table().to_csv(tmp_path / "mine.csv", index=False)
    return tmp_path


def module(root: Path, **settings: Any) -> TabularDataModule:
    data = TabularDataModule(root, **settings)
    data.setup("fit")
    return data


def whole(data: TabularDataModule, split: Any) -> TabularBatch:
    return data.rows(split)[torch.arange(len(data.rows(split)))]


def lines(data: TabularDataModule, split: Any) -> list[int]:
    return list(data.describe(split, whole(data, split).indices)["row"])


def test_splits_are_disjoint_and_whole(root: Path) -> None:
    data = module(root)
    assert sorted(line for split in SPLITS for line in lines(data, split)) == [*range(2, 102)]
    assert data.sizes() == {"train": 64, "val": 16, "test": 20}


def test_the_cut_follows_its_own_seed_alone(root: Path) -> None:
    torch.manual_seed(1)
    first = lines(module(root), "test")
    torch.manual_seed(2)
    assert lines(module(root), "test") == first
    assert lines(module(root, split_seed=1), "test") != first


def test_every_row_is_tested_once_in_all_folds(root: Path) -> None:
    tested = [lines(module(root, folds=4, fold=fold), "test") for fold in range(4)]
    assert sorted(line for part in tested for line in part) == [*range(2, 102)]


def test_columns_are_taken_for_what_they_are(root: Path) -> None:
    data = module(root)
    assert data.columns.numbers == ["area", "age"]
    assert data.columns.categories == ["place", "zipcode"]
    assert data.columns.identifiers == ["id"]
    assert (data.features, data.vocabularies) == (2, [3, 4])
    batch = whole(data, "train")
    assert batch.numbers.shape == batch.codes.shape == (64, 2)
    assert set(batch.codes[:, 0].tolist()) == {1, 2, 3}


def test_columns_may_be_named(root: Path) -> None:
    data = module(root, numbers=["age"], categories=[], ignore=["place"])
    assert (data.columns.numbers, data.columns.categories) == (["age"], [])
    described = data.describe("test", torch.tensor([0]))
    source = table().iloc[described["row"][0] - 2]
    assert (described["place"], described["id"]) == ([source["place"]], [str(source["id"])])


def test_values_belong_to_the_lines_of_the_file(root: Path) -> None:
    data, source = module(root), table()
    for split in SPLITS:
        batch = whole(data, split)
        rows = source.iloc[[line - 2 for line in lines(data, split)]]
        expected = rows[["area", "age"]].to_numpy(np.float32)
        np.testing.assert_allclose(batch.numbers.numpy(), expected)
        assert batch.target.tolist() == rows["target"].tolist()


def test_a_single_sample_is_the_batch_s_row(root: Path) -> None:
    rows = module(root).training
    alone, batch = rows[3], rows[torch.tensor([5, 3])]
    for one, many in zip(alone, batch, strict=True):
        torch.testing.assert_close(one, many[1], equal_nan=True)


def test_held_out_rows_change_nothing_in_training(root: Path) -> None:
    before = module(root)
    changed = table()
    held_out = [line - 2 for line in lines(before, "val") + lines(before, "test")]
    changed.loc[held_out, "area"] = 1e6
    changed.loc[held_out, "place"] = "nowhere"
    changed.to_csv(root / "mine.csv", index=False)
    after = module(root)
    assert after.vocabulary == before.vocabulary
    for a, b in zip(whole(before, "train"), whole(after, "train"), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert (whole(after, "test").codes[:, 0] == 0).all(), "unseen"


def test_a_checkpoint_s_columns_are_those_of_what_is_predicted(root: Path) -> None:
    data = TabularDataModule(Path("/gone"), input=root / "raw.csv")
    data.load_state_dict(module(root).state_dict())
    (root / "raw.csv").write_text("zipcode,place,area,age\n10001,south,50,\n10001,moon,,7\n")
    data.setup("predict")
    batch = whole(data, "predict")
    np.testing.assert_array_equal(batch.numbers, [[50, np.nan], [np.nan, 7]])
    assert batch.codes.tolist() == [[2, 2], [0, 2]]


def test_other_columns_than_the_checkpoint_s_are_refused(root: Path) -> None:
    other = TabularDataModule(root, numbers=["area"])
    with pytest.raises(UserError, match=r"data\.numbers: the checkpoint was trained on area, age"):
        other.load_state_dict(module(root).state_dict())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "nope.csv"}, "nope.csv: no such file (--data.table); CSV files there: mine.csv"),
        ({"target": "Target"}, "did you mean 'target'?"),
        ({"numbers": ["area", "target"]}, "the target 'target' is among the columns"),
        ({"categories": ["plac"]}, "did you mean 'place'?"),
        ({"category_limit": 2}, "3 different values are too many for a category"),
        ({"val_fraction": 1.5}, "data.val_fraction=1.5: must lie between 0 and 1"),
        ({"fold": 1}, "data.fold=1"),
        ({"batch_size": 0}, "data.batch_size=0"),
    ],
)
def test_settings_that_cannot_work(root: Path, settings: dict[str, Any], message: str) -> None:
    assert message in complaint(root, **settings)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("600,big,2,north,10001,0", "row 102, column 'area': 'big' is not a number"),
        ("600,3,2,north,10001,", "row 102, column 'target': no "),
        ("600,3,2,north,10001", "row 102: the header has 6 cells and this row 5"),
    ],
)
def test_rows_that_cannot_be_right(root: Path, line: str, message: str) -> None:
    with (root / "mine.csv").open("a") as stream:
        stream.write(f"{line}\n")
    assert message in complaint(root)


def complaint(root: Path, **settings: Any) -> str:
    """The one line that the user gets."""
    with pytest.raises(UserError) as caught:
        module(root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)
