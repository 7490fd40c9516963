"""Callbacks and flags of the Trainer have the effect that they have anywhere."""

import csv
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from kindling.__main__ import main
from tests.engine.lightning.conftest import OWN, QUIET, SMALL, Run, Train
from tests.engine.lightning.own import Counter

STOCK = "lightning.pytorch.callbacks."


def callback(name: str, **settings: Any) -> list[str]:
    given = [f"--trainer.callbacks.{key}={value}" for key, value in settings.items()]
    return [f"--trainer.callbacks+={name if '.' in name else STOCK + name}", *given]


def scalars(folder: Path) -> set[str]:
    """Names of the curves in TensorBoard."""
    names: set[str] = set()
    for path in {file.parent for file in folder.rglob("events.out.*")}:
        events = EventAccumulator(str(path)).Reload()
        names |= {*events.Tags()["scalars"], *events.Tags()["tensors"]}
    return names


# Whatever the checkpoint's settings, what is tested is what the monitor chose.

LEARNING = ("--trainer.max_epochs=8", "--model.lr=0.05", "--early_stopping.patience=null")


@pytest.mark.parametrize(
    "flag",
    [
        "save_top_k=5",
        "save_top_k=0",
        "filename={epoch}-mine",
        "dirpath=DIR",
        "every_n_epochs=3",
        "save_weights_only=true",
        "train_time_interval=00:00:00:01",
    ],
)
def test_the_best_epoch_is_tested(flag: str, train: Train, tmp_path: Path) -> None:
    run = train(*LEARNING, f"--checkpoint.{flag.replace('DIR', str(tmp_path / 'there'))}")
    losses = [row["val/loss"] for row in run.rows()]
    assert len(losses) == 8
    best = losses.index(min(losses))
    assert best not in (0, 7), "else the first or the last would do"
    assert run.checkpoint("best")["epoch"] == best
    assert run.json("results")["checkpoint"] == "checkpoints/best.ckpt"
    others = {path.name for path in run.folder.rglob("*.ckpt")} - {"best.ckpt", "last.ckpt"}
    elsewhere = {path.name for path in (tmp_path / "there").glob("*.ckpt")}
    assert len(others | elsewhere) == {"save_top_k=5": 5, "save_top_k=0": 0}.get(
        flag, 0 if flag == "save_weights_only=true" else 1
    )
    if flag == "save_weights_only=true":
        assert "optimizer_states" not in run.checkpoint("best")
    assert "optimizer_states" in run.checkpoint("last")


def test_a_second_checkpoint_callback_leaves_the_run_testable(train: Train) -> None:
    run = train(*callback("ModelCheckpoint", monitor="val/auroc", mode="max", filename="{epoch}-x"))
    assert [path.name for path in run.folder.rglob("*-x.ckpt")]
    assert main(["test", f"--run={run.folder}", QUIET]) == 0


