"""Callbacks and flags of the Trainer have the effect that they have anywhere."""

import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LambdaCallback
from torch import Tensor

from kindling.__main__ import main
from tests.engine.toy import LISTED, QUIET, TABLE, Refusal, Run, Train, write_listed


def callback(name: str, **settings: Any) -> list[str]:
    given = [f"--trainer.callbacks.{key}={value}" for key, value in settings.items()]
    stock = f"lightning.pytorch.callbacks.{name}"
    return [f"--trainer.callbacks+={name if '.' in name else stock}", *given]


def trainer(**settings: Any) -> list[str]:
    return [f"--trainer.{key}={value}" for key, value in settings.items()]


def steps(run: Run) -> Any:
    return run.checkpoint()["global_step"]


def epochs(run: Run, column: str) -> list[float]:
    """Those whose row has a value there."""
    return [row["epoch"] for row in run.rows() if column in row]


def zeros(run: Run) -> float:
    """The share of the tested weights that are zero."""
    weights = run.weights("best")
    flat = torch.cat([v.flatten() for k, v in weights.items() if k.endswith("weight")])
    return float((flat == 0).float().mean())


def best_of_four(run: Run) -> bool:
    rows = [row for row in run.rows() if "val/loss" in row]
    losses = [row["val/loss"] for row in rows]
    step = 2 * (losses.index(min(losses)) + 1)
    return [r["step"] for r in rows] == [1, 3, 5, 7] and steps_of_best(run) == step


def steps_of_best(run: Run) -> Any:
    return run.checkpoint("best")["global_step"]


SWA = callback("StochasticWeightAveraging", swa_lrs=0.1, swa_epoch_start=1)
Case = tuple[list[str], Callable[[Run], object]]
EFFECTS: dict[str, Case] = {
    "a second checkpoint callback": (
        callback("ModelCheckpoint", monitor="val/auroc", mode="max", filename="{epoch}-x"),
        lambda run: run.scores() and list(run.folder.rglob("*-x.ckpt")),
    ),
    "rates are logged": (
        callback("LearningRateMonitor", logging_interval="epoch"),
        lambda run: [r["lr-AdamW"] for r in run.rows() if "lr-AdamW" in r] == [1e-3, 1e-3],
    ),
    "what a device does is logged": (
        [*callback("DeviceStatsMonitor", cpu_stats="true"), *trainer(log_every_n_steps=1)],
        lambda run: any("cpu" in name for row in run.rows() for name in row),
    ),
    "gradients are accumulated": (
        callback("GradientAccumulationScheduler", scheduling='{"0": 5}'),
        lambda run: steps(run) == 2,
    ),
    "pruned weights are tested": (
        callback("ModelPruning", pruning_fn="l1_unstructured", amount=0.5),
        lambda run: zeros(run) >= 0.4,
    ),
    "an average with batch normalization has statistics of one pass over the batches": (
        [*SWA, "--model.batch_norm=true", *trainer(max_epochs=3)],
        lambda run: run.weights("best")["net.norm_1.num_batches_tracked"] == 5,
    ),
    "steps end training": (trainer(max_steps=7, max_epochs=-1), lambda run: steps(run) == 7),
    "without validation the last epoch is tested": (
        trainer(limit_val_batches=0, max_epochs=3),
        lambda run: run.checkpoint("best")["epoch"] == 2 and not epochs(run, "val/loss"),
    ),
    "validation every third epoch": (
        trainer(check_val_every_n_epoch=3, max_epochs=6),
        lambda run: (epochs(run, "val/loss"), epochs(run, "train/loss")) == ([2, 5], [*range(6)]),
    ),
    "four validations an epoch are four rows": (
        trainer(val_check_interval=0.25, limit_train_batches=8, max_epochs=1),
        best_of_four,
    ),
    "without checkpoints nothing is tested": (
        trainer(enable_checkpointing="false"),
        lambda run: len(run.rows()) == 2 and not list(run.folder.rglob("*.ckpt")),
    ),
    "checkpoints that are written beside training": (
        ["--trainer.plugins+=lightning.pytorch.plugins.io.AsyncCheckpointIO"],
        lambda run: steps(run) == 10 and run.scores(),
    ),
    "a seed that is switched off": (
        ["--seed_everything=false"],
        lambda run: run.json("provenance")["seed"] is None,
    ),
    "another seed": (["--seed_everything=7"], lambda run: run.json("provenance")["seed"] == 7),
}
SCORED = [
    *("a second checkpoint callback", "checkpoints that are written beside training"),
    "without checkpoints nothing is tested",
]


