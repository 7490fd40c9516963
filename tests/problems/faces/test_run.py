"""Faces through the command line: results by head, predictions, one head alone."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main

SMALL = (
    "--config=faces", "--data.image_size=24", "--data.batch_size=8", "--model.channels=[8,16]",
    "--trainer.max_epochs=2", "--trainer.enable_progress_bar=false",
)  # fmt: skip
SCORES = {"identity/accuracy", "identity/top5", "age/mae", "age/rmse"}


@pytest.fixture(scope="module")
def trained(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    flags = ["--model.weighting=uncertainty", f"--data.root={faces}", f"--logs={logs}"]
    assert main(["train", *SMALL, *flags]) == 0
    return (logs / "faces" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def results_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "results.json").read_text())
    return found


def test_results_are_by_head_and_of_the_known_targets(trained: Path) -> None:
    results, rows = results_of(trained), rows_of(trained / "predictions.csv")
    assert results["baseline"]["name"] == "commonest identity, median age"
    metrics = results["metrics"]
    assert set(metrics) == set(results["skill"]) == SCORES
    people = [f"probability_identity_{name}" for name in ("Ann", "Bob", "Cy", "Dee", "Eve", "Fay")]
    columns = ["file", "identity", "prediction_identity", *people, "age", "prediction_age"]
    assert list(rows[0]) == columns
    right = [row["identity"] == row["prediction_identity"] for row in rows if row["identity"]]
    errors = [abs(float(row["prediction_age"]) - float(row["age"])) for row in rows if row["age"]]
    assert results["known_targets"] == {"identity": len(right), "age": len(errors)}
    assert results["samples"] == len(rows) > min(len(right), len(errors))
    assert metrics["identity/accuracy"]["value"] == pytest.approx(sum(right) / len(right))
    assert metrics["age/mae"]["value"] == pytest.approx(sum(errors) / len(errors), rel=1e-4)
    support = sum(row["identity"] == "Ann" for row in rows)
    assert results["per_class"]["identity/Ann"]["support"] == support


def test_figures_and_learned_weights_are_of_each_head(trained: Path) -> None:
    pictures = ["age_predicted", "age_error_bands", "age_largest_errors"]
    pictures += [f"identity_{n}" for n in ("confusion_matrix", "per_class", "worst_mistakes")]
    assert sorted(path.stem for path in (trained / "figures").iterdir()) == sorted(pictures)
    for head in ("identity", "age"):
        first, last = (float(r[f"train/{head}/weight"]) for r in rows_of(trained / "metrics.csv"))
        assert 0.5 < first != last < 2, "they are learned, from where they were set"


@pytest.mark.parametrize(("path", "count"), [("photos", 60), ("photos/02.png", 1)])
def test_a_checkpoint_alone_predicts(
    path: str, count: int, trained: Path, faces: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A folder or one photo, far from the run and from the photos that it was trained on."""
    checkpoint = tmp_path / "mine.ckpt"
    shutil.copy(trained / "checkpoints" / "best.ckpt", checkpoint)
    monkeypatch.chdir(tmp_path)
    flags = [f"--ckpt_path={checkpoint}", f"--data.input={faces / path}", "--data.root=/gone"]
    assert main(["predict", *flags, "--trainer.enable_progress_bar=false"]) == 0
    rows = rows_of(tmp_path / "predictions" / f"{Path(path).stem}.csv")
    assert list(rows[0])[:3] == ["file", "prediction_identity", "probability_identity_Ann"]
    assert list(rows[0])[-1] == "prediction_age"
    assert len(rows) == count
    scored = {Path(row["file"]).name: row for row in rows_of(trained / "predictions.csv")}
    for row in rows:
        if known := scored.get(row["file"]):
            assert row["prediction_identity"] == known["prediction_identity"]
            for name in ("prediction_age", "probability_identity_Bob"):
                assert float(row[name]) == pytest.approx(float(known[name]), rel=1e-3, abs=1e-5)


def test_by_person_the_identity_is_trained_and_not_scored(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data.by=person", f"--data.root={faces}", f"--logs={tmp_path}"]
    assert main(["train", *SMALL, *flags]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    run = (tmp_path / "faces" / "latest").resolve()
    results = results_of(run)
    assert set(results["metrics"]) == {"age/mae", "age/rmse"}
    assert results["known_targets"]["identity"] == 0
    assert "are of people that training does not know: their identity is not scored" in printed
    assert f"targets identity, 0 of {results['samples']} samples: not scored" in printed
    assert {path.stem.partition("_")[0] for path in (run / "figures").iterdir()} == {"age"}
    last = rows_of(run / "metrics.csv")[-1]
    assert "train/identity/accuracy" in last
    assert "val/identity/accuracy" not in last


@pytest.mark.parametrize("head", ["identity", "age"])
def test_one_head_alone_has_plain_names(head: str, faces: Path, tmp_path: Path) -> None:
    flags = [f"--config=faces_{head}", f"--data.root={faces}", f"--logs={tmp_path}"]
    assert main(["train", *SMALL, *flags, "--trainer.max_epochs=1"]) == 0
    run = (tmp_path / "faces" / "latest").resolve()
    expected = {"identity": {"accuracy", "top5"}, "age": {"mae", "rmse"}}[head]
    assert set(results_of(run)["metrics"]) == expected
    columns = set(rows_of(run / "predictions.csv")[0])
    assert {"file", head, "prediction"} <= columns
    assert ("probability_Ann" in columns) == (head == "identity")
