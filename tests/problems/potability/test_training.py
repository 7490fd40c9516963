"""Runs from the command line, in this process, on the sample and on files with faults."""

import csv
import json
import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from kindling.__main__ import main
from kindling.data import paths
from problems.potability.model import PotabilityModule

Run = Any
HOLES = "note,Turbidity,ph,Hardness,Solids,Chloramines,Sulfate,Conductivity,Organic_carbon,"
HOLES += "Trihalomethanes\na,4,7,200,2e4,7,,400,14,66\nb,,,,,,,,,\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and tested on the sample."""
    logs = tmp_path_factory.mktemp("trained")
    quiet = ["--trainer.enable_progress_bar=false", f"--logs={logs}"]
    settings = ["--trainer.max_epochs=8", "--data.batch_size=32", "--model.lr=3e-3"]
    assert main(["train", "--config=potability", *settings, *quiet]) == 0
    return (logs / "potability" / "latest").resolve()


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_sample_is_learned(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["data"]["sample"] is True
    assert results["baseline"]["name"] == "training majority"
    baseline = {name: s["value"] for name, s in results["baseline"]["metrics"].items()}
    assert baseline["accuracy"] == pytest.approx(0.6099, abs=0.002)
    assert baseline["auroc"] == 0.5
    assert results["metrics"]["auroc"]["low"] > 0.7
    assert results["metrics"]["accuracy"]["low"] > baseline["accuracy"]
    for name in ("confusion_matrix", "roc", "calibration"):
        assert (trained / "figures" / f"{name}.png").stat().st_size > 5000


def test_predictions_name_row_label_and_probabilities(trained: Path) -> None:
    rows = table(trained / "predictions.csv")
    names = ["row", "Potability", "prediction", "probability_0", "probability_1"]
    assert list(rows[0]) == names
    source = table(paths.SAMPLES / "potability" / "water_potability.csv")
    for row in rows:
        assert row["Potability"] == source[int(row["row"]) - 2]["Potability"]
        assert row["prediction"] == str(int(float(row["probability_1"]) > 0.5))
        assert float(row["probability_0"]) + float(row["probability_1"]) == pytest.approx(1)
    hits = sum(row["Potability"] == row["prediction"] for row in rows)
    results = json.loads((trained / "results.json").read_text())
    assert hits / len(rows) == pytest.approx(results["metrics"]["accuracy"]["value"])


def test_a_run_predicts_from_measurements_with_holes(
    trained: Path, tmp_path: Path, kindling: Run
) -> None:
    (tmp_path / "new.csv").write_text(HOLES)
    assert kindling("predict", f"--run={trained}", f"--data.input={tmp_path / 'new.csv'}") == 0
    rows = table(trained / "predictions" / "new.csv")
    assert [row["row"] for row in rows] == ["2", "3"]

    model = PotabilityModule.load_from_checkpoint(trained / "checkpoints" / "best.ckpt").eval()
    center = model.normalize.center
    features = torch.stack([torch.tensor([7.0, 200, 2e4, 7, 0, 400, 14, 66, 4]), center])
    features[0, 4] = center[4]
    with torch.no_grad():
        expected = model(features).sigmoid().tolist()
    assert [float(row["probability_1"]) for row in rows] == pytest.approx(expected, rel=1e-5)


def test_a_run_scores_again_as_it_did(trained: Path, kindling: Run) -> None:
    before = json.loads((trained / "results.json").read_text())
    assert kindling("test", f"--run={trained}") == 0
    assert json.loads((trained / "results.json").read_text()) == before


def test_files_that_cannot_be_predicted(
    trained: Path, tmp_path: Path, kindling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = {
        "no column 'Sulfate'": HOLES.replace("Sulfate", "Sulphur"),
        "row 2, column 'ph': 'acid' is not a number": HOLES.replace("4,7,", "4,acid,"),
        "a header and no rows": HOLES.partition("\n")[0],
    }
    for message, content in faults.items():
        (tmp_path / "new.csv").write_text(content)
        assert kindling("predict", f"--run={trained}", f"--data.input={tmp_path / 'new.csv'}") == 2
        assert message in one_line(capsys)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data.root=/nowhere"], "/nowhere: no such folder (--data.root)"),
        (["--data.train=nope.csv"], "nope.csv: no such file (--data.train)"),
        (["--data.features=[ph,Sulfat]"], "no column 'Sulfat' (did you mean 'Sulfate'?)"),
        (["--model.activation=rel"], "model.activation=rel: "),
        (["--model.inputs=3"], "model.inputs is computed from the data"),
        (["--data.batch_size=1", "--model.batch_norm=true"], "batch normalization needs two rows"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    flags: list[str], message: str, kindling: Run, capsys: pytest.CaptureFixture[str], logs: Path
) -> None:
    assert kindling("fit", "--config=potability", *flags) == 2
    assert message in one_line(capsys)
    assert not list(logs.glob("potability/version_*"))


def test_a_measurement_that_was_never_taken(
    tmp_path: Path, kindling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    source = pd.read_csv(paths.SAMPLES / "potability" / "water_potability.csv")
    source.assign(Lead="").to_csv(tmp_path / "water_potability.csv", index=False)
    assert kindling("fit", "--config=potability", f"--data.root={tmp_path}") == 2
    assert "feature 'Lead' has no value in the training rows" in one_line(capsys)


def test_a_file_sorted_by_label_is_as_good_as_any(tmp_path: Path, kindling: Run) -> None:
    source = pd.read_csv(paths.SAMPLES / "potability" / "water_potability.csv")
    source.sort_values("Potability").to_csv(tmp_path / "water_potability.csv", index=False)
    flags = ("--config=potability", "--config=smoke", f"--data.root={tmp_path}")
    assert kindling("fit", *flags) == 0


def test_gradients_are_drawn_from_runs(trained: Path, tmp_path: Path) -> None:
    script = runpy.run_path(str(paths.PROJECT / "scripts" / "gradient_flow.py"))
    layers = ["net.hidden_1", "net.hidden_2", "net.output"]
    curves = script["read"](trained)
    assert list(curves) == layers
    assert all((norm > 0).all() for _, norm in curves.values())
    script["main"]([f"first={trained}", str(trained), f"--output={tmp_path / 'flow.png'}"])
    assert (tmp_path / "flow.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "layout", [[], ["--data.train=water_train.csv", "--data.test=water_test.csv"]]
)
def test_real_files_in_both_layouts(real: Path, layout: list[str], kindling: Run) -> None:
    flags = [f"--data.root={real / 'potability'}", *layout]
    assert kindling("train", "--config=potability", "--config=smoke", *flags) == 0


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    return message