@pytest.mark.parametrize("case", EFFECTS)
def test_it_has_its_effect(case: str, train: Train) -> None:
    flags, effect = EFFECTS[case]
    assert effect(train(*flags, command="train" if case in SCORED else "fit"))


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (callback("RichModelSummary", max_depth=2), "Normalize"),
        (callback("TQDMProgressBar"), "it/s"),
        (trainer(enable_checkpointing="false"), "without checkpoints there is nothing to test"),
    ],
)
def test_it_says_what_it_says(
    flags: list[str], said: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = [] if "TQDM" in flags[0] else [QUIET]
    assert main(["fit", *TABLE, *flags, *quiet, f"--logs={logs}"]) == 0
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--checkpoint.monitor=val/auroce"], "checkpoint.monitor=val/auroce: not logged; did you"),
        (["--early_stopping.monitor=val/auroce"], "`val/auroce` which is not available"),
        (callback("ModelPruning", pruning_fn="none_such"), "none_such"),
        (trainer(strategy="ddp_spawn", devices=2, accelerator="cpu"), "trainer.strategy=ddp_spawn"),
    ],
)
def test_what_cannot_be_is_refused(flags: list[str], fault: str, refusal: Refusal) -> None:
    assert fault in refusal("fit", *TABLE, *flags)


@pytest.mark.parametrize("flag", ["fast_dev_run=2", "barebones=true"])
def test_runs_that_keep_nothing_leave_nothing(
    flag: str, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *TABLE, f"--trainer.{flag}", QUIET, f"--logs={logs}"]) == 0
    assert "nothing is kept of such a run" in capsys.readouterr().out
    assert not list(logs.rglob("version_*"))


# Whatever the checkpoint's settings, what is tested is what the monitor chose.


@pytest.mark.parametrize(
    ("flags", "others"),
    [
        ("save_top_k=5 filename={epoch}-mine dirpath=DIR", 5),
        ("save_top_k=0", 0),
        ("every_n_epochs=3", 1),
        ("save_weights_only=true", 0),
        ("train_time_interval=00:00:00:01", 1),
    ],
)
def test_the_best_epoch_is_tested(flags: str, others: int, train: Train, tmp_path: Path) -> None:
    learning = ("--trainer.max_epochs=8", "--model.lr=0.5", "--early_stopping.patience=null")
    chosen = flags.replace("DIR", str(tmp_path / "there")).split()
    run = train(*learning, *(f"--checkpoint.{flag}" for flag in chosen))
    losses = [row["val/loss"] for row in run.rows()]
    assert len(losses) == 8
    best = losses.index(min(losses))
    assert best not in (0, 7), "else the first or the last would do"
    assert run.checkpoint("best")["epoch"] == best
    assert run.json("results")["checkpoint"] == "checkpoints/best.ckpt"
    found = {path.name for path in [*run.folder.rglob("*.ckpt"), *tmp_path.glob("there/*.ckpt")]}
    assert len(found - {"best.ckpt", "last.ckpt"}) == others
    weights_only = flags == "save_weights_only=true"
    assert ("optimizer_states" not in run.checkpoint("best")) == weights_only
    assert "optimizer_states" in run.checkpoint()


def test_patience_of_a_run_that_goes_on_is_the_one_that_is_asked_for(train: Train) -> None:
    run = train("--early_stopping.patience=7", command="fit")
    more = ("--early_stopping.patience=3", "--trainer.max_epochs=3")
    train(f"--run={run.folder}", *more, command="fit")
    assert run.checkpoint()["callbacks"]["early_stopping"]["patience"] == 3


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
    run = train(*SWA, f"--trainer.callbacks+={__name__}.Remember", "--trainer.max_epochs=4")
    expected = torch.stack(Remember.weights[:4]).mean(0)
    tested, last = run.weights("best"), run.weights()
    names = [name for name in tested if name.startswith("net.")]
    vector = torch.cat([tested[name].flatten() for name in names])
    assert torch.allclose(vector, expected, atol=1e-6)
    assert not torch.allclose(last[names[0]], tested[names[0]], atol=1e-6)
    assert "has the averaged ones" in capsys.readouterr().out


