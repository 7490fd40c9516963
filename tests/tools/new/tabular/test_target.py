"""Classes of any name, cut so that each part has its share."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from kindling.tools.new.tabular.data import TabularDataModule


def write(root: Path, *cells: str, times: int = 12) -> TabularDataModule:
    table = pd.DataFrame({"size": range(len(cells) * times), "target": [*cells] * times})
    table["size"] = table["size"] % 7 + 0.5
    table.to_csv(root / "mine.csv", index=False)
    return TabularDataModule(root)


def test_classes_are_sorted_and_in_every_part(tmp_path: Path) -> None:
    data = write(tmp_path, "red", "blue", "green", "blue")
    assert data.classes == ["blue", "green", "red"]
    data.setup("fit")
    for split in data.sizes():
        rows = data.rows(split)  # type: ignore[arg-type]
        share = torch.bincount(rows.target, minlength=3) / len(rows)
        assert share.tolist() == pytest.approx([0.5, 0.25, 0.25], abs=0.1)


def test_a_checkpoint_s_classes_are_kept(tmp_path: Path) -> None:
    state = write(tmp_path, "a", "b", "c").state_dict()
    other = write(tmp_path, "c", "b")
    other.load_state_dict(state)
    other.setup("test")
    assert other.classes == ["a", "b", "c"]
    assert set(other.rows("test").target.tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["a", "a"], "column 'target': every row is 'a': it takes two"),
        (["a", ""], "row 3, column 'target': no class"),
        ([f"name {k}" for k in range(101)], "101 different values are too many"),
    ],
)
def test_columns_that_hold_no_classes(tmp_path: Path, cells: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        write(tmp_path, *cells).setup("fit")


def test_a_class_that_the_checkpoint_does_not_know(tmp_path: Path) -> None:
    state = write(tmp_path, "a", "b").state_dict()
    other = write(tmp_path, "a", "z")
    other.load_state_dict(state)
    with pytest.raises(UserError, match="column 'target': 'z' is none of a, b"):
        other.setup("test")


def test_a_class_too_rare_for_every_part(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="too few for 3 parts"):
        write(tmp_path, "a", "b", times=2).setup("fit")
