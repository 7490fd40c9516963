"""What `make new` writes for photos, on the features of a pretrained net that stays as it is."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml

from kindling.data.samples import write_folders, write_table
from kindling.images import ImageFolderDataModule
from kindling.images.table_datamodule import ImageTableDataModule
from tests.conftest import Run

timm = pytest.importorskip("timm")
NET = "test_efficientnet"


class Folders(ImageFolderDataModule):
    task = "folders"


class Rows(ImageTableDataModule):
    task = "rows"


@pytest.fixture
def train(tmp_path: Path, kindling: Run, logs: Path) -> Any:
    def run(
        template: str, data: type[Any], settings: dict[str, Any]
    ) -> tuple[dict[str, Any], Path]:
        torch.manual_seed(7)
        torch.save(timm.create_model(NET).state_dict(), tmp_path / "net.pth")
        model = {"backbone": NET, "weights": str(tmp_path / "net.pth"), "cached_views": 2}
        photos = {"root": str(tmp_path / "data"), "image_size": 32, "batch_size": 16, **settings}
        config = {
            "data": {"class_path": f"{__name__}.{data.__name__}", "init_args": photos},
            "model": {
                "class_path": f"kindling.tools.new.templates.{template}.TaskNameModule",
                "init_args": {"lr": 1e-2, **model},
            },
            "trainer": {"max_epochs": 12},
        }
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        assert kindling("train", f"--config={tmp_path / 'config.yaml'}") == 0
        path = next(logs.glob("*/version_*"))
        return json.loads((path / "results.json").read_text()), path

    return run


def test_classes_are_told_by_cached_features(train: Any, tmp_path: Path, kindling: Run) -> None:
    write_folders(tmp_path / "data", {"train": 30})
    results, path = train("photo_class", Folders, {})
    assert results["skill"]["accuracy"] > 0.2
    before = pd.read_csv(path / "predictions.csv")
    assert kindling("test", f"--run={path}") == 0
    pd.testing.assert_frame_equal(pd.read_csv(path / "predictions.csv"), before)


def test_a_number_is_predicted_from_features_of_several_photos(train: Any, tmp_path: Path) -> None:
    columns = {"numbers": ["age"], "categories": [], "photos": ["a", "b"], "identifiers": []}
    write_table(tmp_path / "data" / "rows.csv", columns, {"target": ()}, rows=80)
    settings = {"table": "rows.csv", "photos": ["a", "b"], "numbers": ["age"], "categories": []}
    results, _ = train("photo_number", Rows, {"target": "target", **settings})
    assert results["skill"]["rmse"] > 0.1
