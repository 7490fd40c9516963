"""Which optimizer and schedule a run has, by flags, YAML and default, and where it goes on."""

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

from kindling.__main__ import main
from tests.engine.toy import QUIET, TABLE, Refusal, Run, Train

Rates = Callable[..., list[float]]
EXPONENTIAL = ("--lr_scheduler=ExponentialLR", "--lr_scheduler.gamma=0.5")
ONE_CYCLE = ("--lr_scheduler=OneCycleLR", "--lr_scheduler.max_lr=0.1")
# No loss falls by so much, so that the second epoch is the first that is no better.
PLATEAU = (
    "--lr_scheduler=ReduceLROnPlateau",
    "--lr_scheduler.monitor=val/loss",
    "--lr_scheduler.patience=0",
    "--lr_scheduler.threshold=1e6",
    "--lr_scheduler.threshold_mode=abs",
)
COSINE = "--model.schedule=cosine"


def epochs(count: int) -> str:
    """An epoch of the toy table is of five steps, and two of them are a run."""
    return f"--trainer.max_epochs={count}"


class Seen(Callback):
    """The first group's learning rate in each step."""

    rates: list[float] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.rates.clear()

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


@pytest.fixture
def rates(train: Train) -> Rates:
    """Train, and say the learning rate of each step."""

    def fit(*flags: str) -> list[float]:
        again = any(flag.startswith("--run=") for flag in flags)  # which has the callback
        watch = [] if again else [f"--trainer.callbacks+={__name__}.Seen"]
        train(*flags, *watch, command="fit")
        # By the name that the tests' module has for whoever imports it.
        return list(sys.modules[__name__].Seen.rates)

    return fit


def group(run: Run, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = run.checkpoint()["optimizer_states"][0]["param_groups"][number]
    return found


def newest(logs: Path, task: str = "toy") -> Run:
    return Run(logs / task / "latest")


def by_torch(kind: Any, length: int, *args: Any, **kwargs: Any) -> list[float]:
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(()))], 1e-3)
    schedule = kind(optimizer, *args, **kwargs)
    found = []
    for _ in range(length):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


# The optimizer.


def test_flags_name_the_optimizer(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("--optimizer=SGD", "--optimizer.lr=0.1", "--optimizer.momentum=0.9", command="fit")
    assert "optimizer    SGD, lr 0.1, momentum 0.9" in capsys.readouterr().out
    assert (group(run)["lr"], group(run)["momentum"]) == (0.1, 0.9)
    assert "betas" not in group(run)
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["optimizer"]["class_path"] == "torch.optim.SGD"


def test_a_file_names_both(train: Train, tmp_path: Path) -> None:
    sgd = {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": 0.5}}
    path = "torch.optim.lr_scheduler.ExponentialLR"
    chosen = {"lr_scheduler": {"class_path": path, "init_args": {"gamma": 0.5}}, "optimizer": sgd}
    (tmp_path / "sgd.yaml").write_text(yaml.safe_dump(chosen))
    config = f"--config={tmp_path / 'sgd.yaml'}"
    assert group(train(config, command="fit"))["lr"] == pytest.approx(0.1 / 4)
    other = train(config, "--optimizer=Adam", command="fit")
    assert group(other)["initial_lr"] == 1e-3, "another class never keeps the old one's arguments"


def test_the_default_is_as_it_was(train: Train, capsys: pytest.CaptureFixture[str]) -> None:
    run = train("--model.weight_decay=0.02", command="fit")
    assert "optimizer    AdamW, lr 0.001; constant" in capsys.readouterr().out
    assert (group(run)["lr"], group(run)["weight_decay"]) == (1e-3, 0.02)
    assert group(run)["decoupled_weight_decay"]


class Two(BoringModel):
    """Two optimizers, as of a GAN."""

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), 0.1), torch.optim.SGD(self.parameters(), 0.1)]


