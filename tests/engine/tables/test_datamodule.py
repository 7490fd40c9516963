"""How a table is cut, read and described, on a toy problem of each kind of target."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from kindling.tables.datamodule import TableBatch, TableDataModule

SPLITS: tuple[Any, ...] = ("train", "val", "test")
ROWS = 100
LINES = [*range(2, ROWS + 2)]


class Numbers(TableDataModule):
    task = "numbers"
    fixed = ("target",)

    def write_sample(self, folder: Path) -> None:
        table().to_csv(folder / "mine.csv", index=False)


class Classes(Numbers):
    target_kind = "classes"


class Labels(Numbers):
    target_kind = "binary"
    option_names = {"table": "train", "numbers": "features"}


Kind = type[Numbers]


def table() -> pd.DataFrame:
    """An identifier, two numbers with holes, two categories, and a target of 0 and 1."""
    rng, row = np.random.default_rng(0), np.arange(ROWS)
    columns = {
        "id": row + 500,
        "area": rng.normal(50, 9, ROWS).round(2),
        "age": np.where(row % 9, rng.normal(7, 2, ROWS).round(2), np.nan),
        "place": np.array(["north", "south", "west"])[rng.integers(0, 3, ROWS)],
        "zipcode": 10_000 + rng.integers(0, 4, ROWS),
        "target": row % 5 // 3,
    }
    return pd.DataFrame(columns)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Numbers().write_sample(tmp_path)
    return tmp_path


def module(root: Path, kind: Kind = Labels, **settings: Any) -> Numbers:
    data = kind(root, **settings)
    data.setup("fit")
    return data


def whole(data: Numbers, split: Any) -> TableBatch:
    rows: Any = data.splits[split]
    batch = rows[torch.arange(len(rows))]
    assert isinstance(batch, TableBatch)
    return batch


def lines(data: Numbers, *splits: Any) -> list[int]:
    return [k for s in splits for k in data.describe(s, whole(data, s).indices)["row"]]


@pytest.mark.parametrize("kind", [Numbers, Classes, Labels])
def test_splits_are_disjoint_and_whole(kind: Kind, root: Path) -> None:
    data = module(root, kind)
    assert sorted(lines(data, *SPLITS)) == LINES
    assert data.sizes() == {"train": 64, "val": 16, "test": 20}
    for split, size in data.sizes().items() if kind is not Numbers else ():
        ones = whole(data, split).target.float().mean().item()
        assert ones == pytest.approx(0.4, abs=1 / size), "stratified"
    torch.manual_seed(1)
    assert lines(module(root, kind), "test") == lines(data, "test"), "by a seed of its own"
    assert lines(module(root, kind, split_seed=1), "test") != lines(data, "test")
    tested = [lines(module(root, kind, folds=4, fold=fold), "test") for fold in range(4)]
    assert sorted(np.concatenate(tested)) == LINES


def test_a_test_file_keeps_its_rows_together(root: Path) -> None:
    table()[:30].to_csv(root / "test.csv", index=False)
    data = module(root, table="mine.csv", test="test.csv")
    assert data.sizes() == {"train": 80, "val": 20, "test": 30}
    assert lines(data, "test") == LINES[:30]
    assert [file.name for file in data.files()] == ["mine.csv", "test.csv"]
    named = [(source.path.name, source.splits) for source in data.sources().tables]
    assert named == [("mine.csv", ("train", "val")), ("test.csv", ("test",))]
    folded = module(root, table="mine.csv", test="test.csv", folds=5)
    assert folded.sizes() == {"train": 64, "val": 16, "test": 20}


def test_columns_are_taken_for_what_they_are_or_named(root: Path) -> None:
    data = module(root)
    assert (data.features, data.vocabularies, data.classes) == (2, [3, 4], [])
    assert data.columns == (["area", "age"], ["place", "zipcode"], [], ["id"])
    assert data.io_schema()["codes"]["vocabulary"]["place"] == ["north", "south", "west"]
    assert data.training.names == {"numbers": ["area", "age"], "codes": ["place", "zipcode"]}
    data = module(root, numbers=["age"], categories=[], ignore=["place"])
    assert data.columns[:2] == (["age"], [])
    described = data.describe("test", torch.tensor([0]))
    source = table().iloc[described["row"][0] - 2]
    assert (described["place"], described["id"]) == ([source["place"]], [str(source["id"])])


def test_values_belong_to_the_lines_of_the_file(root: Path) -> None:
    data, source = module(root), table()
    for split in SPLITS:
        batch = whole(data, split)
        rows = source.iloc[[line - 2 for line in lines(data, split)]]
        np.testing.assert_allclose(batch.numbers, rows[["area", "age"]].to_numpy(np.float32))
        known = data.vocabulary["place"]
        assert [known[code - 1] for code in batch.codes[:, 0]] == rows["place"].tolist()
        assert batch.target.tolist() == rows["target"].tolist()


@pytest.mark.parametrize("kind", [Numbers, Classes])
@pytest.mark.parametrize("split", ["val", "test"])
def test_held_out_rows_change_nothing_in_training(split: str, kind: Kind, root: Path) -> None:
    before, changed = module(root, kind), table()
    changed.loc[[line - 2 for line in lines(before, split)], ["area", "place"]] = 1e6, "nowhere"
    changed.to_csv(root / "mine.csv", index=False)
    after = module(root, kind)
    assert after.vocabulary == before.vocabulary
    for a, b in zip(whole(before, "train"), whole(after, "train"), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
    assert (whole(after, split).codes[:, 0] == 0).all(), "unseen"


@pytest.mark.parametrize("kind", [Numbers, Classes])
def test_a_checkpoint_is_all_it_takes_to_read_raw_rows(kind: Kind, root: Path) -> None:
    data = kind(Path("/gone"), input=root / "raw.csv")
    state = module(root, kind).state_dict()
    data.load_state_dict(state)
    (root / "raw.csv").write_text("zipcode,place,area,age\n10001,south,50,\n10001,moon,,7\n")
    data.setup("predict")
    batch = whole(data, "predict")
    np.testing.assert_array_equal(batch.numbers, [[50, np.nan], [np.nan, 7]])
    assert batch.codes.tolist() == [[2, 2], [0, 2]]
    assert batch.target.isnan().all() if kind is Numbers else batch.target.tolist() == [-1, -1]
    assert data.state_dict() == state
    (root / "raw.csv").write_text("zipcode,place,area\n10001,south,50\n")
    with pytest.raises(UserError, match=r"raw\.csv: no column 'age'"):
        data.setup("predict")


@pytest.mark.parametrize("kind", [Numbers, Classes, Labels])
def test_a_target_that_is_not_there_names_its_setting(kind: Kind, root: Path) -> None:
    expected = r"mine\.csv: no column 'targt' \(did you mean 'target'\?\).*; change --data\.target$"
    with pytest.raises(UserError, match=expected):
        module(root, kind, target="targt")


def test_other_settings_than_the_checkpoint_s_are_refused(root: Path) -> None:
    for kind, settings, message in (
        (Numbers, {"numbers": ["area"]}, "data.numbers: the checkpoint was trained with area, age"),
        (Labels, {"numbers": ["area"]}, "data.features: the checkpoint was trained with area, age"),
        (Numbers, {"target": "price"}, "data.target: the checkpoint was trained with target"),
    ):
        with pytest.raises(UserError, match=f"^{message}; leave it out$"):
            kind(root, **settings).load_state_dict(module(root, kind).state_dict())  # type: ignore[arg-type]


def write(root: Path, *cells: str, times: int = 12) -> Classes:
    sizes = [k % 7 + 0.5 for k in range(len(cells) * times)]
    rows = pd.DataFrame({"size": sizes, "target": [*cells] * times})
    rows.to_csv(root / "mine.csv", index=False)
    return Classes(root)


def test_a_checkpoint_s_classes_are_kept(tmp_path: Path) -> None:
    write(tmp_path, "c\n{d}", "a", "b")
    state = module(tmp_path, Classes).state_dict()
    assert state["classes"] == ["a", "b", "c\n{d}"]
    other = write(tmp_path, "c\n{d}", "b")
    other.load_state_dict(state)
    other.setup("test")
    assert set(whole(other, "test").target.tolist()) == {1, 2}
    stranger = write(tmp_path, "a", "z")
    stranger.load_state_dict(state)
    with pytest.raises(UserError, match=r"'target': 'z' is not one of a, b, c \{d\}: correct"):
        stranger.setup("test")


@pytest.mark.parametrize(
    ("cells", "times", "message"),
    [
        (["a", "a"], 12, "column 'target': every row is 'a': two classes are needed"),
        (["", ""], 12, "mine.csv, column 'target': every row is without a target"),
        ([f"name {k}" for k in range(101)], 12, "101 different values are too many"),
        (["a", "b"], 2, "mine.csv, column 'target': 2 rows in class a, too few for 3 parts"),
    ],
)
def test_columns_that_hold_no_classes(
    cells: list[str], times: int, message: str, tmp_path: Path
) -> None:
    write(tmp_path, *cells, times=times)
    assert message in complaint(tmp_path, Classes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"table": "nope.csv"}, "nope.csv: no such file (--data.train); CSV files there: mine.csv"),
        ({"test": "nope.csv"}, "nope.csv: no such file (--data.test)"),
        ({"target": "Target"}, "did you mean 'target'?"),
        ({"numbers": ["area", "target"]}, "the target 'target' is among the columns"),
        ({"ignore": ["ids"]}, "did you mean 'id'?"),
        ({"numbers": ["area"], "categories": ["area"]}, "column 'area' is named twice"),
        ({"numbers": [], "categories": []}, "no column to learn from except 'target'"),
        ({"group": "places"}, "did you mean 'place'?"),
        ({"time": "place"}, "column 'place': 'south' is not a number"),
        ({"group": "id", "time": "age"}, "data.group and data.time both define the split"),
        ({"val_fraction": 1.5}, "data.val_fraction=1.5: must lie between 0 and 1"),
        ({"test_fraction": 0.0}, "data.test_fraction=0.0"),
        ({"folds": 1}, "data.folds=1: must be at least 2"),
        ({"fold": 1}, "data.fold=1"),
        ({"batch_size": 0}, "data.batch_size=0"),
    ],
)
def test_settings_that_cannot_work(root: Path, settings: dict[str, Any], message: str) -> None:
    assert message in complaint(root, **settings)


def test_a_missing_target_several_tables_and_none(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with (root / "mine.csv").open("a") as stream:
        stream.write("600,3,2,north,10001,\n")
    assert "row 102, column 'target': no target: fill it in" in complaint(
        root, Numbers, missing_target="error"
    )
    table().to_csv(root / "other.csv", index=False)
    assert "name the table by --data.train: mine.csv, other.csv" in complaint(root)
    assert "no CSV file in this folder" in complaint(tmp_path_factory.mktemp("empty"))
    assert "no such folder (--data.root)" in complaint(root / "nowhere")


def complaint(root: Path, kind: Kind = Labels, **settings: Any) -> str:
    """The one line that the user gets."""
    with pytest.raises(UserError) as caught:
        module(root, kind, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)
