"""The command line over the smallest runs, most of them in this process."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kindling
from kindling.__main__ import main
from kindling.cli import arguments
from kindling.cli import lightning_cli as cli
from kindling.data import paths
from kindling.training.exact_resume import ExactResume

Run = Any
TOY = f"--config={Path(__file__).parents[1] / 'toy.yaml'}"
SMOKE = (TOY, "--config=smoke")


def quiet(logs: Path) -> tuple[str, ...]:
    return f"--logs={logs}", "--trainer.enable_progress_bar=false"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and tested."""
    logs = tmp_path_factory.mktemp("trained")
    assert main(["train", *SMOKE, *quiet(logs)]) == 0
    return (logs / "toy" / "latest").resolve()


def config_of(run: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text())
    return config


def epochs_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


# What a run leaves.


def test_a_run_is_whole(trained: Path) -> None:
    files = {str(p.relative_to(trained)) for p in trained.rglob("*") if p.is_file()}
    events = {name for name in files if "tfevents" in name}
    assert files - events == {
        "config.yaml",
        "provenance.json",
        "metrics.csv",
        "results.json",
        "predictions.csv",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "figures/predicted.png",
    }
    assert {Path(name).parent.name for name in events} == {"", "train", "val", "test", "final"}


def test_results_say_how_good_and_against_what(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["task"] == "toy"
    assert results["split"] == "test"
    assert results["checkpoint"] == "checkpoints/best.ckpt"
    assert results["data"]["sample"] is True
    assert len(results["data"]["sha256"]) == 64
    assert results["baseline"]["name"] == "training majority"
    for name in ("accuracy", "auroc"):
        model, baseline = results["metrics"][name], results["baseline"]["metrics"][name]
        assert model["low"] < model["value"] <= model["high"]
        gained = (model["value"] - baseline["value"]) / (1 - baseline["value"])
        assert results["skill"][name] == pytest.approx(gained)


def test_predictions_and_results_are_of_the_same_samples(trained: Path) -> None:
    with (trained / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    results = json.loads((trained / "results.json").read_text())
    assert list(rows[0]) == ["row", "label", "prediction", "probability_0", "probability_1"]
    assert len(rows) == results["samples"]
    right = sum(row["prediction"] == row["label"] for row in rows) / len(rows)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_metrics_have_a_row_an_epoch(trained: Path) -> None:
    rows = epochs_of(trained)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for name in ("loss", "accuracy", "auroc"):
        assert all(float(row[f"{stage}/{name}"]) > 0 for row in rows for stage in ("train", "val"))
    assert all(float(row["lr"]) >= 0 for row in rows)


def test_provenance_says_what_made_it(trained: Path) -> None:
    record = json.loads((trained / "provenance.json").read_text())
    assert record["seed"] == 0
    assert record["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert record["data"]["samples"]["train"] > 0
    assert record["wall_time_s"] > 0
    assert set(record["git"]) == {"commit", "dirty"}
    assert record["command"].startswith("kindling")


def test_tensorboard_has_stages_on_one_chart_and_settings_beside_final_scores(
    trained: Path,
) -> None:
    def tags(stage: str) -> Any:
        events = EventAccumulator(str(trained / stage))
        events.Reload()
        return events

    train, val, run, final = tags("train"), tags("val"), tags(""), tags("final")
    shared = {f"curves/{name}" for name in ("loss", "accuracy", "auroc")}
    assert shared <= set(train.Tags()["tensors"]) & set(val.Tags()["tensors"])
    assert "curves/lr" in run.Tags()["tensors"]
    assert [tag for tag in run.Tags()["tensors"] if tag.startswith("gradient_norm/net")]
    assert "figures/predicted" in val.Tags()["images"]
    assert {"val/auroc", "test/auroc"} <= set(final.Tags()["tensors"])
    start = final.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for name in (b"model.hidden", b"model.lr", b"data.target", b"seed", b"sample"):
        assert name in start
    assert b"model.features" not in start, "what the model takes from the data is no setting"


def test_the_table_says_what_it_is_of(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    assert main(["test", "--run", str(trained), "--trainer.enable_progress_bar=false"]) == 0
    printed = capsys.readouterr().out
    for words in ("metric", "95 % interval", "skill", "the generated sample", "make tensorboard"):
        assert words in printed
    assert str(trained) in printed


def test_the_profile_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *SMOKE, "--config=profile", *quiet(tmp_path)]) == 0
    captured = capfd.readouterr()
    assert "run_training_batch" in captured.out + captured.err


# What LightningCLI does wrong in silence.


def test_the_runs_own_config_lies_below_the_flags_and_the_saved_one_shows_them(
    trained: Path, tmp_path: Path
) -> None:
    checkpoint = trained / "checkpoints" / "last.ckpt"
    flags = ("--trainer.gradient_clip_val=0.5", "--trainer.max_epochs=3")
    assert main(["fit", f"--ckpt_path={checkpoint}", *flags, *quiet(tmp_path)]) == 0
    saved = config_of(tmp_path / "toy" / "version_0")
    assert saved["trainer"]["gradient_clip_val"] == 0.5
    assert saved["model"]["init_args"]["hidden"] == [6], "the run's own config lies below the flags"


def test_a_finished_run_does_not_pretend_to_go_on(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*")}
    assert main(["fit", "--run", str(trained), "--trainer.enable_progress_bar=false"]) == 2
    assert "all 2 epochs are done; train on with --trainer.max_epochs=4" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*")} == before


def test_threads_are_a_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_num_threads()
    try:
        assert main(["fit", *SMOKE, "--threads=3", *quiet(tmp_path)]) == 0
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert "cpu, 3 threads" in capsys.readouterr().out


def test_the_default_config_counts_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 0
    assert (tmp_path / "toy" / "latest" / "checkpoints" / "best.ckpt").exists()


def test_a_resumed_run_goes_on_in_its_folder_and_its_config_starts_afresh(tmp_path: Path) -> None:
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 0
    run = tmp_path / "toy" / "version_0"
    more = ["--trainer.max_epochs=4", "--trainer.enable_progress_bar=false"]
    assert main(["fit", "--run", str(run), *more]) == 0
    assert [row["epoch"] for row in epochs_of(run)] == ["0", "1", "2", "3"]
    assert "ckpt_path" not in config_of(run)
    assert main(["fit", f"--config={run / 'config.yaml'}"]) == 0
    again = tmp_path / "toy" / "version_1"
    assert [row["epoch"] for row in epochs_of(again)] == ["0", "1", "2", "3"]


def test_callbacks_of_a_config_are_added_to_ours(tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text(
        "trainer: {callbacks: [{class_path: lightning.pytorch.callbacks.LearningRateMonitor}]}"
    )
    invocation = arguments.read(["fit", *SMOKE, f"--config={config}", *quiet(tmp_path)])
    names = {type(callback).__name__ for callback in cli.run(invocation).trainer.callbacks}
    assert {
        "LearningRateMonitor",
        "RunCheckpoints",
        "PatientStopping",
        "GracefulStop",
        "Evaluation",
    } <= names


def test_lightning_writes_nowhere_but_into_the_run(tmp_path: Path) -> None:
    trainer = cli.run(arguments.read(["fit", *SMOKE, *quiet(tmp_path)])).trainer
    # A SLURM requeue saves there; a shared folder would be resumed by the next unrelated job.
    assert trainer.default_root_dir == str(tmp_path / "toy" / "version_0")


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    for _ in range(2):
        assert main(["fit", *SMOKE, "--config=deterministic", *quiet(tmp_path)]) == 0
    assert main(["fit", *SMOKE, "--seed_everything=1", *quiet(tmp_path)]) == 0
    first, second, other = (epochs_of(tmp_path / "toy" / f"version_{k}") for k in range(3))
    assert first == second != other


def test_a_checkpoint_alone_predicts(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, far from its run and from the data that it was trained on."""
    checkpoint, table = tmp_path / "mine.ckpt", tmp_path / "now.csv"
    checkpoint.write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes())
    lines = (paths.SAMPLES / "toy" / "toy.csv").read_text().splitlines()
    table.write_text("\n".join(line.rpartition(",")[0] for line in lines[:30]))
    monkeypatch.chdir(tmp_path)
    flags = [f"--ckpt_path={checkpoint}", f"--data.input={table}", "--data.root=/gone"]
    assert main(["predict", *flags]) == 0
    with (tmp_path / "predictions" / "now.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["row", "prediction", "probability_0", "probability_1"]
    assert len(rows) == 29


# Wrong input: one line, exit status 2, nothing left behind.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trainer.max_epoch=3"], "no such option; did you mean trainer.max_epochs?"),
        (["--trainer.max_epochs=x"], "trainer.max_epochs=x: expected int or null"),
        (["--conf=smoke"], "conf: no such option"),
        (["--optimiser=SGD"], "optimiser: no such option; did you mean optimizer?"),
        (["--model.schedule=wavy"], "no such choice; there are constant, cosine"),
        (["--model.lr=0"], "model.lr=0.0: must be above 0"),
        (["--model.dropout=wide"], "model.dropout=wide: expected float"),
        (["--data.root=/nowhere"], "/nowhere: no such folder (--data.root)"),
        (["--data.batch_size=0"], "data.batch_size=0: must be at least 1"),
        (["--model.hidden=wide"], "model.hidden=wide: expected list"),
        (["--trainer.accelerator=abacus"], "abacus"),
        (["--threads=0"], "threads=0: must be at least 1"),
        (["--model=Nope"], "Nope"),
    ],
)  # fmt: skip
def test_wrong_settings(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *SMOKE, *quiet(tmp_path / "logs"), *flags]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("kindling: ")
    assert error.count("\n") == 1
    assert not [p for p in (tmp_path / "logs").rglob("*") if ".tensorboard" not in str(p)]


def test_logs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").touch()
    assert main(["fit", *SMOKE, *quiet(tmp_path / "logs")]) == 2
    assert "cannot make a run folder" in capsys.readouterr().err


def test_a_checkpoint_that_is_none_or_of_another_task(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.ckpt"
    path.write_text("not a checkpoint")
    assert main(["test", TOY, f"--ckpt_path={path}"]) == 2
    assert "not a checkpoint, or a damaged one" in capsys.readouterr().err
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    content["kindling"]["task"] = "another"
    torch.save(content, path)
    assert main(["test", TOY, f"--ckpt_path={path}"]) == 2
    assert "a checkpoint of another, not of toy" in capsys.readouterr().err


def test_a_checkpoint_of_another_version(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    assert content["kindling"]["version"] == kindling.__version__
    content["kindling"]["version"] = "0.0.9"
    del content["ToyTable"]["columns"]
    torch.save(content, tmp_path / "x.ckpt")
    assert main(["test", f"--ckpt_path={tmp_path / 'x.ckpt'}"]) == 2
    error = capsys.readouterr().err
    assert "made by kindling 0.0.9, which kept no 'columns' of the data" in error
    assert error.count("\n") == 1


def test_a_checkpoint_of_another_architecture(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = trained / "checkpoints" / "best.ckpt"
    before = sorted(trained.rglob("*"))
    misfit = "does not fit the model as it is configured: size mismatch for net"
    for command, fault in (("test", misfit), ("fit", "hidden=[9]: the run was trained with [6]")):
        flags = [f"--ckpt_path={checkpoint}", "--model.hidden=[9]", "--trainer.max_epochs=5"]
        assert main([command, *flags, *quiet(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert fault in error
        assert error.count("\n") == 1
    assert sorted(trained.rglob("*")) == before
    assert not (tmp_path / "toy").exists()


# Endings.


def during(monkeypatch: pytest.MonkeyPatch, step: int, action: Any) -> None:
    """Do something at the start of a step of training."""
    start = ExactResume.on_train_batch_start

    def hook(self: ExactResume, trainer: Trainer, pl_module: Any, *args: Any) -> None:
        if trainer.global_step == step:
            action(pl_module)
        start(self, trainer, pl_module, *args)

    monkeypatch.setattr(ExactResume, "on_train_batch_start", hook)


@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("step", [2, 7])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    signum: int,
    status: int,
    step: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = [*SMOKE, "--model.dropout=0.3", *quiet(tmp_path)]
    assert main(["fit", *flags]) == 0
    with monkeypatch.context() as patch:
        during(patch, step, lambda _: signal.raise_signal(signum))
        assert main(["fit", *flags]) == status
    whole, stopped = tmp_path / "toy" / "version_0", tmp_path / "toy" / "version_1"
    error = capsys.readouterr().err
    assert f"step {step + 1}" in error
    assert f"make resume RUN={stopped}" in error
    assert main(["fit", "--run", str(stopped), "--trainer.enable_progress_bar=false"]) == 0
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert epochs_of(stopped)[-1]["val/loss"] == epochs_of(whole)[-1]["val/loss"]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    during(monkeypatch, 7, lambda module: module.net[-1].bias.data.fill_(torch.nan))
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 1
    assert "NaN or infinite in epoch 1, step 8" in capsys.readouterr().err
    checkpoints = tmp_path / "toy" / "version_0" / "checkpoints"
    for name in ("best.ckpt", "last.ckpt"):
        state = torch.load(checkpoints / name, weights_only=True)["state_dict"]
        assert all(value.isfinite().all() for value in state.values())


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, 0, lambda module: module.net[-1].bias.data.fill_(torch.nan))
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 1
    assert not (tmp_path / "toy").exists()


def test_a_signal_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kindling", "fit", *SMOKE, *quiet(tmp_path)]
    forever = ["--trainer.max_epochs=100000", "--early_stopping.patience=100000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *forever], env=environment, stderr=subprocess.PIPE, text=True
    )
    run = tmp_path / "toy" / "version_0"
    deadline = time.monotonic() + 120
    while not (run / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in error
    assert "Traceback" not in error
    assert (run / "checkpoints" / "last.ckpt").exists()