DEMO = "lightning.pytorch.demos.boring_classes.Boring"
SHORT = (f"--data={DEMO}DataModule", epochs(2), "--trainer.limit_train_batches=2")
BORING = (f"--model={DEMO}Model", *SHORT)
SGD = "--optimizer=SGD"


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        ([*TABLE, SGD, "--model.lr=0.1"], "the default's, which optimizer replaces"),
        ([*TABLE, SGD, "--model.weight_decay", "0.1"], "model.weight_decay is the default's"),
        ([*TABLE, *ONE_CYCLE, COSINE], "model.schedule is the default's"),
        ([*TABLE, SGD, "--optimizer.lr=-1"], "Invalid learning rate: -1"),
        ([*TABLE, *ONE_CYCLE, "--lr_scheduler.div_factor=0"], "lr_scheduler: float division"),
        ([*TABLE, *ONE_CYCLE, "--lr_scheduler.last_epoch=0"], "'initial_lr' is not specified"),
        ([*TABLE, "--lr_scheduler_config.interval=step"], "lr_scheduler_config.interval: there is"),
        ([*TABLE, *ONE_CYCLE, "--lr_scheduler_config.frequency=0"], "frequency=0: must be at lea"),
        ([*TABLE, "--lr_scheduler_config.warmup=-1"], "warmup=-1: must be at least 0"),
        ([*TABLE, COSINE, epochs(-1)], "needs a length: set trainer.max_"),
        ([*TABLE, *ONE_CYCLE, epochs(-1)], "OneCycleLR needs a length"),
        ([*TABLE, "--freeze=net"], "ToyNet has no parameter to train"),
        (
            [f"--model={__name__}.Two", *SHORT, *EXPONENTIAL],
            "Two configures no optimizer or several; set optimizer",
        ),
        ([*BORING, *EXPONENTIAL], "BoringModel has a schedule of its own; set"),
    ],
)
def test_what_would_be_ignored_or_fail_is_refused(
    flags: list[str], fault: str, refusal: Refusal
) -> None:
    assert fault in refusal("fit", *flags)


