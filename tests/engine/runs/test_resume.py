"""A run that is killed, wherever, and goes on is in the end the run that was not."""

import functools
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.runs import folder as runs
from kindling.runs.metrics_table import MetricsTable
from kindling.training.module import Module
from tests.engine.toy import PHOTOS, QUIET, TABLE, Refusal, Run, Train, same, signals, write_table

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

BASES = {"table": (*TABLE, "--model.dropout=0.3"), "photos": PHOTOS}
SHORT = (
    "--config=deterministic",
    "--data.batch_size=4",
    "--model.schedule=cosine",
    "--trainer.max_epochs=3",
    "--trainer.limit_train_batches=4",
    "--trainer.num_sanity_val_steps=0",
    QUIET,
)
MOMENTS: dict[str, tuple[Any, str, int]] = {
    "in mid-epoch": (Module, "training_step", 7),
    "in validation": (Module, "validation_step", 3),
    "at the end of an epoch": (Module, "on_train_epoch_end", 2),
    "while a checkpoint is written": (os, "fsync", 3),
    "behind a checkpoint": (MetricsTable, "log_metrics", 2),
}
"""What is called, and for the how manieth time, when a run is killed."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The run that nothing happens to."""
    made: dict[str, Run] = {}

    def run(kind: str) -> Run:
        if kind not in made:
            logs = tmp_path_factory.mktemp(kind)
            assert main(["train", *BASES[kind], *SHORT, f"--logs={logs}"]) == 0
            [latest] = logs.glob("*/latest")
            made[kind] = Run(latest)
        return made[kind]

    return run


def killed(moment: str, args: list[str]) -> int:
    """The signal that ends a copy of this process, which runs the command."""
    owner, name, count = MOMENTS[moment]
    called, calls = getattr(owner, name), itertools.count(1)

    @functools.wraps(called)
    def call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return called(*args, **kwargs)

    child = os.fork()
    if child == 0:
        try:
            setattr(owner, name, call)
            main(args)
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def goes_on(logs: Path) -> Run:
    # TensorBoard reads files in the order of the second in their names, then of the process.
    time.sleep(1 - time.time() % 1)
    torch.manual_seed(99)
    [latest] = logs.glob("*/version_0")
    assert main(["train", f"--run={latest}", QUIET]) == 0
    return Run(latest)


def curves(run: Run) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    found = {}
    for stage in ("train", "val"):
        events = EventAccumulator(str(run.folder / stage)).Reload()
        for tag in events.Tags()["tensors"]:
            points = events.Tensors(tag)
            found[f"{stage}/{tag}"] = [(p.step, p.tensor_proto.float_val[0]) for p in points]
    return found


def assert_same(one: Run, other: Run) -> None:
    for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch"):
        assert same(one.checkpoint()[part], other.checkpoint()[part]), part
    for table in ("metrics", "predictions"):
        assert one.table(table) == other.table(table)
    assert one.json("results")["metrics"] == other.json("results")["metrics"]
    assert curves(one) == curves(other)


@pytest.mark.parametrize(
    ("kind", "moment"), [*(("table", moment) for moment in MOMENTS), ("photos", "in mid-epoch")]
)
def test_a_killed_run_ends_as_if_it_had_not_been(
    kind: str, moment: str, whole: Callable[[str], Run], tmp_path: Path
) -> None:
    expected = whole(kind)
    args = ["fit", *BASES[kind], *SHORT, f"--logs={tmp_path}"]
    assert killed(moment, args) == signal.SIGKILL
    assert_same(expected, goes_on(tmp_path))


@pytest.mark.slow
def test_with_loader_workers_too(whole: Callable[[str], Run], tmp_path: Path) -> None:
    expected = whole("photos")
    args = ["fit", *PHOTOS, *SHORT, "--data.num_workers=2", f"--logs={tmp_path}"]
    assert killed("in mid-epoch", args) == signal.SIGKILL
    assert_same(expected, goes_on(tmp_path))