@pytest.mark.parametrize("group", ["checkpoint", "early_stopping"])
def test_a_monitor_that_is_not_logged_is_named(
    group: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--{group}.monitor=val/auroce", QUIET, f"--logs={logs}"]
    assert main(["fit", *SMALL, *flags]) == 2
    assert f"{group}.monitor=val/auroce: not logged; did you mean val/auroc?" in (
        capsys.readouterr().err
    )
    assert not list(logs.rglob("config.yaml"))


def test_patience_of_a_run_that_goes_on_is_the_one_that_is_asked_for(train: Train) -> None:
    run = train("--early_stopping.patience=7", command="fit")
    train(f"--run={run.folder}", "--early_stopping.patience=3", "--trainer.max_epochs=3")
    [state] = [v for k, v in run.checkpoint("last")["callbacks"].items() if "Stopping" in k]
    assert state["patience"] == 3


# Averages of weights.


class Remember(Callback):
    """Keeps the weights of each epoch, for the average to be made of."""

    weights: list[Tensor] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.weights.append(torch.nn.utils.parameters_to_vector(pl_module.parameters()).detach())


def test_averaged_weights_are_in_the_checkpoint_that_is_tested(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    Remember.weights.clear()
    average = callback("StochasticWeightAveraging", swa_lrs=0.1, swa_epoch_start=1)
    run = train(*average, f"--trainer.callbacks+={__name__}.Remember", "--trainer.max_epochs=4")
    expected = torch.stack(Remember.weights[:4]).mean(0)
    tested = run.checkpoint("best")["state_dict"]
    names = [name for name in tested if name.startswith("net.")]
    vector = torch.cat([tested[name].flatten() for name in names])
    assert torch.allclose(vector, expected, atol=1e-6)
    last = run.checkpoint("last")["state_dict"]
    assert not torch.allclose(last[names[0]], tested[names[0]], atol=1e-6)
    assert "has the averaged ones" in capsys.readouterr().out


def test_an_average_with_batch_normalization_has_its_statistics(train: Train) -> None:
    average = callback("StochasticWeightAveraging", swa_lrs=0.1, swa_epoch_start=1)
    run = train(*average, "--model.batch_norm=true", "--trainer.max_epochs=3")
    counts = [v for k, v in run.checkpoint()["state_dict"].items() if "num_batches" in k]
    assert [int(count) for count in counts] == [5], "of one pass over the training batches"


def test_an_average_that_was_never_taken_is_said(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    average = callback("StochasticWeightAveraging", swa_lrs=0.1, swa_epoch_start=3)
    run = train(*average, "--trainer.max_epochs=4", "--trainer.max_steps=5")
    assert "not averaged" in capsys.readouterr().err
    assert run.checkpoint("best")["global_step"] == 5


@pytest.mark.parametrize("name", ["WeightAveraging", "EMAWeightAveraging"])
def test_running_averages_are_what_is_kept(name: str, train: Train) -> None:
    run = train(*callback(name))
    last = run.checkpoint("last")
    net = next(key for key in last["state_dict"] if key.startswith("net."))
    assert not torch.equal(last["state_dict"][net], last["current_model_state"][net])
    train(f"--run={run.folder}", "--trainer.max_epochs=3")
    assert run.checkpoint("last")["epoch"] == 2


# Callbacks.


class Lambdas(LambdaCallback):
    """Lightning's own, whose hooks are set on the object."""

    calls: list[str] = []

    def __init__(self) -> None:
        super().__init__(
            on_train_batch_end=lambda *_: self.calls.append("batch"),
            on_before_zero_grad=lambda *_: self.calls.append("zero"),
            on_train_epoch_end=lambda *_: self.calls.append("epoch"),
        )


def test_every_hook_of_a_callback_is_called(train: Train) -> None:
    Counter.counts.clear()
    Lambdas.calls.clear()
    train(*callback(f"{OWN}Counter"), f"--trainer.callbacks+={__name__}.Lambdas")
    assert Counter.counts == {"train_batch": 10, "zero_grad": 10, "epoch": 2}
    assert {name: Lambdas.calls.count(name) for name in Lambdas.calls} == {
        "batch": 10,
        "zero": 10,
        "epoch": 2,
    }


def test_a_callback_of_the_current_folder(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_here.py").write_text(
        "from pathlib import Path\n"
        "from lightning.pytorch import Callback\n\n\n"
        "class Mine(Callback):\n"
        '    def on_train_end(self, *args) -> None:\n        Path("called").touch()\n'
    )
    monkeypatch.chdir(tmp_path)
    train("--trainer.callbacks+=mine_here.Mine")
    assert (tmp_path / "called").exists()


def test_rates_are_logged(train: Train) -> None:
    run = train(*callback("LearningRateMonitor", logging_interval="epoch"))
    rows = run.rows()
    assert [row["lr-AdamW"] for row in rows if "lr-AdamW" in row] == [0.001, 0.001]
    assert [row["epoch"] for row in rows if "lr" in row] == [0, 1]


def test_what_a_device_does_is_logged(train: Train) -> None:
    psutil = pytest.importorskip("psutil")
    assert psutil
    run = train(*callback("DeviceStatsMonitor", cpu_stats="true"), "--trainer.log_every_n_steps=1")
    assert any("cpu" in name for row in run.rows() for name in row)


def test_a_summary_of_the_model(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    train(*callback("RichModelSummary", max_depth=2))
    assert "MLP" in capsys.readouterr().out


def test_a_timer_ends_training_and_its_run_can_be_made_again(train: Train, logs: Path) -> None:
    endless = ("--trainer.max_epochs=100000", "--early_stopping.patience=null")
    run = train(*callback("Timer", duration="00:00:00:01"), *endless)
    assert 0 < run.checkpoint("last")["global_step"] < 500_000
    config = run.folder / "config.yaml"
    again = [f"--config={config}", "--trainer.max_epochs=1", QUIET, f"--logs={logs}"]
    assert main(["train", *again]) == 0


def test_gradients_are_accumulated_by_epoch(train: Train) -> None:
    run = train(*callback("GradientAccumulationScheduler", scheduling='{"0": 5}'))
    assert run.checkpoint("last")["global_step"] == 2


def test_pruned_weights_are_tested(train: Train) -> None:
    run = train(*callback("ModelPruning", pruning_fn="l1_unstructured", amount=0.5))
    weights = [v for k, v in run.checkpoint()["state_dict"].items() if k.endswith("weight")]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    assert zeros >= 0.4 * sum(weight.numel() for weight in weights)


class Failing(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise ZeroDivisionError("mine")


# What Lightning says of this callback.
@pytest.mark.filterwarnings("ignore:.*was called without a model")
@pytest.mark.filterwarnings("ignore:.*there is no last checkpoint available")
def test_a_checkpoint_at_an_exception(logs: Path, tmp_path: Path) -> None:
    saving = callback("OnExceptionCheckpoint", dirpath=tmp_path)
    own = [f"--trainer.callbacks+={__name__}.Failing", f"--logs={logs}", QUIET]
    with pytest.raises(ZeroDivisionError, match="mine"):
        main(["fit", *SMALL, *saving, *own])
    assert torch.load(tmp_path / "on_exception.ckpt", weights_only=True)["epoch"] == 1


def test_another_progress_bar(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *SMALL, *callback("TQDMProgressBar"), f"--logs={logs}"]) == 0
    assert "it/s" in capsys.readouterr().out


def test_an_error_in_a_callback_s_arguments_is_one_line(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = callback("ModelPruning", pruning_fn="none_such")
    assert main(["fit", *SMALL, *wrong, f"--logs={logs}", QUIET]) == 2
    error = capsys.readouterr().err
    assert "none_such" in error
    assert error.count("\n") == 1
    assert not list(logs.rglob("config.yaml"))


# Flags of the Trainer.


TASKS = {
    "timeseries": ("--model.hidden=4",),
    "potability": ("--model.hidden=[8]",),
    "prices": ("--data.image_size=16", "--model.channels=[4,8]"),
    "clouds": ("--data.image_size=16", "--model.channels=[4,8]"),
    "faces": ("--data.image_size=16", "--model.channels=[4,8]"),
}


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed"])
@pytest.mark.parametrize("task", TASKS)
def test_half_precision(task: str, precision: str, logs: Path) -> None:
    flags = [f"--config={task}", "--config=smoke", *TASKS[task], QUIET, f"--logs={logs}"]
    assert main(["train", *flags, f"--trainer.precision={precision}"]) == 0
    run = Run(logs)
    weights = {v.dtype for k, v in run.checkpoint()["state_dict"].items() if k.startswith("net")}
    assert (torch.bfloat16 in weights) == (precision == "bf16-true")
    assert list((run.folder / "figures").glob("*.png"))
    assert main(["predict", f"--run={run.folder}", QUIET]) == 0


def test_half_precision_is_scored_against_whole_targets(logs: Path) -> None:
    """Prices have more digits than half precision holds."""
    flags = ["--config=prices", "--config=prices_table", "--config=smoke", QUIET, f"--logs={logs}"]
    assert main(["train", *flags, "--trainer.precision=bf16-true"]) == 0
    with (logs / "prices" / "latest" / "predictions.csv").open(newline="") as stream:
        prices = [float(row["price"]) for row in csv.DictReader(stream)]
    assert any(price != float(torch.tensor(price).bfloat16()) for price in prices)


def test_steps_end_training(train: Train) -> None:
    run = train("--trainer.max_steps=7", "--trainer.max_epochs=-1")
    assert run.checkpoint("last")["global_step"] == 7


def test_without_validation_the_last_epoch_is_tested(train: Train) -> None:
    run = train("--trainer.limit_val_batches=0", "--trainer.max_epochs=3")
    assert run.checkpoint("best")["epoch"] == 2
    assert "val/loss" not in run.rows()[-1]


def test_validation_every_third_epoch(train: Train) -> None:
    run = train("--trainer.check_val_every_n_epoch=3", "--trainer.max_epochs=6")
    rows = run.rows()
    assert [row["epoch"] for row in rows if "val/loss" in row] == [2, 5]
    assert [row["epoch"] for row in rows if "train/loss" in row] == [0, 1, 2, 3, 4, 5]
    assert run.checkpoint("best")["epoch"] in (2, 5)


def test_four_validations_an_epoch_are_four_rows(train: Train) -> None:
    flags = ("--trainer.val_check_interval=0.25", "--trainer.limit_train_batches=8")
    run = train(*flags, "--trainer.max_epochs=1")
    rows = [row for row in run.rows() if "val/loss" in row]
    assert [row["step"] for row in rows] == [1, 3, 5, 7]
    losses = [row["val/loss"] for row in rows]
    assert run.checkpoint("best")["global_step"] == 2 * (losses.index(min(losses)) + 1)


@pytest.mark.parametrize("flag", ["fast_dev_run=2", "barebones=true"])
def test_runs_that_keep_nothing_leave_nothing(
    flag: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *SMALL, f"--trainer.{flag}", f"--logs={logs}", QUIET]) == 0
    assert "nothing is kept of such a run" in capsys.readouterr().out
    assert not list(logs.rglob("version_*"))


def test_without_checkpoints_nothing_is_tested(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("--trainer.enable_checkpointing=false")
    assert not list(run.folder.rglob("*.ckpt"))
    assert len(run.rows()) == 2
    assert "without checkpoints there is nothing to test" in capsys.readouterr().out


def test_checkpoints_that_are_written_beside_training(train: Train) -> None:
    plugin = "--trainer.plugins+=lightning.pytorch.plugins.io.AsyncCheckpointIO"
    run = train(plugin)
    assert run.checkpoint("last")["global_step"] == 10
    assert run.scores()


def test_processes_that_copy_this_one_are_refused(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--trainer.strategy=ddp_spawn", "--trainer.devices=2", "--trainer.accelerator=cpu"]
    assert main(["fit", *SMALL, *flags, f"--logs={logs}", QUIET]) == 2
    assert "trainer.strategy=ddp_spawn" in capsys.readouterr().err
    assert not list(logs.rglob("config.yaml"))


@pytest.mark.slow
def test_a_compiled_model_has_the_same_weights_by_the_same_names(train: Train) -> None:
    plain, compiled = train(), train("--compile=true")
    both = [run.checkpoint()["state_dict"] for run in (plain, compiled)]
    assert both[0].keys() == both[1].keys()
    for name, value in both[0].items():
        assert torch.allclose(value, both[1][name], atol=1e-4, equal_nan=True), name


def test_a_seed_that_is_switched_off_is_none(train: Train) -> None:
    assert train("--seed_everything=false").json("provenance")["seed"] is None
    assert train("--seed_everything=7").json("provenance")["seed"] == 7


def test_the_trainer_s_own_folder_of_runs(tmp_path: Path, logs: Path) -> None:
    there = tmp_path / "there"
    flags = [f"--trainer.default_root_dir={there}", f"--logs={logs}", QUIET]
    assert main(["train", *SMALL, *flags]) == 0
    assert (there / "potability" / "version_0" / "results.json").is_file()
    assert not logs.exists()
    assert main(["test", f"--run={there / 'potability' / 'latest'}", QUIET]) == 0


def test_a_profile_is_printed_whole(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    train("--trainer.profiler=advanced", command="fit")
    out = capsys.readouterr().out
    assert "FIT Profiler Report" in out
    assert "cumulative time" in out
    assert "run_training_batch" in out or "training_step" in out


def test_nothing_stays_behind_in_the_process(train: Train) -> None:
    filters, environment = [*warnings.filters], dict(os.environ)
    levels = [logging.getLogger(f"lightning.{name}").level for name in ("pytorch", "fabric")]
    train()
    assert [*warnings.filters] == filters
    assert levels == [logging.getLogger(f"lightning.{n}").level for n in ("pytorch", "fabric")]
    changed = {name for name, _ in environment.items() ^ os.environ.items()}
    assert changed <= {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}, "which Lightning's seeding sets"
