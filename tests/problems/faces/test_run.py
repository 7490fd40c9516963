"""Faces through the command line: a run, its predictions, its resumption, its complaints."""

import csv
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.cli import lightning_cli as cli

SMALL = (
    "--config=faces",
    "--data.image_size=24",
    "--data.batch_size=8",
    "--model.channels=[8,16]",
    "--trainer.max_epochs=2",
    "--trainer.enable_progress_bar=false",
)
SCORES = {"identity/accuracy", "identity/top5", "age/mae", "age/rmse"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faces")


@pytest.fixture(scope="module")
def faces(folder: Path, write: Callable[[Path], Path]) -> Path:
    return write(folder / "faces")


@pytest.fixture(scope="module")
def trained(faces: Path, folder: Path) -> Path:
    flags = ["--model.weighting=uncertainty", f"--data.root={faces}", f"--logs={folder / 'logs'}"]
    assert main(["train", *SMALL, *flags]) == 0
    return (folder / "logs" / "faces" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def results_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "results.json").read_text())
    return found


def test_results_are_by_head_and_count_the_targets(trained: Path) -> None:
    results, rows = results_of(trained), rows_of(trained / "predictions.csv")
    assert results["baseline"]["name"] == "commonest identity, median age"
    assert set(results["metrics"]) == set(results["skill"]) == SCORES
    named, dated = (sum(row[name] != "" for row in rows) for name in ("identity", "age"))
    assert results["known_targets"] == {"identity": named, "age": dated}
    assert results["samples"] == len(rows) > min(named, dated)
    assert results["per_class"]["identity/Ann"]["support"] == sum(
        row["identity"] == "Ann" for row in rows
    )


def test_predictions_and_results_agree(trained: Path) -> None:
    rows = rows_of(trained / "predictions.csv")
    people = [f"probability_identity_{name}" for name in ("Ann", "Bob", "Cy", "Dee", "Eve", "Fay")]
    assert list(rows[0]) == [
        "file", "identity", "prediction_identity", *people, "age", "prediction_age",
    ]  # fmt: skip
    metrics = results_of(trained)["metrics"]
    right = [row["identity"] == row["prediction_identity"] for row in rows if row["identity"]]
    assert metrics["identity/accuracy"]["value"] == pytest.approx(sum(right) / len(right))
    errors = [abs(float(row["prediction_age"]) - float(row["age"])) for row in rows if row["age"]]
    assert metrics["age/mae"]["value"] == pytest.approx(sum(errors) / len(errors), rel=1e-4)


def test_figures_of_both_heads(trained: Path) -> None:
    identity = {f"identity_{name}" for name in ("confusion_matrix", "per_person", "worst")}
    expected = identity | {f"age_{name}" for name in ("predicted", "errors", "worst")}
    assert {path.stem for path in (trained / "figures").iterdir()} == expected
    events = EventAccumulator(str(trained / "val"))
    events.Reload()
    assert {f"figures/{name}" for name in expected} == set(events.Tags()["images"])


def test_curves_of_each_head_are_logged_with_the_learned_weights(trained: Path) -> None:
    for stage in ("train", "val"):
        events = EventAccumulator(str(trained / stage))
        events.Reload()
        curves = {f"curves/{name}" for name in (*SCORES, "identity/loss", "age/loss")}
        assert curves <= set(events.Tags()["tensors"])
        weights = {"curves/identity/weight", "curves/age/weight"}
        assert (weights <= set(events.Tags()["tensors"])) == (stage == "train")
    rows = rows_of(trained / "metrics.csv")
    assert len(rows) == 2
    for head in ("identity", "age"):
        values = [float(row[f"train/{head}/weight"]) for row in rows]
        assert len(set(values)) == 2, "they are learned"
        assert all(0.5 < value < 2 for value in values), "from where they were set"


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


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [4, 5])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    step: int, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Augmentation, dropout and learned weights included, in mid-epoch and at an epoch's end."""
    flags = [*SMALL, "--model.dropout=0.3", "--model.weighting=uncertainty"]
    flags += [f"--data.root={faces}", f"--logs={tmp_path}"]
    assert main(["fit", *flags]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(cli, "GradientNorms", lambda: StopAt(step))
        assert main(["fit", *flags]) == 130
    whole, stopped = tmp_path / "faces" / "version_0", tmp_path / "faces" / "version_1"
    torch.manual_seed(99)
    assert main(["fit", "--run", str(stopped), "--trainer.enable_progress_bar=false"]) == 0
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    ]
    assert "weights.shift" in weights[0]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    for name in ("val/loss", "train/age/weight"):
        ends = [rows_of(run / "metrics.csv")[-1][name] for run in (whole, stopped)]
        assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("table", "flags", "message"),
    [
        ("file,identity,age\n", [], "a header and no rows"),
        ("file,identity,age\nphotos/99.png,Ann,3\n", [], "row 2, column 'file': 'photos/99.png'"),
        ("file,identity,age\nphotos/01.png,Ann,x\n", [], "row 2, column 'age': 'x' is not a num"),
        (None, ["--data.by=person", "--model.use_age=false"], "no validation photo has a known id"),
        (None, ["--data.by=house"], "data.by=house: no such choice; there are image, person"),
        (None, ["--data.age=null"], "no training photo has an age (--data.age): add some, or"),
        (None, ["--model.use_age=false", "--model.use_identity=false"], "nothing to learn"),
        (None, ["--model.weighting=learned"], "no such choice; there are fixed, uncertainty"),
        (None, ["--model.classes=[a,b]"], "is computed from the data"),
        (None, ["--model.ages=[1,2]"], "is computed from the data"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_no_run(
    table: str | None, flags: list[str], message: str, faces: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    root = faces
    if table is not None:
        root = tmp_path / "harmed"
        shutil.copytree(faces, root)
        (root / "faces.csv").write_text(table)
    logs = tmp_path / "logs"
    assert main(["fit", *SMALL, f"--data.root={root}", f"--logs={logs}", *flags]) == 2
    [error] = [e for e in capsys.readouterr().err.splitlines() if e.startswith("kindling: ")]
    assert message in error
    assert not [p for p in logs.rglob("*") if ".tensorboard" not in str(p) and p.is_file()]
