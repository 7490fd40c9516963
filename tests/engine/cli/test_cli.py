"""The command line over the smallest runs, most of them in this process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import kindling
from kindling.__main__ import main
from kindling.training.exact_resume import ExactResume
from tests.engine.toy import QUIET, Refusal, Run, ToyNet, ToyTable, Train, same

TOY = f"--config={Path(__file__).parents[1] / 'toy.yaml'}"
SMOKE = (TOY, "--config=smoke", QUIET)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was trained and tested."""
    logs = tmp_path_factory.mktemp("trained")
    assert main(["train", *SMOKE, f"--logs={logs}"]) == 0
    return Run(logs / "toy" / "latest")


def config_of(run: Run) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((run.folder / "config.yaml").read_text())
    return config


def best(run: Run) -> str:
    return f"--ckpt_path={run.folder / 'checkpoints' / 'best.ckpt'}"


# What a run leaves.


def test_a_run_is_whole(trained: Run) -> None:
    found = [path.relative_to(trained.folder) for path in trained.folder.rglob("*")]
    files = {str(path) for path in found if (trained.folder / path).is_file()}
    events = {name for name in files if "tfevents" in name}
    assert files - events == {
        *("config.yaml", "provenance.json", "metrics.csv", "results.json", "predictions.csv"),
        *("checkpoints/best.ckpt", "checkpoints/last.ckpt", "figures/predicted.png"),
        ".lock",
    }
    assert {Path(name).parent.name for name in events} == {"", "train", "val", "test", "final"}


def test_results_say_how_good_and_against_what(trained: Run) -> None:
    results = trained.json("results")
    said = {"task": "toy", "split": "test", "checkpoint": "checkpoints/best.ckpt"}
    assert said.items() <= results.items()
    assert results["data"]["sample"] is True
    assert len(results["data"]["sha256"]) == 64
    assert results["baseline"]["name"] == "training majority"
    for name in ("accuracy", "auroc"):
        model, baseline = results["metrics"][name], results["baseline"]["metrics"][name]
        assert model["low"] < model["value"] <= model["high"]
        gained = (model["value"] - baseline["value"]) / (1 - baseline["value"])
        assert results["skill"][name] == pytest.approx(gained)


def test_predictions_and_results_are_of_the_same_samples(trained: Run) -> None:
    rows, results = trained.table("predictions"), trained.json("results")
    assert list(rows[0]) == ["row", "label", "prediction", "probability_0", "probability_1"]
    assert len(rows) == results["samples"]
    right = sum(row["prediction"] == row["label"] for row in rows) / len(rows)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(right)


def test_metrics_have_a_row_an_epoch(trained: Run) -> None:
    rows = trained.rows()
    assert [row["epoch"] for row in rows] == [0, 1]
    for name in ("loss", "accuracy", "auroc"):
        assert all(row[f"{stage}/{name}"] > 0 for row in rows for stage in ("train", "val"))
    assert all(row["lr"] >= 0 for row in rows)