def test_an_average_that_was_never_taken_is_said(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    average = callback("StochasticWeightAveraging", swa_lrs=0.1, swa_epoch_start=3)
    run = train(*average, *trainer(max_epochs=4, max_steps=5))
    assert "not averaged" in capsys.readouterr().err
    assert steps_of_best(run) == 5


def test_running_averages_are_what_is_kept(train: Train) -> None:
    run = train(*callback("EMAWeightAveraging"))
    last = run.checkpoint()
    net = "net.output.weight"
    assert not torch.equal(last["state_dict"][net], last["current_model_state"][net])
    train(f"--run={run.folder}", "--trainer.max_epochs=3")
    assert run.checkpoint()["epoch"] == 2


# Callbacks of one's own.


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
    Lambdas.calls.clear()
    train(*callback(f"{__name__}.Lambdas"), command="fit")
    counts = {name: Lambdas.calls.count(name) for name in Lambdas.calls}
    assert counts == {"batch": 10, "zero": 10, "epoch": 2}


def test_a_timer_ends_training_and_its_run_can_be_made_again(train: Train, logs: Path) -> None:
    endless = ("--trainer.max_epochs=100000", "--early_stopping.patience=null")
    run = train(*callback("Timer", duration="00:00:00:01"), *endless, command="fit")
    assert 0 < steps(run) < 500_000
    again = [f"--config={run.folder / 'config.yaml'}", "--trainer.max_epochs=1"]
    assert main(["fit", *again, QUIET, f"--logs={logs}"]) == 0


class Failing(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == 1:
            raise ZeroDivisionError("mine")


# What Lightning says of this callback.
@pytest.mark.filterwarnings("ignore:.*was called without a model")
@pytest.mark.filterwarnings("ignore:.*there is no last checkpoint available")
def test_a_checkpoint_at_an_exception(train: Train, tmp_path: Path) -> None:
    saving = callback("OnExceptionCheckpoint", dirpath=tmp_path)
    with pytest.raises(ZeroDivisionError, match="mine"):
        train(*saving, *callback(f"{__name__}.Failing"), command="fit")
    assert torch.load(tmp_path / "on_exception.ckpt", weights_only=True)["epoch"] == 1


# Flags.


def test_half_precision_is_scored_against_whole_targets(train: Train, tmp_path: Path) -> None:
    """Prices have more digits than half precision holds."""
    root = f"--data.root={write_listed(tmp_path / 'listed')}"
    run = train(*LISTED, root, "--trainer.precision=bf16-true")
    prices = [float(row["target"]) for row in run.table("predictions")]
    assert any(price != float(torch.tensor(price).bfloat16()) for price in prices)


@pytest.mark.slow
def test_a_compiled_model_has_the_same_weights_by_the_same_names(train: Train) -> None:
    plain, compiled = (train(*flags).weights("best") for flags in ((), ("--compile=true",)))
    assert plain.keys() == compiled.keys()
    for name, value in plain.items():
        assert torch.allclose(value, compiled[name], atol=1e-4, equal_nan=True), name


def test_the_trainer_s_own_folder_of_runs(tmp_path: Path, logs: Path) -> None:
    there = tmp_path / "there"
    flags = [f"--trainer.default_root_dir={there}", f"--logs={logs}", QUIET]
    assert main(["train", *TABLE, *flags]) == 0
    assert (there / "toy" / "version_0" / "results.json").is_file()
    assert not logs.exists()


def test_nothing_stays_behind_in_the_process(train: Train) -> None:
    filters, environment = [*warnings.filters], dict(os.environ)
    levels = [logging.getLogger(f"lightning.{name}").level for name in ("pytorch", "fabric")]
    train()
    assert [*warnings.filters] == filters
    assert levels == [logging.getLogger(f"lightning.{n}").level for n in ("pytorch", "fabric")]
    changed = {name for name, _ in environment.items() ^ os.environ.items()}
    assert changed <= {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}, "which Lightning's seeding sets"


def test_a_run_goes_on_by_the_rate_that_the_finder_set(train: Train) -> None:
    # A suggestion needs thirteen steps: three and more an epoch.
    run = train("--trainer.callbacks+=LearningRateFinder", "--trainer.max_epochs=5", command="fit")
    (rate, *_), before = [row["lr"] for row in run.rows()], run.table()
    assert rate != 1e-3
    train(f"--run={run.folder}", "--trainer.max_epochs=7")
    assert [row["lr"] for row in run.rows()] == [rate] * 7
    assert run.table()[:5] == before