def test_a_monitor_that_is_never_logged_is_named(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By Lightning, at the end of an epoch."""
    assert main(["fit", *BORING, *PLATEAU, SGD, QUIET, f"--logs={logs}"]) == 2
    assert "conditioned on metric val/loss" in capsys.readouterr().err


# The schedule.


def test_one_cycle_lasts_as_long_as_the_run(rates: Rates) -> None:
    assert rates(*ONE_CYCLE) == by_torch(OneCycleLR, 10, 0.1, total_steps=10)


def test_a_plateau_lowers_the_rate(rates: Rates, logs: Path) -> None:
    found = rates(*PLATEAU, epochs(5))
    assert found == pytest.approx([1e-3] * 10 + [1e-4] * 5 + [1e-5] * 5 + [1e-6] * 5)
    rates(*PLATEAU, "--lr_scheduler.monitor=val/auroc", epochs(3))
    (state,) = newest(logs).checkpoint()["lr_schedulers"]
    assert 0 < state["best"] < 1, "it watches what it is told"
    rates(*PLATEAU, epochs(3))
    assert rates(f"--run={newest(logs).folder}", epochs(5)) == found[15:]


def test_interval_and_frequency(rates: Rates) -> None:
    assert rates(*EXPONENTIAL) == [1e-3] * 5 + [5e-4] * 5
    every = ["--lr_scheduler_config.interval=step", "--lr_scheduler_config.frequency=2"]
    found = rates(*EXPONENTIAL, *every)
    assert [round(rate / 1e-3, 9) for rate in found[:5]] == [1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("flags", "after"),
    [(EXPONENTIAL, [1, 0.5, 0.25]), (PLATEAU, [1, 1, 0.1]), ((COSINE,), [])],
)
def test_a_warm_up_rises_to_any_schedule(
    flags: Sequence[str], after: Sequence[float], rates: Rates, logs: Path
) -> None:
    flags = (*flags, "--lr_scheduler_config.warmup=7")
    found, whole = rates(*flags, epochs(3)), group(newest(logs))
    expected = [1e-3 * min(1, (k + 1) / 7) * (after or [1, 0.75, 0.25])[k // 5] for k in range(15)]
    assert found == pytest.approx(expected, rel=1e-12)
    if after:  # a cosine of fewer epochs is another one
        # Stopped within the rise, it goes on as if it had not been.
        rates(*flags, epochs(1))
        assert rates(f"--run={newest(logs).folder}", epochs(3)) == found[5:]
        assert group(newest(logs)) == whole


def test_the_default_cosine_is_torchs(rates: Rates, logs: Path) -> None:
    found = rates(COSINE, "--trainer.limit_train_batches=1", epochs(12))
    assert found == pytest.approx(by_torch(CosineAnnealingLR, 12, 12), rel=1e-12)
    assert group(newest(logs))["lr"] == 0


@pytest.mark.parametrize("flags", [[COSINE], ONE_CYCLE])
def test_what_is_finished_goes_on_as_if_it_had_been_planned_so_long(
    flags: Sequence[str], rates: Rates, logs: Path
) -> None:
    straight, whole = rates(*flags, epochs(4)), newest(logs).checkpoint()
    assert rates(*flags) != straight[:10]
    assert rates(f"--run={newest(logs).folder}", epochs(4)) == straight[10:]
    assert min(straight) > 0
    found = newest(logs).checkpoint()
    assert found["lr_schedulers"] == whole["lr_schedulers"]
    groups = [c["optimizer_states"][0]["param_groups"] for c in (whole, found)]
    assert groups[0] == groups[1], "momentum too"


def test_a_cosine_of_steps(rates: Rates, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = "--trainer.max_steps=25"
    expected = [1e-3 * (1 + math.cos(math.pi * step / 25)) / 2 for step in range(25)]
    assert rates(COSINE, steps, epochs(-1)) == pytest.approx(expected)
    # Epochs that end sooner than the steps are what counts, and go on to be.
    assert len(set(rates(COSINE, steps))) == 2
    assert main(["fit", f"--run={newest(logs).folder}", steps, epochs(-1)]) == 2
    assert "the cosine counted epochs and would count steps" in capsys.readouterr().err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """A run by the default's optimizer, and one by another."""
    logs = tmp_path_factory.mktemp("finished")
    for chosen in ((), (SGD, "--optimizer.momentum=0.9")):
        assert main(["fit", *TABLE, *chosen, QUIET, f"--logs={logs}"]) == 0
    return {other: logs / "toy" / f"version_{int(other)}" for other in (False, True)}


@pytest.mark.parametrize(
    "flags",
    [
        ("--optimizer.momentum=0.5",),
        ("--optimizer=Adam",),
        EXPONENTIAL,
        ("--lr_scheduler_config.warmup=3",),
        ("--freeze=net",),
        ("--model.lr=1e-4",),
    ],
)
def test_a_run_goes_on_with_its_own(
    flags: Sequence[str], finished: dict[bool, Path], refusal: Refusal
) -> None:
    run = finished[other := flags[0].startswith("--optimizer")]
    how = f"--run={run}" if other else f"--ckpt_path={run / 'checkpoints' / 'last.ckpt'}"
    error = refusal("fit", how, *flags, epochs(3))
    assert error.startswith(f"kindling: {flags[0].removeprefix('--').partition('=')[0]}")
    assert "--from_run" in error
    assert len(list(run.parent.glob("version_*"))) == 2


# What callbacks add.


# Any LightningModule.


class Plateau(BoringModel):
    """A schedule of its own that looks at a score, which never falls by so much."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("x", 1.0)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        watched = {"scheduler": schedule, "monitor": "x"}
        return {"optimizer": optimizer, "lr_scheduler": watched}


def test_any_model_is_trained_by_what_is_chosen(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train(*BORING, command="fit")
    assert "optimizer  " not in capsys.readouterr().out
    assert group(run)["lr"] == pytest.approx(0.1 * 0.1**2), "its own"
    run = train(*BORING, "--optimizer=Adam", *EXPONENTIAL, command="fit")
    assert "optimizer    Adam, lr 0.001; ExponentialLR, gamma 0.5\n" in capsys.readouterr().out
    assert group(run)["betas"] == (0.9, 0.999)
    assert group(run)["lr"] == pytest.approx(1e-3 * 0.5**2)
    run = train(*BORING, "--optimizer=Adam", command="fit")
    assert not run.checkpoint()["lr_schedulers"], "its own is its own optimizer's"
    run = train(*BORING, "--lr_scheduler_config.warmup=8", command="fit")
    assert group(run)["lr"] == pytest.approx(0.1 * 0.1**2), "the schedule's own"


def test_a_plateau_of_its_own_goes_on_as_if_it_had_not_stopped(rates: Rates, logs: Path) -> None:
    pair = (f"--model={__name__}.Plateau", *SHORT)
    straight = rates(*pair, epochs(4))
    assert straight == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)
    rates(*pair)
    assert rates(f"--run={newest(logs, 'plateau').folder}", epochs(4)) == straight[4:]


def test_what_a_plain_trainer_wrote_goes_on_at_its_own_rate_and_says_so(
    train: Train, logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = Trainer(
        default_root_dir=tmp_path, accelerator="cpu", max_epochs=1, limit_train_batches=2,
        limit_val_batches=0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # Lightning's, of workers and on newer torch
        trainer.fit(BoringModel())
    trainer.save_checkpoint(path := tmp_path / "plain.ckpt")
    goes_on = (*BORING, f"--ckpt_path={path}", epochs(3))
    run = train(*goes_on, "--lr_scheduler_config.warmup=50", command="fit")
    assert group(run)["lr"] == pytest.approx(0.1 * 0.1**3), "there was none to go on with"
    train(*goes_on, SGD, "--optimizer.lr=0.5", command="fit")
    assert "the optimizer keeps its learning rate, 0.1" in capsys.readouterr().out