def test_provenance_says_what_made_it(trained: Run) -> None:
    record = trained.json("provenance")
    assert record["seed"] == 0
    assert record["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert record["data"]["samples"]["train"] > 0
    assert record["wall_time_s"] > 0
    assert set(record["git"]) == {"commit", "dirty"}
    assert record["command"].startswith("kindling")


def test_tensorboard_has_stages_on_one_chart_and_settings_beside_final_scores(
    trained: Run,
) -> None:
    def events(stage: str) -> EventAccumulator:
        found = EventAccumulator(str(trained.folder / stage))
        found.Reload()
        return found

    train, val, run, final = (events(stage).Tags() for stage in ("train", "val", "", "final"))
    shared = {f"curves/{name}" for name in ("loss", "accuracy", "auroc")}
    assert shared <= {*train["tensors"]} & {*val["tensors"]}
    assert "curves/lr" in run["tensors"]
    assert [tag for tag in run["tensors"] if tag.startswith("gradient_norm/net")]
    assert "figures/predicted" in val["images"]
    assert {"val/auroc", "test/auroc"} <= {*final["tensors"]}
    metadata = events("final").summary_metadata["_hparams_/session_start_info"]
    for name in (b"model.hidden", b"model.lr", b"data.target", b"seed", b"sample"):
        assert name in metadata.plugin_data.content
    assert b"model.features" not in metadata.plugin_data.content, "it is no setting"


def test_the_table_says_what_it_is_of(capsys: pytest.CaptureFixture[str], trained: Run) -> None:
    assert main(["test", "--run", str(trained.folder), QUIET]) == 0
    printed = capsys.readouterr().out
    for words in ("metric", "95 % interval", "skill", "the generated sample", "make tensorboard"):
        assert words in printed
    assert str(trained.folder) in printed


def test_the_profile_is_shown(train: Train, capfd: pytest.CaptureFixture[str]) -> None:
    train("--config=profile", command="fit")
    captured = capfd.readouterr()
    assert "run_training_batch" in captured.out + captured.err


# What LightningCLI does wrong in silence.


def test_the_runs_own_config_lies_below_the_flags_and_the_saved_one_shows_them(
    trained: Run, train: Train
) -> None:
    checkpoint = best(trained).replace("best.ckpt", "last.ckpt")
    flags = ("--trainer.gradient_clip_val=0.5", "--trainer.max_epochs=3")
    saved = config_of(train(checkpoint, *flags, command="fit"))
    assert saved["trainer"]["gradient_clip_val"] == 0.5
    assert saved["model"]["init_args"]["hidden"] == [6], "the run's own config lies below the flags"


def test_a_finished_run_does_not_pretend_to_go_on(trained: Run, refusal: Refusal) -> None:
    before = {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")}
    said = refusal("fit", f"--run={trained.folder}")
    assert "all 2 epochs are done; train on with --trainer.max_epochs=4" in said
    assert {path: path.stat().st_mtime_ns for path in trained.folder.rglob("*")} == before


def test_threads_are_a_setting(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_num_threads()
    try:
        train("--threads=3", command="fit")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert "cpu, 3 threads" in capsys.readouterr().out


def test_a_resumed_run_goes_on_in_its_folder_and_its_config_starts_afresh(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the default config counts too
    run = train(command="fit")
    assert (
        train(f"--run={run.folder}", "--trainer.max_epochs=4", command="fit").folder == run.folder
    )
    assert [row["epoch"] for row in run.rows()] == [0, 1, 2, 3]
    assert "ckpt_path" not in config_of(run)
    again = train(f"--config={run.folder / 'config.yaml'}", command="fit")
    assert again.folder.name == "version_1"
    assert [row["epoch"] for row in again.rows()] == [0, 1, 2, 3]


def test_lightning_writes_nowhere_but_into_the_run(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A SLURM requeue saves there; a shared folder would be resumed by the next unrelated job.
    folders: list[str] = []
    during(monkeypatch, 0, lambda module: folders.append(module.trainer.default_root_dir))
    run = train(command="fit")
    assert folders == [str(run.folder)]


def test_the_same_seed_gives_the_same_figures(train: Train) -> None:
    seeds = ([], [], ["--seed_everything=1"])
    first, second, other = (
        train("--config=deterministic", *seed, command="fit").rows() for seed in seeds
    )
    assert first == second != other


def test_what_a_checkpoint_in_no_run_scores_stays_with_it(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, elsewhere = tmp_path / "mine.ckpt", tmp_path / "elsewhere"
    checkpoint.write_bytes((trained.folder / "checkpoints" / "best.ckpt").read_bytes())
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["test", "--trust", f"--ckpt_path={checkpoint}", QUIET]) == 0
    found = Run(tmp_path / "mine-results")
    assert found.scores() == trained.scores()
    assert found.table("predictions") == trained.table("predictions")
    assert not [*elsewhere.iterdir()]


# Wrong input: one line, exit status 2, nothing left behind.


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--trainer.max_epoch=3", "no such option; did you mean trainer.max_epochs?"),
        ("--trainer.max_epochs=x", "trainer.max_epochs=x: expected int or null"),
        ("--conf=smoke", "conf: no such option"),
        ("--optimiser=SGD", "optimiser: no such option; did you mean optimizer?"),
        ("--model.schedule=wavy", "no such choice; there are constant, cosine"),
        ("--model.lr=0", "model.lr=0.0: must be above 0"),
        ("--model.dropout=wide", "model.dropout=wide: expected float"),
        ("--data.root=/nowhere", "/nowhere: no such folder (--data.root)"),
        ("--data.batch_size=0", "data.batch_size=0: must be at least 1"),
        ("--model.hidden=wide", "model.hidden=wide: expected list"),
        ("--trainer.accelerator=abacus", "abacus"),
        ("--trainer.max_epochs=0", "trainer.max_epochs=0: must be at least 1"),
        ("--trust", "--trust is for a checkpoint"),
        ("--threads=0", "threads=0: must be at least 1"),
        ("--trainer.default_root_dir=/dev/null", "cannot make a run folder"),
    ],
)
def test_wrong_settings(flag: str, message: str, tmp_path: Path, refusal: Refusal) -> None:
    assert message in refusal("fit", *SMOKE, flag)
    assert not [p for p in (tmp_path / "logs").rglob("*") if ".tensorboard" not in str(p)]


ALTERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "a checkpoint of another, not of toy": lambda c: c["kindling"].update(task="another"),
    "made by kindling 0.0.9, which kept no 'columns' of the data": lambda c: (
        c["kindling"].update(version="0.0.9"),
        c["ToyTable"].pop("columns"),
    ),
}


@pytest.mark.parametrize("message", ALTERED)
def test_a_checkpoint_of_another_task_or_version(
    message: str, trained: Run, tmp_path: Path, refusal: Refusal
) -> None:
    content = trained.checkpoint("best")
    assert content["kindling"]["version"] == kindling.__version__
    ALTERED[message](content)
    torch.save(content, tmp_path / "x.ckpt")
    assert message in refusal("test", TOY, "--trust", f"--ckpt_path={tmp_path / 'x.ckpt'}")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("test", "does not fit the configured model: size mismatch for net"),
        ("fit", "hidden=[9]: the run was trained with [6]"),
    ],
)
def test_a_checkpoint_of_another_architecture(
    command: str, message: str, trained: Run, logs: Path, refusal: Refusal
) -> None:
    before = sorted(trained.folder.rglob("*"))
    wider = ("--model.hidden=[9]", "--trainer.max_epochs=5")
    assert message in refusal(command, best(trained), *wider)
    assert sorted(trained.folder.rglob("*")) == before
    assert not (logs / "toy").exists()


