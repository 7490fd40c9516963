"""What `make new` writes for tables: several targets, weights, and what a net has to beat."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from kindling.tables.datamodule import TableDataModule
from tests.conftest import Run

ROWS = 240
TEMPLATES = "kindling.tools.new.templates"


class Numbers(TableDataModule):
    task = "several"


class Classes(Numbers):
    target_kind = "classes"


def table() -> pd.DataFrame:
    rng, row = np.random.default_rng(0), np.arange(ROWS)
    x = rng.normal(size=(ROWS, 2)).round(3)
    return pd.DataFrame(
        {
            "x": x[:, 0],
            "z": x[:, 1],
            "place": np.array(["north", "south", "west"])[row % 3],
            "times": 1 + row % 2,
            "price (EUR)": (3 * x[:, 0] + row % 3).round(3),
            "values": (x[:, 0] - 2 * x[:, 1]).round(3),
            "warm": np.where(x[:, 0] > 0, "yes", "no"),
            "kind": np.array(["a", "b", "c"])[row % 3],
            "rare": np.where(x[:, 1] > 1.3, "rare", "common"),
        }
    )


@pytest.fixture
def train(tmp_path: Path, kindling: Run, logs: Path) -> Any:
    def run(kind: type[Numbers], data: dict[str, Any], model: dict[str, Any]) -> Path:
        (tmp_path / "data").mkdir(exist_ok=True)
        table().to_csv(tmp_path / "data" / "a.csv", index=False)
        template = "table_class" if kind is Classes else "table_number"
        settings = {"root": str(tmp_path / "data"), "numbers": ["x", "z"], "batch_size": 16, **data}
        config = {
            "data": {"class_path": f"{__name__}.{kind.__name__}", "init_args": settings},
            "model": {
                "class_path": f"{TEMPLATES}.{template}.TaskNameModule",
                "init_args": {"lr": 5e-3, "hidden": [16], **model},
            },
            "trainer": {"max_epochs": 8},
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        assert kindling("train", f"--config={tmp_path / 'config.yaml'}") == 0
        return next(logs.glob("*/version_*"))

    return run


def test_several_numbers_are_predicted_each(train: Any) -> None:
    targets = ["price (EUR)", "values"]
    data = {"target": targets, "categories": ["place"], "weight": "times"}
    run = train(Numbers, data, {"trees": 5, "bins": 4})
    results = json.loads((run / "results.json").read_text())
    heads = [head for head in results["metrics"] if head.endswith("rmse")]
    assert len(heads) == 2
    assert all(results["skill"][head] > 0.5 for head in heads)
    assert results["other_baselines"][0]["name"] == "linear model"
    predictions = pd.read_csv(run / "predictions.csv").set_index("row")
    there = table().iloc[predictions.index - 2]
    for name in targets:
        np.testing.assert_allclose(predictions[name], there[name], rtol=1e-5)
    columns = [name for name in predictions if name.startswith("prediction_")]
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert drawn == {"target_1_predicted", "target_2_predicted"}
    for name, column in zip(targets, columns, strict=True):
        assert np.corrcoef(predictions[column], there[name])[0, 1] > 0.8


def test_several_classes_are_told_each(train: Any) -> None:
    run = train(Classes, {"target": ["warm", "kind"], "categories": ["place"]}, {})
    results = json.loads((run / "results.json").read_text())
    assert results["metrics"]["kind/accuracy"]["value"] > 0.9
    assert {"warm/log_loss", "kind/log_loss"} <= results["metrics"].keys()
    assert results["other_baselines"][0]["name"] == "logistic regression"
    drawn = {path.stem for path in (run / "figures").iterdir()}
    assert drawn == {"warm_confusion_matrix", "kind_confusion_matrix"}
    predictions = pd.read_csv(run / "predictions.csv")
    shares = predictions[["probability_warm_no", "probability_warm_yes"]].sum(axis=1)
    np.testing.assert_allclose(shares, 1, rtol=1e-5)
    assert set(predictions["prediction_kind"]) == {"a", "b", "c"}


@pytest.mark.slow
def test_balanced_classes_find_more_of_the_rare_one(train: Any, tmp_path: Path) -> None:
    found = []
    for weights in ("none", "balanced"):
        run = train(
            Classes,
            {"target": "rare", "categories": [], "numbers": ["x"]},
            {"class_weights": weights},
        )
        predictions = pd.read_csv(run / "predictions.csv")
        found.append(predictions["probability_rare"].mean())
        for old in run.parent.iterdir():
            old.unlink() if old.is_symlink() else old.rename(tmp_path / f"{weights}-{old.name}")
    assert found[1] > found[0] + 0.2
