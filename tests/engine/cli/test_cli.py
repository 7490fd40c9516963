"""The command line over the smallest runs, most of them in this process."""

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import timm
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.cli import lightning_cli as cli
from kindling.data import paths

Run = Any
SMOKE = ("--config=timeseries", "--config=smoke", "--data.window=8", "--model.hidden=8")
COMMITTED = sorted(paths.CONFIGS.glob("*.yaml")) + sorted(paths.PRESETS.glob("*.yaml"))


def quiet(logs: Path) -> tuple[str, ...]:
    return f"--logs={logs}", "--trainer.enable_progress_bar=false"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained and tested."""
    logs = tmp_path_factory.mktemp("trained")
    assert main(["train", *SMOKE, *quiet(logs)]) == 0
    return (logs / "timeseries" / "latest").resolve()


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
        "figures/forecast.png",
        "figures/residuals.png",
        "figures/residual_histogram.png",
    }
    assert {Path(name).parent.name for name in events} == {"", "train", "val", "test", "final"}


def test_results_say_how_good_and_against_what(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["task"] == "timeseries"
    assert results["split"] == "test"
    assert results["checkpoint"] == "checkpoints/best.ckpt"
    assert results["data"]["sample"] is True
    assert len(results["data"]["sha256"]) == 64
    assert results["baseline"]["name"] == "last value"
    assert [b["name"] for b in results["other_baselines"]] == [
        "same time yesterday",
        "same time last week",
    ]
    for name in ("mse", "rmse", "mae"):
        model, baseline = results["metrics"][name], results["baseline"]["metrics"][name]
        assert model["low"] < model["value"] < model["high"]
        assert results["skill"][name] == pytest.approx(1 - model["value"] / baseline["value"])


def test_predictions_and_results_are_of_the_same_samples(trained: Path) -> None:
    with (trained / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    results = json.loads((trained / "results.json").read_text())
    assert list(rows[0]) == ["timestamp", "consumption", "prediction"]
    assert len(rows) == results["samples"]
    errors = [float(row["prediction"]) - float(row["consumption"]) for row in rows]
    mse = sum(error**2 for error in errors) / len(errors)
    assert results["metrics"]["mse"]["value"] == pytest.approx(mse, rel=1e-4)


def test_metrics_have_a_row_an_epoch(trained: Path) -> None:
    rows = epochs_of(trained)
    assert [row["epoch"] for row in rows] == ["0", "1"]
    for name in ("loss", "mse", "rmse", "mae"):
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
    shared = {f"curves/{name}" for name in ("loss", "mse", "rmse", "mae")}
    assert shared <= set(train.Tags()["tensors"]) & set(val.Tags()["tensors"])
    assert "curves/lr" in run.Tags()["tensors"]
    assert {"gradient_norm/nets.0.encoder", "gradient_norm/nets.0.readout"} <= set(
        run.Tags()["tensors"]
    )
    figures = {f"figures/{name}" for name in ("forecast", "residuals", "residual_histogram")}
    assert figures <= set(val.Tags()["images"])
    assert {"val/mse", "test/mse"} <= set(final.Tags()["tensors"])
    start = final.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for name in (b"model.cell", b"model.lr", b"data.window", b"seed", b"sample"):
        assert name in start
    assert b"model.inputs" not in start, "what the model takes from the data is no setting"


def test_the_table_says_what_it_is_of(capsys: pytest.CaptureFixture[str], trained: Path) -> None:
    assert main(["test", "--run", str(trained), "--trainer.enable_progress_bar=false"]) == 0
    printed = capsys.readouterr().out
    for words in ("metric", "95 % interval", "skill", "the generated sample", "make tensorboard"):
        assert words in printed
    assert str(trained) in printed


# Every config and preset.


# Presets that name columns of a real set, which the sample does not have.
OF_REAL_SETS = {"prices_houses": "houses"}


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(task, marks=[] if task in ("potability", "clouds") else pytest.mark.slow)
        for task in arguments.names(paths.CONFIGS)
    ],
)
def test_half_precision_trains_and_reports(task: str, kindling: Run, logs: Path) -> None:
    flags = [f"--config={task}", "--config=smoke", "--trainer.precision=bf16-mixed"]
    assert kindling("train", *flags) == 0
    run = logs / task / "latest"
    assert list((run / "figures").glob("*.png"))
    metrics = json.loads((run / "results.json").read_text())["metrics"]
    assert all(math.isfinite(score["value"]) for score in metrics.values())


@pytest.mark.filterwarnings(
    # Of MLflow on SQLAlchemy 2.1, when it is imported.
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_config_trains(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    task = path.stem if path.parent == paths.CONFIGS and path.stem != "trainer" else None
    task = task or _task_of(path)
    flags = [f"--config={task}"] + ([f"--config={path}"] if path.stem != task else [])
    if path.stem == "prices_pretrained":  # which nothing here may download
        weights = tmp_path / "initial.pth"
        torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), weights)
        flags += [f"--model.weights={weights}", "--data.image_size=64"]
    if name := OF_REAL_SETS.get(path.stem):
        flags.append(f"--data.root={request.getfixturevalue('real') / name}")
    short = ["--trainer.max_epochs=1", "--trainer.limit_train_batches=2"]
    limits = ["--trainer.limit_val_batches=2", "--trainer.limit_test_batches=2"]
    if path.stem == "overfit":
        short, limits = ["--trainer.max_epochs=2"], ["--trainer.limit_test_batches=2"]
    command = "train" if path.stem == task else "fit"
    # What Lightning's launcher notes in the environment, later tests' processes would go by.
    with patch.dict(os.environ):
        assert main([command, *flags, *short, *limits, *quiet(tmp_path)]) == 0
    run = (tmp_path / task / "latest").resolve()
    saved = config_of(run)
    assert saved["trainer"]["max_epochs"] == (2 if path.stem == "overfit" else 1)
    assert (run / "results.json").exists() == (command == "train")
    assert not torch.distributed.is_initialized(), "what comes next is for one process"


def _task_of(preset: Path) -> str:
    """A preset belongs to the task that begins its name, or to any."""
    tasks = arguments.names(paths.CONFIGS)
    return next((task for task in tasks if preset.stem.startswith(task)), tasks[-1])


def test_configs_are_short() -> None:
    for path in COMMITTED:
        limit = 10 if path.parent == paths.PRESETS else 20
        assert len(path.read_text().splitlines()) <= limit, path
        assert path.read_text().startswith("# "), f"{path} says in its first line what it is"


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
    saved = config_of(tmp_path / "timeseries" / "version_0")
    assert saved["trainer"]["gradient_clip_val"] == 0.5
    assert saved["model"]["init_args"]["hidden"] == 8, "the run's own config lies below the flags"


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
    assert (tmp_path / "timeseries" / "latest" / "checkpoints" / "best.ckpt").exists()


def test_a_resumed_run_goes_on_in_its_folder_and_its_config_starts_afresh(tmp_path: Path) -> None:
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 0
    run = tmp_path / "timeseries" / "version_0"
    more = ["--trainer.max_epochs=4", "--trainer.enable_progress_bar=false"]
    assert main(["fit", "--run", str(run), *more]) == 0
    assert [row["epoch"] for row in epochs_of(run)] == ["0", "1", "2", "3"]
    assert "ckpt_path" not in config_of(run)
    assert main(["fit", f"--config={run / 'config.yaml'}"]) == 0
    again = tmp_path / "timeseries" / "version_1"
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
    assert trainer.default_root_dir == str(tmp_path / "timeseries" / "version_0")


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    for _ in range(2):
        assert main(["fit", *SMOKE, "--config=deterministic", *quiet(tmp_path)]) == 0
    assert main(["fit", *SMOKE, "--seed_everything=1", *quiet(tmp_path)]) == 0
    first, second, other = (epochs_of(tmp_path / "timeseries" / f"version_{k}") for k in range(3))
    assert first == second != other


def test_a_checkpoint_alone_predicts(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, far from its run and from the data that it was trained on."""
    checkpoint, series = tmp_path / "mine.ckpt", tmp_path / "now.csv"
    checkpoint.write_bytes((trained / "checkpoints" / "best.ckpt").read_bytes())
    sample = (paths.SAMPLES / "timeseries" / "electricity_test.csv").read_text().splitlines()
    series.write_text("\n".join(sample[:1500]))
    monkeypatch.chdir(tmp_path)
    flags = [f"--ckpt_path={checkpoint}", f"--data.input={series}", "--data.root=/gone"]
    assert main(["predict", *flags]) == 0
    with (tmp_path / "predictions" / "now.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["timestamp", "prediction"]
    assert rows[-2]["timestamp"] == sample[1499].partition(",")[0]
    assert rows[-1]["timestamp"] > rows[-2]["timestamp"], "one step beyond the file's end"


# Wrong input: one line, exit status 2, nothing left behind.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trainer.max_epoch=3"], "no such option; did you mean trainer.max_epochs?"),
        (["--trainer.max_epochs=x"], "trainer.max_epochs=x: expected int or null"),
        (["--conf=smoke"], "conf: no such option"),
        (["--optimiser=SGD"], "optimiser: no such option; did you mean optimizer?"),
        (["--model.cell=transformer"], "no such choice; there are rnn, lstm, gru"),
        (["--model.hidden=-1"], "model.hidden=-1: must be at least 1"),
        (["--model.hidden=wide"], "model.hidden=wide: expected int"),
        (["--data.root=/nowhere"], "/nowhere: no such folder (--data.root)"),
        (["--data.window=100000000"], "set a smaller window or fewer lags"),
        (["--model.patch=wide"], "model.patch=wide: expected int or list"),
        (["--data.window=9", "--model.folded=true"], "data.window=9 cannot be halved"),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("timestamp,consumption\n", "row"),
        ("timestamp,load\n2020-01-01,1\n", "consumption"),
        ("timestamp,consumption\n2020-01-01 00:00,1\n2020-01-01 01:00,two\n", "row 3"),
        ("timestamp,consumption\n2020-01-01 00:00,1\n2020-01-01 01:00,2\n", "--data.window"),
    ],
)
def test_wrong_files(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("electricity_train.csv", "electricity_test.csv"):
        (tmp_path / name).write_text(text)
    flags = [f"--data.root={tmp_path}", "--data.window=8"]
    assert main(["fit", "--config=timeseries", *flags, *quiet(tmp_path / "logs")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "logs").exists()


def test_logs_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").touch()
    assert main(["fit", *SMOKE, *quiet(tmp_path / "logs")]) == 2
    assert "cannot make a run folder" in capsys.readouterr().err


def test_a_checkpoint_that_is_none_or_of_another_task(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.ckpt"
    path.write_text("not a checkpoint")
    assert main(["test", "--config=timeseries", f"--ckpt_path={path}"]) == 2
    assert "not a checkpoint, or a damaged one" in capsys.readouterr().err
    content = torch.load(trained / "checkpoints" / "best.ckpt", weights_only=True)
    content["kindling"]["task"] = "clouds"
    torch.save(content, path)
    assert main(["test", "--config=timeseries", f"--ckpt_path={path}"]) == 2
    assert "a checkpoint of clouds, not of timeseries" in capsys.readouterr().err


def test_a_checkpoint_of_another_architecture(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = trained / "checkpoints" / "best.ckpt"
    before = sorted(trained.rglob("*"))
    misfit = "does not fit the model as it is configured: size mismatch for net"
    for command, fault in (("test", misfit), ("fit", "hidden=9: the run was trained with 8")):
        flags = [f"--ckpt_path={checkpoint}", "--model.hidden=9", "--trainer.max_epochs=5"]
        assert main([command, *flags, *quiet(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert fault in error
        assert error.count("\n") == 1
    assert sorted(trained.rglob("*")) == before
    assert not (tmp_path / "timeseries").exists()


# Endings.


class At(Callback):
    """Does something after a step of training."""

    def __init__(self, step: int, action: Any) -> None:
        self.step, self.action = step, action

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.action(pl_module)


def during(monkeypatch: pytest.MonkeyPatch, step: int, action: Any) -> None:
    monkeypatch.setattr(cli, "GradientNorms", lambda: At(step, action))


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
    whole, stopped = tmp_path / "timeseries" / "version_0", tmp_path / "timeseries" / "version_1"
    error = capsys.readouterr().err
    assert f"step {step + 1}" in error
    assert f"make resume RUN={stopped}" in error
    assert main(["fit", "--run", str(stopped), "--trainer.enable_progress_bar=false"]) == 0
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert epochs_of(stopped)[-1]["val/mse"] == epochs_of(whole)[-1]["val/mse"]


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    during(monkeypatch, 7, lambda module: module.nets[0].readout.bias.data.fill_(torch.nan))
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 1
    assert "NaN or infinite in epoch 1, step 8" in capsys.readouterr().err
    checkpoints = tmp_path / "timeseries" / "version_0" / "checkpoints"
    for name in ("best.ckpt", "last.ckpt"):
        state = torch.load(checkpoints / name, weights_only=True)["state_dict"]
        assert all(value.isfinite().all() for value in state.values())


def test_a_run_that_fails_before_its_first_checkpoint_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during(monkeypatch, 0, lambda module: module.nets[0].readout.bias.data.fill_(torch.nan))
    assert main(["fit", *SMOKE, *quiet(tmp_path)]) == 1
    assert not (tmp_path / "timeseries").exists()


def test_a_signal_from_outside(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kindling", "fit", *SMOKE, *quiet(tmp_path)]
    forever = ["--trainer.max_epochs=100000", "--early_stopping.patience=100000"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *forever], env=environment, stderr=subprocess.PIPE, text=True
    )
    run = tmp_path / "timeseries" / "version_0"
    deadline = time.monotonic() + 120
    while not (run / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in error
    assert "Traceback" not in error
    assert (run / "checkpoints" / "last.ckpt").exists()
