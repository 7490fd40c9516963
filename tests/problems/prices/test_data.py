"""Prices: what every problem promises, what is refused, and what is this one's alone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kindling.data.files import duplicates
from kindling.errors import UserError
from kindling.tables.read import read_table
from kindling.testing import Fault, ProblemContract
from problems.prices.data import PricesDataModule
from problems.prices.sample import write_sample
from tests.problems.prices.conftest import write_lots

SPLITS: tuple[Any, ...] = ("train", "val", "test")


def cell(column: str, text: str) -> Callable[[Path], object]:
    """Writes a cell into line 5 of the table."""

    def write(root: Path) -> None:
        table = pd.read_csv(root / "lots.csv", dtype=object)
        table.loc[3, column] = text
        table.to_csv(root / "lots.csv", index=False)

    return write


class TestPrices(ProblemContract):
    task = "prices"
    data = {"image_size": 16, "batch_size": 8}
    model = {"channels": [8, 8], "hidden": [16], "lr": 1e-2, "trees": 10, "rotation": 20.0}
    trainer = {"max_epochs": 12}
    overfit = 0.2

    @classmethod
    def write(cls, folder: Path) -> Path:
        return write_lots(folder)

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        return super().faults() | {
            "price of 0": Fault("row 5, column 'price': '0' has no logarithm", cell("price", "0")),
            "one row": Fault("a split of one row has no R2", data={"test_fraction": 0.01}),
            "none": Fault("model.quantile=0.0: must be between 0 and 1", model={"quantile": 0.0}),
            "no aim": Fault("not huber", model={"quantile": 0.45, "loss": "huber"}),
        }

    def test_predictions_results_and_file_agree(self, trained: Path, root: Path) -> None:
        rows = pd.read_csv(trained / "predictions.csv")
        assert list(rows) == ["row", "lot", "price", "prediction"]
        source = pd.read_csv(root / "lots.csv").iloc[rows["row"] - 2]
        for name in ("lot", "price"):
            assert rows[name].tolist() == source[name].tolist()
        share = np.abs(rows["prediction"] - rows["price"]) / rows["price"]
        results = json.loads((trained / "results.json").read_text())
        assert results["samples"] == len(rows) == 12
        assert results["baseline"]["name"] == "training median"
        assert list(results["metrics"]) == ["mae", "mape", "median_ape", "r2", "rmse"]
        for name, expected in (("mape", share.mean()), ("median_ape", share.median())):
            assert results["metrics"][name]["value"] == pytest.approx(expected, rel=1e-4)
        pictures = {path.stem for path in (trained / "figures").iterdir()}
        assert pictures == {"predicted", "largest_errors"}


def test_any_price_may_be_learned_as_it_is(tmp_path: Path) -> None:
    root = write_lots(tmp_path / "lots")
    cell("price", "-3")(root)
    data = PricesDataModule(root, image_size=16, log_price=False)
    data.setup("fit")
    assert min(data.splits[split].fields["price"].min() for split in SPLITS) == -3  # type: ignore[attr-defined]
    with pytest.raises(UserError, match=r"data.log_price: the checkpoint was trained with False"):
        PricesDataModule(root, image_size=16).load_state_dict(data.state_dict())


def split_files(data: PricesDataModule) -> dict[str, list[Path]]:
    """The photos of each split, by the table and not by the data module."""
    data.prepare_data()
    data.setup("fit")
    table = read_table(data.path)
    return {
        split: [
            data.root / table[name][row]
            for row in data.splits[split].identifiers["row"]  # type: ignore[attr-defined]
            for name in data.columns.photos
        ]
        for split in SPLITS
    }


@pytest.mark.parametrize("table", [None, "houses.csv", "houses_362.csv"])
def test_no_photo_lies_in_two_splits(
    table: str | None, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Of the sample and the real houses, which are known to hold equal photos."""
    if table is None:
        write_sample(tmp_path, rows=40)
    root = request.getfixturevalue("real") / "houses" if table else tmp_path
    files = split_files(PricesDataModule(root, table=table, image_size=8))
    assert duplicates(files) == []
    flat = [file for split in SPLITS for file in files[split]]
    assert len(duplicates({str(k): [file] for k, file in enumerate(flat)})) > 5