@pytest.mark.parametrize(
    "hook", ["on_train_batch_end", "on_validation_start", "on_validation_batch_end"]
)
def test_a_run_that_is_stopped_before_or_in_validation_goes_on_with_it(
    hook: str, whole: Callable[[str], Run], tmp_path: Path
) -> None:
    stopped = main(["fit", *BASES["table"], *SHORT, signals(hook), f"--logs={tmp_path}"])
    assert stopped == 128 + signal.SIGTERM
    assert_same(whole("table"), goes_on(tmp_path))


# Two at once.


class Rival(Callback):
    """Another process that would go on with the run while it trains, and is refused."""

    refused = ""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        command = [sys.executable, "-m", "kindling", "fit", f"--run={trainer.default_root_dir}"]
        done = subprocess.run([*command, "--ckpt_path=last"], capture_output=True, text=True)
        Rival.refused = f"{done.returncode} {done.stderr}"


@pytest.mark.slow
def test_a_run_that_is_trained_is_not_gone_on_with_meanwhile(
    train: Train, refusal: Refusal
) -> None:
    run = train(command="fit").folder
    more = (f"--run={run}", "--trainer.max_epochs=3", f"--trainer.callbacks+={__name__}.Rival")
    train(*more, command="fit")
    assert Rival.refused.startswith("2 kindling: ")
    assert "another process is training this run" in Rival.refused
    assert Rival.refused.count("\n") == 1
    with runs.locked(run):
        said = refusal("fit", f"--run={run}", "--trainer.max_epochs=5")
    assert f"{run}: another process is training this run; wait for its end, or stop it" in said
    assert main(["test", f"--run={run}", QUIET]) == 0, "to test it writes over nothing"
    train(f"--run={run}", "--trainer.max_epochs=4", command="fit")


# Going on as something else.


@pytest.mark.parametrize(
    ("command", "flag", "fault"),
    [
        ("fit", "--model.hidden=[16]", "model.hidden=[16]: the run was trained with [8]"),
        ("fit", "--data.split_seed=1", "data.split_seed=1: the run was trained with 0"),
        ("fit", "--seed_everything=1", "seed_everything=1: the run was trained with 0"),
        ("fit", "--data.folds=5", "data.folds=5: the run was trained with null"),
        ("fit", "--model.lr=0.5", "model.lr=0.5: the run was trained with 0.001"),
        # It would move training rows into the test split.
        ("test", "--data.split_seed=1", "data.split_seed=1: the run was trained with 0"),
    ],
)
def test_another_model_or_cut_is_no_way_to_go_on(
    command: str, flag: str, fault: str, whole: Callable[[str], Run], refusal: Refusal
) -> None:
    run = whole("table").folder
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert fault in refusal(command, f"--run={run}", flag, "--trainer.max_epochs=5")
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_checkpoint_of_another_seed_s_run_in_its_place(
    whole: Callable[[str], Run], train: Train, logs: Path, refusal: Refusal
) -> None:
    run = train(*SHORT, "--seed_everything=5", command="fit").folder
    shutil.copy(whole("table").folder / "checkpoints" / "last.ckpt", run / "checkpoints")
    said = refusal("fit", f"--run={run}", "--trainer.max_epochs=5", "--model.dropout=0.3")
    assert "seed_everything=5: the run was trained with 0" in said


def test_changed_data_are_refused_unless_allowed(
    train: Train, tmp_path: Path, refusal: Refusal
) -> None:
    root = write_table(tmp_path / "data")
    run = train(f"--data.root={root}", command="fit")
    header, *rows = (root / "toy.csv").read_text().splitlines()
    (root / "toy.csv").write_text("\n".join([header, *rows[::-1]]) + "\n")
    more = (f"--run={run.folder}", "--trainer.max_epochs=3")
    assert "the data have changed since the run was trained" in refusal("fit", *more)
    train(*more, "--allow_changed_data=true", command="fit")
    assert "allow_changed_data" not in (run.folder / "config.yaml").read_text()
