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
from lightning.pytorch.callbacks import BaseFinetuning
from lightning.pytorch.demos.boring_classes import BoringModel
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR

Run = Callable[..., int]

# Two epochs of five steps each, where nothing else is said.
POTABILITY = ("--config=potability", "--config=smoke")
ONE_CYCLE = ("--lr_scheduler=OneCycleLR", "--lr_scheduler.max_lr=0.1")


class Rates(Callback):
    """The first group's learning rate in each step."""

    seen: list[float] = []

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        Rates.seen.clear()

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        Rates.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


class Thaw(BaseFinetuning):
    """All but the last layer are trained from the second epoch on, in their own manner."""

    def freeze_before_training(self, pl_module: LightningModule) -> None:
        self.freeze(self.early(pl_module))

    def finetune_function(
        self, pl_module: LightningModule, epoch: int, optimizer: Optimizer
    ) -> None:
        if epoch == 1:
            self.make_trainable(self.early(pl_module))
            weights = [p for part in self.early(pl_module) for p in part.parameters()]
            optimizer.add_param_group({"params": weights, "lr": 0.5, "weight_decay": 0.25})

    @staticmethod
    def early(pl_module: LightningModule) -> Sequence[nn.Module]:
        return [part for part in pl_module.net.modules() if isinstance(part, nn.Linear)][:-1]  # type: ignore[union-attr, operator]


# By the name that the tests' module has here.
RATES, THAW = (f"--trainer.callbacks+={__name__}.{kind}" for kind in ("Rates", "Thaw"))


@pytest.fixture
def rates(kindling: Run) -> Callable[..., list[float]]:
    """Train, and say the learning rate of each step."""

    def train(*flags: str) -> list[float]:
        again = any(flag.startswith("--run=") for flag in flags)  # which has the callback
        assert kindling("fit", *flags, *([] if again else [RATES])) == 0
        return list(sys.modules[__name__].Rates.seen)

    return train


def checkpoint(logs: Path, task: str = "potability") -> dict[str, Any]:
    path = logs / task / "latest" / "checkpoints" / "last.ckpt"
    content: dict[str, Any] = torch.load(path, weights_only=True)
    return content


