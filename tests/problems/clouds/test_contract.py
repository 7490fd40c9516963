"""Clouds: what every problem promises, and what a run on photos leaves."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.images.pretrained import TorchvisionNet
from kindling.testing import Fault, ProblemContract
from problems.clouds.data import CloudsDataModule
from tests.problems.clouds.conftest import KINDS, write_photos

AVERAGES = ("micro", "macro", "weighted")


class TestClouds(ProblemContract):
    task = "clouds"
    data = {"image_size": 24, "batch_size": 8}
    model = {"channels": [8, 16], "dropout": 0.3}
    trainer = {"max_epochs": 5}
    beats = ("accuracy",)

    @classmethod
    def write(cls, folder: Path) -> Path:
        return write_photos(folder)

    @classmethod
    def faults(cls) -> dict[str, Fault]:
        return {
            "no folder": super().faults()["no folder"],
            "weights": Fault("weights=DEFAULT: conv has none", model={"weights": "DEFAULT"}),
        }

    def test_results_and_predictions_are_by_the_names_of_the_classes(self, trained: Path) -> None:
        results = json.loads((trained / "results.json").read_text())
        assert results["baseline"]["name"] == "training majority"
        averages = {f"{s}_{a}" for s in ("precision", "recall", "f1") for a in AVERAGES}
        assert set(results["metrics"]) == {"accuracy", *averages}
        assert list(results["per_class"]) == list(KINDS)
        row = results["per_class"]["blue sky"]
        assert set(row) == {"precision", "recall", "f1", "support"}
        assert row["support"] == 4
        with (trained / "predictions.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        columns = ["file", "class", "prediction", *(f"probability_{kind}" for kind in KINDS)]
        assert list(rows[0]) == columns
        assert rows[0]["file"] == "clouds_test/blue sky/0.png"
        share = sum(row["class"] == row["prediction"] for row in rows) / len(rows)
        assert results["metrics"]["accuracy"]["value"] == pytest.approx(share)

    def test_figures(self, trained: Path) -> None:
        written = {path.stem for path in (trained / "figures").iterdir()}
        shared = {"confusion_matrix", "per_class", "worst_mistakes", "filters", "feature_maps"}
        assert written == shared | {"explained_mistakes", "explained_classes"}
        events = EventAccumulator(str(trained / "val"))
        events.Reload()
        drawn = {f"figures/{name}" for name in shared | {"augmentation"}}
        assert drawn == set(events.Tags()["images"])

    def test_brackets_in_the_name_of_a_class_are_no_markup(
        self, trained: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["test", f"--run={trained}", "--trainer.enable_progress_bar=false"]) == 0
        assert "grey [layer]" in capsys.readouterr().out


def test_a_resumed_run_does_not_fetch_weights_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kindling: Callable[..., int], logs: Path
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(TorchvisionNet, "load_pretrained", lambda net: fetched.append(net.name))
    flags = [f"--data.root={write_photos(tmp_path / 'photos')}", "--data.image_size=24"]
    flags += ["--model.net=squeezenet1_1", "--model.weights=DEFAULT", "--trainer.max_epochs=1"]
    assert kindling("fit", "--config=clouds", *flags) == 0
    run = logs / "clouds" / "version_0"
    assert main(["fit", f"--run={run}", "--trainer.max_epochs=2"]) == 0
    assert fetched == ["squeezenet1_1"]


def test_the_real_photos(real: Path) -> None:
    data = CloudsDataModule(root=real / "clouds", image_size=16)
    data.setup("fit")
    assert data.sizes()["test"] == 486
    assert sum(data.sizes().values()) == 474 - 5 + 486
    assert len(data.classes) == 7
