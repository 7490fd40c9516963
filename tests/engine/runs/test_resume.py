"""A run that is killed, wherever, and goes on is in the end the run that was not."""

import csv
import importlib.util
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from kindling.__main__ import main
from kindling.data import paths
from kindling.runs import checkpoints
from kindling.training.graceful_stop import GracefulStop

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
QUIET = "--trainer.enable_progress_bar=false"


def load_script() -> ModuleType:
    path = paths.PROJECT / "scripts" / "kill_matrix.py"
    spec = importlib.util.spec_from_file_location("kill_matrix", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


matrix = load_script()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a task that nothing happens to."""
    made: dict[str, Path] = {}

    def run(task: str) -> Path:
        if task not in made:
            logs = tmp_path_factory.mktemp(task)
            assert main(["train", *matrix.flags(task, 0, logs)]) == 0
            made[task] = logs / task / "version_0"
        return made[task]

    return run


def killed(moment: str, args: list[str]) -> int:
    """The signal that ends a copy of this process, which runs the command as the script does."""
    child = os.fork()
    if child == 0:
        try:
            sys.argv = ["-c", matrix.MOMENTS[moment], *args]
            exec(matrix.KILLED, {})
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    time.sleep(1 - time.time() % 1)  # see the script
    return os.WTERMSIG(status)


def short(task: str, moment: str) -> bool:
    """Whether the cell is in the short form: of photos, one moment."""
    return task in ("timeseries", "potability") or moment == "in mid-epoch"


@pytest.mark.parametrize(
    ("task", "moment"),
    [
        pytest.param(task, moment, marks=[] if short(task, moment) else pytest.mark.slow)
        for task in matrix.TASKS
        for moment in matrix.MOMENTS
    ],
)
def test_a_killed_run_ends_as_if_it_had_not_been(
    task: str, moment: str, whole: Callable[[str], Path], tmp_path: Path
) -> None:
    expected = whole(task)
    assert killed(moment, ["fit", *matrix.flags(task, 0, tmp_path)]) == signal.SIGKILL
    run = tmp_path / task / "version_0"
    torch.manual_seed(99)
    assert main(["train", "--run", str(run), QUIET]) == 0
    assert matrix.differences(expected, run) == []


def told_in(hook: str) -> Callable[..., None]:
    """A hook in which the process is told to stop in the second epoch, after its last step."""
    whole = getattr(GracefulStop, hook)

    def tell(self: GracefulStop, trainer: Trainer, *args: Any) -> None:
        training = trainer.current_epoch == 1 and not trainer.sanity_checking
        if training and (trainer.validating or trainer.is_last_batch):
            os.kill(os.getpid(), signal.SIGTERM)
        whole(self, trainer, *args)

    return tell


@pytest.mark.parametrize("task", ["timeseries", "potability"])
@pytest.mark.parametrize(
    "hook", ["on_train_batch_end", "on_validation_start", "on_validation_batch_end"]
)
def test_a_run_that_is_stopped_before_or_in_validation_goes_on_with_it(
    task: str,
    hook: str,
    whole: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = whole(task)
    with monkeypatch.context() as patch:
        patch.setattr(GracefulStop, hook, told_in(hook))
        assert main(["fit", *matrix.flags(task, 0, tmp_path)]) == 128 + signal.SIGTERM
    time.sleep(1 - time.time() % 1)  # see the script
    run = tmp_path / task / "version_0"
    assert main(["train", "--run", str(run), QUIET]) == 0
    assert matrix.differences(expected, run) == []


def test_with_loader_workers_too(whole: Callable[[str], Path], tmp_path: Path) -> None:
    run = matrix.killed_run("clouds", "in mid-epoch", 2, tmp_path)
    assert matrix.differences(whole("clouds"), run) == []


@pytest.mark.slow
@pytest.mark.parametrize("task", matrix.TASKS)
def test_the_whole_matrix(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert matrix.main(["--tasks", task, "--workers", "2"]) == 0
    assert capsys.readouterr().out.count("bit-equal") == len(matrix.MOMENTS)


def test_a_difference_is_seen(whole: Callable[[str], Path], tmp_path: Path) -> None:
    expected, other = whole("potability"), tmp_path / "other"
    shutil.copytree(expected, other)
    checkpoint = checkpoints.load(other / "checkpoints" / "last.ckpt")
    next(iter(checkpoint["state_dict"].values())).view(-1)[0] += 1e-7
    torch.save(checkpoint, other / "checkpoints" / "last.ckpt")
    (other / "predictions.csv").write_text("")
    assert matrix.differences(expected, other) == ["state_dict", "predictions.csv"]


@pytest.fixture
def stopped(whole: Callable[[str], Path], tmp_path: Path) -> Path:
    """A run that may be gone on with."""
    run = tmp_path / "potability" / "version_0"
    shutil.copytree(whole("potability"), run)
    return run


@pytest.mark.parametrize(
    ("flag", "fault"),
    [
        ("--model.hidden=[16]", "model.hidden=[16]: the run was trained with [8]"),
        ("--data.split_seed=1", "data.split_seed=1: the run was trained with 0"),
        ("--model.lr=0.5", "model.lr=0.5: the run was trained with 0.001"),
    ],
)
def test_another_model_or_cut_is_no_way_to_go_on(
    flag: str, fault: str, stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}
    assert main(["fit", "--run", str(stopped), flag, "--trainer.max_epochs=5"]) == 2
    error = capsys.readouterr().err
    assert fault in error
    assert error.count("\n") == 1
    assert before == {path: path.read_bytes() for path in stopped.rglob("*") if path.is_file()}


def test_no_other_cut_is_tested(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would move training rows into the test split."""
    assert main(["test", "--run", str(stopped), "--data.split_seed=1"]) == 2
    assert "data.split_seed=1: the run was trained with 0" in capsys.readouterr().err


def test_more_epochs_are_a_way_to_go_on(stopped: Path) -> None:
    assert main(["fit", "--run", str(stopped), "--trainer.max_epochs=6", QUIET]) == 0
    with (stopped / "metrics.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == [*"012345"]


def test_changed_data_are_refused_unless_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    rows = [f"{k % 7},{k % 5},{k % 2}\n" for k in range(60)]
    (root / "water_potability.csv").write_text("a,b,Potability\n" + "".join(rows))
    args = [*matrix.flags("potability", 0, tmp_path), f"--data.root={root}"]
    assert main(["fit", *args]) == 0
    (root / "water_potability.csv").write_text("a,b,Potability\n" + "".join(rows[::-1]))
    more = ["fit", f"--run={tmp_path / 'potability' / 'latest'}", "--trainer.max_epochs=5"]
    assert main([*more, QUIET]) == 2
    assert "the data have changed since the run was trained" in capsys.readouterr().err
    allowed = "--allow_changed_data=true"
    assert main([*more, QUIET, allowed]) == 0
    assert "allow_changed_data" not in (tmp_path / "potability/latest/config.yaml").read_text()