def group(logs: Path, task: str = "potability", number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = checkpoint(logs, task)["optimizer_states"][0]["param_groups"][number]
    return found


def latest(logs: Path) -> str:
    return f"--run={logs / 'potability' / 'latest'}"


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


def test_flags_name_the_optimizer(
    kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--optimizer=SGD", "--optimizer.lr=0.1", "--optimizer.momentum=0.9")
    assert kindling("train", *POTABILITY, *flags) == 0
    assert "optimizer    SGD, lr 0.1, momentum 0.9" in capsys.readouterr().out
    assert (group(logs)["lr"], group(logs)["momentum"]) == (0.1, 0.9)
    assert "betas" not in group(logs)
    config = yaml.safe_load((logs / "potability/latest/config.yaml").read_text())
    assert config["optimizer"]["class_path"] == "torch.optim.SGD"
    assert kindling("fit", f"--config={logs / 'potability/latest/config.yaml'}") == 0
    assert group(logs)["momentum"] == 0.9, "a run's own config runs it again"


def test_a_file_names_both(kindling: Run, logs: Path, tmp_path: Path) -> None:
    chosen = {
        "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.1, "momentum": 0.5}},
        "lr_scheduler": {
            "class_path": "torch.optim.lr_scheduler.ExponentialLR",
            "init_args": {"gamma": 0.5},
        },
    }
    path = tmp_path / "sgd.yaml"
    path.write_text(yaml.safe_dump(chosen))
    assert kindling("fit", *POTABILITY, f"--config={path}") == 0
    assert group(logs)["lr"] == pytest.approx(0.1 / 4)
    assert kindling("fit", *POTABILITY, f"--config={path}", "--optimizer=Adam") == 0
    assert group(logs)["initial_lr"] == 1e-3, "another class never keeps the old one's arguments"


def test_the_default_is_as_it_was(
    kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", *POTABILITY, "--model.weight_decay=0.02") == 0
    assert "optimizer    AdamW, lr 0.001; constant" in capsys.readouterr().out
    assert (group(logs)["lr"], group(logs)["weight_decay"]) == (1e-3, 0.02)
    assert group(logs)["decoupled_weight_decay"]


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (
            ["--optimizer=SGD", "--model.lr=0.1"],
            "the default's, which optimizer replaces",
        ),
        (["--optimizer=SGD", "--model.weight_decay", "0.1"], "model.weight_decay is the default's"),
        ([*ONE_CYCLE, "--model.schedule=cosine"], "model.schedule is the default's"),
        (["--optimizer=SGD", "--optimizer.lr=-1"], "Invalid learning rate: -1"),
        (["--lr_scheduler_config.interval=step"], "lr_scheduler_config.interval: of which"),
        (
            [*ONE_CYCLE, "--lr_scheduler_config.frequency=0"],
            "frequency=0: must be at least 1",
        ),
        (["--lr_scheduler_config.warmup=-1"], "warmup=-1: must be at least 0"),
        (["--model.schedule=cosine", "--trainer.max_epochs=-1"], "for how long? set trainer.max_"),
        ([*ONE_CYCLE, "--trainer.max_epochs=-1"], "OneCycleLR: for how long?"),
        (["--freeze=net"], "PotabilityModule has no parameter to train"),
    ],
)
def test_what_would_be_ignored_or_fail_is_refused(
    flags: list[str], fault: str, kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", *POTABILITY, *flags) == 2
    error = capsys.readouterr().err
    assert fault in error
    assert error.count("\n") == 1
    assert not list(logs.rglob("config.yaml"))


# The schedule.


def test_one_cycle_lasts_as_long_as_the_run(rates: Callable[..., list[float]], logs: Path) -> None:
    expected = by_torch(OneCycleLR, 10, 0.1, total_steps=10)
    assert rates(*POTABILITY, *ONE_CYCLE) == expected


# No loss falls by so much, so that the second epoch is the first that is no better.
PLATEAU = (
    "--lr_scheduler=ReduceLROnPlateau",
    "--lr_scheduler.patience=0",
    "--lr_scheduler.threshold=1e6",
    "--lr_scheduler.threshold_mode=abs",
)


def test_a_plateau_lowers_the_rate(rates: Callable[..., list[float]], logs: Path) -> None:
    found = rates(*POTABILITY, *PLATEAU, "--trainer.max_epochs=5")
    assert found == pytest.approx([1e-3] * 10 + [1e-4] * 5 + [1e-5] * 5 + [1e-6] * 5)
    rates(*POTABILITY, *PLATEAU, "--trainer.max_epochs=3")
    assert rates(latest(logs), "--trainer.max_epochs=5") == found[15:]


def test_a_plateau_watches_what_it_is_told(kindling: Run, logs: Path) -> None:
    assert kindling("fit", *POTABILITY, *PLATEAU, "--lr_scheduler.monitor=val/auroc") == 0
    (state,) = checkpoint(logs)["lr_schedulers"]
    assert 0 < state["best"] < 1


def test_interval_and_frequency(rates: Callable[..., list[float]]) -> None:
    flags = ["--lr_scheduler=ExponentialLR", "--lr_scheduler.gamma=0.5"]
    every = ["--lr_scheduler_config.interval=step", "--lr_scheduler_config.frequency=2"]
    assert rates(*POTABILITY, *flags) == [1e-3] * 5 + [5e-4] * 5
    found = rates(*POTABILITY, *flags, *every)
    assert [round(rate / 1e-3, 9) for rate in found[:5]] == [1, 1, 0.5, 0.5, 0.25]


@pytest.mark.parametrize(
    ("flags", "after"),
    [
        ((), [1.0] * 15),
        (("--lr_scheduler=ExponentialLR", "--lr_scheduler.gamma=0.5"), [1, 0.5, 0.25]),
        (PLATEAU, [1, 1, 0.1]),
        (("--model.schedule=cosine",), [1, 0.75, 0.25]),
    ],
)
def test_a_warm_up_rises_to_any_schedule(
    flags: Sequence[str], after: Sequence[float], rates: Callable[..., list[float]], logs: Path
) -> None:
    flags = (*POTABILITY, *flags, "--lr_scheduler_config.warmup=7")
    found = rates(*flags, "--trainer.max_epochs=3")
    whole = group(logs)
    rise = [min(1.0, step / 7) for step in range(1, 16)]
    expected = [1e-3 * rise[step] * after[step // 5] for step in range(15)]
    assert found == pytest.approx(expected, rel=1e-12)
    if "cosine" not in flags[2]:
        # Stopped within the rise, it goes on as if it had not been.
        rates(*flags, "--trainer.max_epochs=1")
        assert rates(latest(logs), "--trainer.max_epochs=3") == found[5:]
        assert group(logs) == whole


def test_the_default_cosine_is_torchs(rates: Callable[..., list[float]], logs: Path) -> None:
    flags = (*POTABILITY, "--model.schedule=cosine", "--trainer.limit_train_batches=1")
    found = rates(*flags, "--trainer.max_epochs=12")
    assert found == pytest.approx(by_torch(CosineAnnealingLR, 12, 12), rel=1e-12)
    assert group(logs)["lr"] == 0


@pytest.mark.parametrize("flags", [["--model.schedule=cosine"], ONE_CYCLE])
def test_what_is_finished_goes_on_as_if_it_had_been_planned_so_long(
    flags: Sequence[str], rates: Callable[..., list[float]], logs: Path
) -> None:
    straight = rates(*POTABILITY, *flags, "--trainer.max_epochs=4")
    whole = checkpoint(logs)
    assert rates(*POTABILITY, *flags) != straight[:10]
    assert rates(latest(logs), "--trainer.max_epochs=4") == straight[10:]
    assert min(straight) > 0
    assert checkpoint(logs)["lr_schedulers"] == whole["lr_schedulers"]
    groups = [c["optimizer_states"][0]["param_groups"] for c in (whole, checkpoint(logs))]
    assert groups[0] == groups[1], "momentum too"


def test_a_cosine_of_steps(rates: Callable[..., list[float]], logs: Path) -> None:
    flags = (*POTABILITY, "--model.schedule=cosine")
    steps = ("--trainer.max_steps=25", "--trainer.max_epochs=-1")
    expected = [1e-3 * (1 + math.cos(math.pi * step / 25)) / 2 for step in range(25)]
    assert rates(*flags, *steps) == pytest.approx(expected)
    # Epochs that end sooner than the steps are what counts.
    assert len(set(rates(*flags, "--trainer.max_steps=25"))) == 2


def test_a_cosine_does_not_change_what_it_counts(
    kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", *POTABILITY, "--model.schedule=cosine") == 0
    steps = ("--trainer.max_steps=25", "--trainer.max_epochs=-1")
    assert kindling("fit", latest(logs), *steps) == 2
    assert "the cosine counted epochs and would count steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag",
    [
        "--optimizer.momentum=0.5",
        "--optimizer=Adam",
        "--lr_scheduler=ExponentialLR",
        "--lr_scheduler_config.warmup=3",
        "--freeze=net",
        "--model.lr=1e-4",
    ],
)
@pytest.mark.parametrize("how", ["--run", "--ckpt_path"])
def test_a_run_goes_on_with_its_own(
    how: str, flag: str, kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sgd = ("--optimizer=SGD", "--optimizer.momentum=0.9")
    chosen = sgd if flag.startswith("--optimizer") else ()
    assert kindling("fit", *POTABILITY, *chosen) == 0
    run = logs / "potability" / "latest"
    place = run if how == "--run" else run / "checkpoints" / "last.ckpt"
    more = ["--lr_scheduler.gamma=0.5"] if flag.startswith("--lr_scheduler=") else []
    assert kindling("fit", f"{how}={place}", flag, *more, "--trainer.max_epochs=3") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"kindling: {flag.removeprefix('--').partition('=')[0]}")
    assert "--from_run" in error
    assert len(list((logs / "potability").glob("version_*"))) == 1


# What callbacks add.


def test_a_group_that_a_callback_adds_is_trained_by_its_own_settings(
    kindling: Run, logs: Path
) -> None:
    assert kindling("fit", *POTABILITY, THAW, "--trainer.max_epochs=1") == 0
    before = checkpoint(logs)
    assert len(before["optimizer_states"][0]["param_groups"]) == 1
    assert kindling("fit", *POTABILITY, THAW, "--model.schedule=cosine") == 0
    added = group(logs, number=1)
    assert (added["lr"], added["weight_decay"], len(added["params"])) == (0.5, 0.25, 4)
    state = checkpoint(logs)["optimizer_states"][0]["state"]
    assert {int(state[index]["step"]) for index in added["params"]} == {5}
    names = [name for name in before["state_dict"] if name.startswith("net.")][:4]
    changed = [
        not torch.equal(before["state_dict"][k], checkpoint(logs)["state_dict"][k]) for k in names
    ]
    assert all(changed)


@pytest.mark.parametrize("task", ["clouds", "prices", "faces"])
def test_backbone_finetuning_on_photos(task: str, kindling: Run, logs: Path) -> None:
    name = "--trainer.callbacks+=lightning.pytorch.callbacks.BackboneFinetuning"
    flags = [f"--config={task}", "--config=smoke", "--trainer.limit_train_batches=1"]
    flags += [name, "--trainer.callbacks.unfreeze_backbone_at_epoch=1"]
    # Lightning trains batch normalization from the start, and warns where it finds it trained.
    flags += ["--trainer.callbacks.train_bn=false"]
    assert kindling("fit", *flags, "--trainer.max_epochs=3") == 0
    backbone = group(logs, task, 1)
    state = checkpoint(logs, task)["optimizer_states"][0]["state"]
    assert {int(state[index]["step"]) for index in backbone["params"]} == {2}
    assert 0 < backbone["lr"] < 2e-3
    run = f"--run={logs / task / 'latest'}"
    assert kindling("fit", run, "--trainer.max_epochs=4") == 0
    assert len(checkpoint(logs, task)["optimizer_states"][0]["param_groups"]) == 2


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--config=clouds", "--model.net=linear"], "model.net=linear has no backbone"),
        (["--config=prices", "--config=prices_table"], "no photos, so that it has no backbone"),
    ],
)
def test_a_model_without_a_backbone_says_so(
    flags: list[str], fault: str, kindling: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "--trainer.callbacks+=lightning.pytorch.callbacks.BackboneFinetuning"
    assert kindling("fit", *flags, "--config=smoke", name) == 2
    assert fault in capsys.readouterr().err


# Any LightningModule.


class Two(BoringModel):
    """Two optimizers, as of a GAN."""

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(self.parameters(), 0.1), torch.optim.SGD(self.parameters(), 0.1)]


class Plateau(BoringModel):
    """A schedule of its own that looks at a score, which never falls by so much."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("x", 1.0)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        watched = {"scheduler": schedule, "monitor": "x"}
        return {"optimizer": optimizer, "lr_scheduler": watched}


DEMO = "lightning.pytorch.demos.boring_classes"
BORING = [f"--model={DEMO}.BoringModel", f"--data={DEMO}.BoringDataModule"]
BORING += ["--trainer.max_epochs=2", "--trainer.limit_train_batches=2"]
EXPONENTIAL = ("--lr_scheduler=ExponentialLR", "--lr_scheduler.gamma=0.5")


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """What a plain Trainer has written."""
    path = tmp_path / "plain.ckpt"
    trainer = Trainer(
        default_root_dir=tmp_path, accelerator="cpu", max_epochs=1, limit_train_batches=2,
        limit_val_batches=0, logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's, of workers and on newer torch
        trainer.fit(BoringModel())
    trainer.save_checkpoint(path)
    return path


def test_any_model_is_trained_by_what_is_chosen(
    kindling: Run, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kindling("fit", *BORING) == 0
    assert "optimizer  " not in capsys.readouterr().out
    assert group(logs, "boring_model")["lr"] == pytest.approx(0.1 * 0.1**2), "its own"
    assert kindling("fit", *BORING, "--optimizer=Adam", *EXPONENTIAL) == 0
    assert "optimizer    Adam, lr 0.001; ExponentialLR, gamma 0.5\n" in capsys.readouterr().out
    assert group(logs, "boring_model")["betas"] == (0.9, 0.999)
    assert group(logs, "boring_model")["lr"] == pytest.approx(1e-3 * 0.5**2)
    assert kindling("fit", *BORING, "--optimizer=Adam") == 0
    assert not checkpoint(logs, "boring_model")["lr_schedulers"], "its own is its own optimizer's"
    assert kindling("fit", *BORING, "--lr_scheduler_config.warmup=8") == 0
    # After four steps of eight, the rate is for the fifth.
    assert group(logs, "boring_model")["lr"] == pytest.approx(0.1 * 0.1**2 * 5 / 8)


def test_a_warm_up_goes_on_where_a_plain_trainer_had_none(
    kindling: Run, logs: Path, plain: Path
) -> None:
    goes_on = [*BORING, f"--ckpt_path={plain}", "--trainer.max_epochs=3"]
    assert kindling("fit", *goes_on, "--lr_scheduler_config.warmup=50") == 0
    assert group(logs, "boring_model")["lr"] == pytest.approx(0.1 * 0.1**3)


def test_a_plateau_of_its_own_goes_on_as_if_it_had_not_stopped(
    rates: Callable[..., list[float]], logs: Path
) -> None:
    pair = (f"--model={__name__}.Plateau", *BORING[1:])
    straight = rates(*pair, "--trainer.max_epochs=4")
    assert straight == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)
    rates(*pair)
    run = f"--run={logs / 'plateau' / 'latest'}"
    assert rates(run, "--trainer.max_epochs=4") == straight[4:]


@pytest.mark.parametrize(
    ("model", "flags", "fault"),
    [
        (f"{__name__}.Two", EXPONENTIAL, "Two makes no optimizer or several; name optimizer"),
        (f"{DEMO}.BoringModel", EXPONENTIAL, "BoringModel has a schedule of its own; name"),
        (f"{DEMO}.BoringModel", (*PLATEAU, "--optimizer=SGD"), "conditioned on metric val/loss"),
    ],
)
def test_a_schedule_needs_what_it_is_of(
    model: str,
    flags: Sequence[str],
    fault: str,
    kindling: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert kindling("fit", f"--model={model}", *BORING[1:], *flags) == 2
    assert fault in capsys.readouterr().err


def test_what_a_plain_trainer_wrote_goes_on_at_its_own_rate_and_says_so(
    kindling: Run, plain: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goes_on = [*BORING, f"--ckpt_path={plain}", "--trainer.max_epochs=3", "--optimizer=SGD"]
    assert kindling("fit", *goes_on, "--optimizer.lr=0.5") == 0
    assert "the optimizer goes on with its learning rate, 0.1" in capsys.readouterr().out