# Endings.


def during(monkeypatch: pytest.MonkeyPatch, step: int, action: Callable[[Any], object]) -> None:
    """Do something at the start of a step of training."""
    start = ExactResume.on_train_batch_start

    def hook(self: ExactResume, trainer: Trainer, pl_module: Any, *args: Any) -> None:
        if trainer.global_step == step:
            action(pl_module)
        start(self, trainer, pl_module, *args)

    monkeypatch.setattr(ExactResume, "on_train_batch_start", hook)


def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*SMOKE, "--model.dropout=0.3"]
    whole = train(*flags, command="fit")
    with monkeypatch.context() as patch:
        during(patch, 2, lambda _: signal.raise_signal(signal.SIGTERM))
        stopped = train(*flags, command="fit", status=143)
    error = capsys.readouterr().err
    assert "step 3" in error
    assert f"make resume RUN={stopped.folder}" in error
    train(f"--run={stopped.folder}", command="fit")
    assert same(stopped.weights(), whole.weights())
    assert stopped.rows()[-1]["val/loss"] == whole.rows()[-1]["val/loss"]


@pytest.mark.parametrize("step", [0, 7])
def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint_before(
    step: int,
    kindling: Callable[..., int],
    logs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    during(monkeypatch, step, lambda module: module.net[-1].bias.data.fill_(torch.nan))
    assert kindling("fit", *SMOKE) == 1
    where = f"epoch {step // 7}, step {step + 1}"
    assert f"NaN or infinite in {where}" in capsys.readouterr().err
    assert (logs / "toy").exists() == (step > 0), "before the first one there is no run"
    for name in ("best", "last") if step else ():
        weights = Run(logs / "toy" / "version_0").weights(name)
        assert all(value.isfinite().all() for value in weights.values())


def test_ctrl_c_between_training_and_test_says_how_to_go_on(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(data: ToyTable) -> None:
        if trained:
            signal.raise_signal(signal.SIGINT)
        prepare(data)

    prepare, trained = ToyTable.prepare_data, list[bool]()
    monkeypatch.setattr(ToyTable, "prepare_data", stop)
    monkeypatch.setattr(ToyNet, "on_fit_end", lambda module: trained.append(True))
    run = train(*SMOKE, status=130)
    how = f"when it was trained; score it with: make evaluate RUN={run.folder}"
    assert f"stopped by SIGINT {how}" in capsys.readouterr().err
    assert not (run.folder / "results.json").exists()


def test_a_signal_from_outside(logs: Path) -> None:
    endless = ("--trainer.max_epochs=100000", "--early_stopping.patience=100000")
    process = subprocess.Popen(
        [sys.executable, "-m", "kindling", "fit", *SMOKE, *endless, f"--logs={logs}"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    run = logs / "toy" / "version_0"
    deadline = time.monotonic() + 120
    while not (run / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "stopped by SIGTERM" in error
    assert "Traceback" not in error
    assert (run / "checkpoints" / "last.ckpt").exists()
