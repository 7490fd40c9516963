from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from problems.potability.data import PotabilityDataModule
from problems.potability.measurements import Measurements, PotabilityBatch
from problems.potability.model import PotabilityModule

FEATURES = ["ph", "Hardness", "Sulfate"]


def write(path: Path, rows: int = 200, seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, 3)), columns=FEATURES)
    table.loc[rng.choice(rows, rows // 5, replace=False), "Sulfate"] = np.nan
    table["Potability"] = np.arange(rows) % 5 < 2  # 40 %
    table["Potability"] = table["Potability"].astype(int)
    table.to_csv(path, index=False, lineterminator="\r\n")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "water_potability.csv")
    write(tmp_path / "water_train.csv", 150, seed=1)
    write(tmp_path / "water_test.csv", 50, seed=2)
    return tmp_path


ONE: dict[str, Any] = {}
TWO = {"train": "water_train.csv", "test": "water_test.csv"}


def module(root: Path, **settings: Any) -> PotabilityDataModule:
    data = PotabilityDataModule(root, **settings)
    data.prepare_data()
    data.setup("fit")
    return data


def rows(data: PotabilityDataModule, split: Any) -> list[Any]:
    return list(data.describe(split, whole(data, split).indices)["row"])


def whole(data: PotabilityDataModule, split: Any) -> PotabilityBatch:
    measurements = data.splits[split]
    assert isinstance(measurements, Measurements)
    return measurements[torch.arange(len(measurements))]


def test_one_file_is_cut_into_three_with_the_same_share_of_labels(root: Path) -> None:
    data = module(root)
    assert data.sizes() == {"train": 128, "val": 32, "test": 40}
    assert sorted(rows(data, "train") + rows(data, "val") + rows(data, "test")) == [*range(2, 202)]
    for split in data.sizes():
        assert whole(data, split).target.float().mean() == pytest.approx(
            0.4, abs=1 / data.sizes()[split]
        )


def test_two_files_are_cut_into_train_and_validation(root: Path) -> None:
    data = module(root, **TWO)
    assert data.sizes() == {"train": 120, "val": 30, "test": 50}
    assert sorted(rows(data, "train") + rows(data, "val")) == [*range(2, 152)]
    assert rows(data, "test") == [*range(2, 52)]
    assert [file.name for file in data.files()] == ["water_train.csv", "water_test.csv"]


def test_the_cut_follows_from_its_own_seed(root: Path) -> None:
    torch.manual_seed(1)
    first = module(root)
    torch.manual_seed(2)
    assert rows(module(root), "test") == rows(first, "test")
    assert rows(module(root, split_seed=1), "test") != rows(first, "test")


@pytest.mark.parametrize("layout", [ONE, TWO], ids=["one file", "two files"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_changing_held_out_rows_changes_nothing_in_training(
    root: Path, layout: dict[str, Any], split: Any
) -> None:
    def learned(data: PotabilityDataModule) -> list[torch.Tensor]:
        model = PotabilityModule(data.inputs, normalization="robust", indicators=True)
        model.fit_statistics(data.training)
        return [*whole(data, "train"), *model.buffers()]

    before = module(root, **layout)
    path = before.files()[-1 if split == "test" else 0]
    table = pd.read_csv(path)
    held_out = [row - 2 for row in rows(before, split)]
    table.loc[held_out, FEATURES] = 1e6
    table.loc[held_out[::2], "Hardness"] = np.nan
    table.to_csv(path, index=False)
    after = module(root, **layout)
    assert after.splits[split][0].features[0] == 1e6
    for a, b in zip(learned(before), learned(after), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


def test_rows_are_described_by_their_line_in_the_file(root: Path) -> None:
    data = module(root)
    lines = (root / "water_potability.csv").read_text().splitlines()
    for place in (0, 17):
        row = data.describe("test", torch.tensor([place]))["row"][0]
        assert data.splits["test"][place].features[0] == pytest.approx(
            float(lines[row - 1].split(",")[0])
        )


def test_inputs_are_known_before_anything_is_split(root: Path) -> None:
    assert PotabilityDataModule(root).inputs == 3
    assert PotabilityDataModule(root, features=["Sulfate", "ph"]).inputs == 2
    assert PotabilityDataModule().inputs == 9  # of the sample, written for the purpose


def test_chosen_features_come_in_the_order_chosen(root: Path) -> None:
    every, chosen = module(root), module(root, features=["Sulfate", "ph"])
    assert every.columns == FEATURES
    torch.testing.assert_close(
        chosen.training.features, every.training.features[:, [2, 0]], equal_nan=True
    )


def test_another_target_by_name(root: Path, tmp_path: Path) -> None:
    table = pd.read_csv(root / "water_potability.csv").rename(columns={"Potability": "safe"})
    table.to_csv(tmp_path / "mine.csv", index=False)
    data = module(tmp_path, train="mine.csv", target="safe")
    assert data.columns == FEATURES
    assert data.target_names == {"potability": "safe"}


def test_raw_measurements_are_read_by_the_columns_of_the_checkpoint(root: Path) -> None:
    path = root / "raw.csv"
    path.write_text("Sulfate,well,ph,Hardness\n1,A,2,3\n\n,B,,6\n")
    data = PotabilityDataModule(Path("/gone"), input=path)
    data.load_state_dict(module(root).state_dict())
    assert data.inputs == 3
    data.setup("predict")
    features = whole(data, "predict").features
    np.testing.assert_array_equal(features, [[2, 3, 1], [np.nan, 6, np.nan]])
    assert rows(data, "predict") == [2, 4]


def test_a_checkpoint_s_columns_are_kept_on_other_files(root: Path) -> None:
    state = module(root).state_dict()
    table = pd.read_csv(root / "water_potability.csv")
    columns = ["new", "Sulfate", "ph", "Hardness", "Potability"]
    table.assign(new=1)[columns].to_csv(root / "more.csv", index=False)
    data = PotabilityDataModule(root, train="more.csv")
    data.load_state_dict(state)
    data.setup("test")
    assert data.columns == FEATURES
    other = PotabilityDataModule(root, features=["ph"])
    with pytest.raises(UserError, match="the checkpoint was trained on ph, Hardness, Sulfate"):
        other.load_state_dict(state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val_fraction": 1.5}, "data.val_fraction=1.5: must lie between 0 and 1"),
        ({"test_fraction": 0.0}, "data.test_fraction=0.0"),
        ({"batch_size": 0}, "data.batch_size=0"),
        ({"train": "nope.csv"}, "CSV files there: water_potability.csv, water_test.csv, water_tra"),
        ({"test": "nope.csv"}, "nope.csv: no such file (--data.test)"),
        ({"target": "Potable"}, "did you mean 'Potability'?"),
        ({"features": ["ph", "Sulfat"]}, "did you mean 'Sulfate'?"),
        ({"features": ["ph", "Potability"]}, "the target 'Potability' is among the features"),
        ({"features": []}, "no feature column"),
    ],
)
def test_settings_that_cannot_work(root: Path, settings: dict[str, Any], message: str) -> None:
    assert message in complaint(root, **settings)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("acid,1,2,0", "row 202, column 'ph': 'acid' is not a number"),
        ("7,1,2,", "row 202, column 'Potability': no label"),
        ("7,1,2,3", "row 202, column 'Potability': '3' is not a label"),
        ("7,1,2", "row 202: the header has 4 cells and this row 3"),
    ],
)
def test_rows_that_cannot_be_right(root: Path, line: str, message: str) -> None:
    with (root / "water_potability.csv").open("a", newline="") as stream:
        stream.write(f"{line}\r\n")
    assert message in complaint(root)


def test_one_class_is_not_enough(root: Path) -> None:
    table = pd.read_csv(root / "water_potability.csv")
    table[table["Potability"] == 0].to_csv(root / "zeros.csv", index=False)
    assert "every label is 0: both are needed" in complaint(root, train="zeros.csv")
    write(root / "few.csv", 6)
    table[:2].assign(Potability=[0, 1]).to_csv(root / "two.csv", index=False)
    assert "too few for 3 parts" in complaint(root, train="two.csv")


def test_a_test_file_that_lacks_a_feature(root: Path) -> None:
    table = pd.read_csv(root / "water_test.csv").drop(columns="Hardness")
    table.to_csv(root / "water_test.csv", index=False)
    assert "water_test.csv: no column 'Hardness'" in complaint(root, **TWO)


def complaint(root: Path, **settings: Any) -> str:
    """The one line that the user gets."""
    with pytest.raises(UserError) as caught:
        module(root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        _ = PotabilityDataModule(tmp_path / "nowhere").inputs


def test_real_files(real: Path) -> None:
    one = module(real / "potability")
    assert one.sizes() == {"train": 2096, "val": 524, "test": 656}
    missing = [int(whole(one, s).features.isnan().sum()) for s in one.sizes()]
    assert sum(missing) == 491 + 781 + 162
    assert module(real / "potability", **TWO).sizes() == {"train": 1206, "val": 302, "test": 503}
