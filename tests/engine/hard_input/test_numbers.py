"""Settings that are no number, out of range, too large, or of another kind."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning import Trainer

from kindling.cli import arguments
from kindling.data import paths
from tests.engine.hard_input.numbers import Outcome, attempt, spread, summary, tries
from tests.engine.toy import TABLE, TASK, Refusal, Train

TOY = TASK.partition("=")[2]
LONGEST = 20
"""Seconds that a try may take."""


def run_all(task: str, found: list[tuple[str, ...]], logs: Path) -> list[Outcome]:
    """Outcomes; what failed is told all at once."""
    outcomes = []
    for flags in found:
        outcomes.append(attempt(task, flags, logs))
        shutil.rmtree(logs, ignore_errors=True)
    print(summary(outcomes))
    assert not [(" ".join(o.flags), o.fault) for o in outcomes if o.fault]
    assert max(o.seconds for o in outcomes) < LONGEST
    return outcomes


@pytest.mark.filterwarnings("ignore")  # of odd values, which are nobody's that means them
@pytest.mark.parametrize(("shared", "count"), [(True, 10), (False, 6)])
def test_a_sample_of_odd_values(shared: bool, count: int, logs: Path) -> None:
    found = list(spread(tries(TOY, shared), count))
    assert len(set(found)) == count
    run_all(TOY, found, logs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_shared_setting_with_odd_values(logs: Path) -> None:
    found = tries(TOY, shared=True)
    assert len(found) >= 600
    run_all(TOY, found, logs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("task", [TOY, *arguments.names(paths.CONFIGS)])
def test_every_setting_of_a_problem_with_odd_values(
    task: str, logs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if task != TOY:  # in a folder of its own, once for all tries
        monkeypatch.setattr(paths, "SAMPLES", tmp_path_factory.mktemp("sample"))
    run_all(task, tries(task, shared=False), logs)


@pytest.mark.parametrize(
    ("flag", "message"),
    {
        "trainer.max_epochs=0": "must be at least 1",
        "trainer.max_steps=0": "must be at least 1",
        "trainer.limit_train_batches=0": "must be at least 1",
        "trainer.accumulate_grad_batches=0": "must be at least 1",
        "trainer.val_check_interval=0": "must be at least 1",
        "trainer.val_check_interval=0.0": "must be a number from",
        "trainer.gradient_clip_val=-1.0": "must be at least 0",
        "trainer.devices=a": "devices",
        "trainer.accelerator=tpu": "torch_xla",
        "trainer.strategy=ddp_spawn": "use ddp",
        "trainer.num_nodes=2": "MASTER_ADDR",
        "seed_everything=-1": "must be at least 0",
        "data.split_seed=-1": "must be at least 0",
        "data.num_workers=1000000": "must be at most",
        "data.folds=1000000000": "choose fewer folds",
        "data.val_fraction=.nan": "must lie between 0 and 1",
        "model.lr=.nan": "must be above 0, and finite",
        "model.weight_decay=.nan": "must be 0 or more, and finite",
        "model.weight_decay=.inf": "must be 0 or more, and finite",
        "model.hidden=null": "must not be null",
        "model.hidden=[2000000000]": "memory",
        "early_stopping.min_delta=.nan": "must be a finite number",
        "early_stopping.monitor=val/nope": "val/nope",
        "checkpoint.mode=up": "checkpoint: `mode` can be min, max but got up",
        "threads=1000000": "must be at most",
        "threads=0": "threads=0: must be at least 1",
        "model.schedule=wavy": "model.schedule=wavy: expected constant or cosine",
        "model.lr=0": "model.lr=0.0: must be above 0",
        "model.dropout=wide": "model.dropout=wide: expected float",
        "model.hidden=wide": "model.hidden=wide: expected list",
        "data.root=/nowhere": "/nowhere: no such folder (--data.root)",
        "data.batch_size=0": "data.batch_size=0: must be at least 1",
        "trainer.accelerator=abacus": "abacus",
        "trainer.default_root_dir=/dev/null": "cannot make a run folder",
        "trust": "--trust is for a checkpoint",
        "trust=true": "--trust is for a checkpoint",
        "trust=maybe": "--trust takes no value; write --trust alone",
    }.items(),
)
def test_a_setting_that_cannot_be_meant(flag: str, message: str, refusal: Refusal) -> None:
    assert message in refusal("train", *TABLE, f"--{flag}")


@pytest.mark.parametrize(
    ("free", "flags", "message"),
    [
        (3e5, ["hidden=[100000]"], "a tensor of 100000x2 would take 3.2 MB of memory, and 0.3 MB"),
        (3e5, ["hidden=[5000]"], "the weights of ToyNet, with gradients and the optimizer's mom"),
        (2e3, ["hidden=[1]", "data.batch_size=1000"], "data.batch_size=1000: a batch of"),
    ],
)
def test_what_fills_the_memory_is_refused_before_it_is_made(
    free: float,
    flags: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Refusal,
) -> None:
    there = SimpleNamespace(available=int(free), total=int(free))
    monkeypatch.setattr("psutil.virtual_memory", lambda: there)
    given = [f"--{'' if '.' in flag else 'model.'}{flag}" for flag in flags]
    assert message in refusal("fit", *TABLE, *given)


def test_a_whole_number_of_batches_is_a_count_however_it_is_parsed(
    train: Train, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Python keeps one of two equal unions, whichever it met first; the parser goes by its order.
    annotations = Trainer.__init__.__annotations__
    monkeypatch.setitem(annotations, "limit_train_batches", float | int | None)
    (config := tmp_path / "one.yaml").write_text("trainer: {limit_train_batches: 1}")
    run = train(f"--config={config}", "--trainer.max_epochs=2")
    assert run.checkpoint("last")["global_step"] == 2
    train("--trainer.limit_train_batches=2.0", "--trainer.max_epochs=1")


@pytest.mark.parametrize(
    "flags",
    [
        ("--optimizer=SGD", "--optimizer.lr=0.1", "--optimizer.differentiable=null"),
        ("--lr_scheduler=StepLR", "--lr_scheduler.step_size=1", "--lr_scheduler.gamma=null"),
    ],
)
def test_a_null_that_a_chosen_class_cannot_use(flags: tuple[str, ...], refusal: Refusal) -> None:
    assert f"{flags[-1][2:]}: must not be null" in refusal("train", *TABLE, *flags)
    nullable = ("--optimizer=SGD", "--optimizer.lr=0.1", "--optimizer.foreach=null")
    assert "must not be null" not in refusal("train", *TABLE, *nullable, "--data.batch_size=0")


def test_as_many_epochs_as_nobody_counts(train: Train) -> None:
    """Whatever ends training earlier is in force."""
    run = train("--trainer.max_epochs=-1", "--trainer.max_steps=3")
    assert run.checkpoint("last")["global_step"] == 3
    assert torch.isfinite(torch.tensor(run.json("results")["metrics"]["accuracy"]["value"]))
