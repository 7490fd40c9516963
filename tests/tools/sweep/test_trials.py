"""Trials in processes: none twice, none lost, whatever ends the sweep or a run of it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from optuna.trial import TrialState

from kindling.data import paths
from kindling.errors import Stopped, UserError
from kindling.tools.command import Failed
from tests.tools.runner.simulated import EPOCHS, wait
from tests.tools.sweep.simulated import starts, study, work

WHOLE = ["fit", "ended"]


def states(folder: Path) -> list[str]:
    return [trial.state.name for trial in study(folder).trials()]


def elsewhere(folder: Path, wanted: int, seconds: float) -> subprocess.Popen[str]:
    """A sweep in a process of its own, one trial at a time."""
    code = (
        "from pathlib import Path\n"
        "from tests.tools.sweep.simulated import work\n"
        f"work(Path({str(folder)!r}), {wanted}, 1, {seconds}, level=lambda number: 0)\n"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=paths.PROJECT, text=True)


def checkpoint(folder: Path, number: int) -> bool:
    return any((folder / "trials" / str(number)).rglob("last.ckpt"))


def test_trials_are_made_once_and_more_when_more_are_wanted(folder: Path) -> None:
    work(folder, 2, level=lambda number: number)
    assert starts(folder) == dict.fromkeys(range(2), WHOLE)
    trials = study(folder).trials()
    assert [trial.value for trial in trials] == [pytest.approx(n + 1 / EPOCHS) for n in (0, 1)]
    scores = {epoch: pytest.approx(1 / (epoch + 1), abs=1e-6) for epoch in range(EPOCHS)}
    assert trials[0].intermediate_values == scores
    work(folder, 2)
    work(folder, 4)
    assert starts(folder) == dict.fromkeys(range(4), WHOLE)
    assert states(folder) == ["COMPLETE"] * 4


@pytest.mark.parametrize("content", [b"a garbage line\n", b"SQLite format 3\0 and no more"])
def test_a_broken_database_is_named_and_left_as_it_is(folder: Path, content: bytes) -> None:
    work(folder, 1, level=lambda number: 0)
    (database := folder / "study.db").write_bytes(content)
    with pytest.raises(UserError, match=r"study.db: cannot be read as a study's database; restore"):
        work(folder, 2)
    assert database.read_bytes() == content


def test_one_that_is_worse_than_others_is_stopped(folder: Path) -> None:
    work(folder, 5, level=lambda number: 0)
    work(folder, 6, seconds=0.5, level=lambda number: 9)
    assert states(folder) == ["COMPLETE"] * 5 + ["PRUNED"]
    assert starts(folder)[5] == ["fit", "stopped"]
    assert len(study(folder).trials()[5].intermediate_values) < EPOCHS
    # It counts; the next ends before it could be stopped, and is scored by all of its epochs.
    work(folder, 7, level=lambda number: 9)
    assert states(folder)[6:] == ["COMPLETE"]
    last = study(folder).trials()[6]
    assert len(last.intermediate_values) == EPOCHS
    assert last.value == pytest.approx(9 + 1 / EPOCHS)


def test_one_that_fails_is_named_and_another_made(folder: Path) -> None:
    work(folder, 2, failing=[1], level=lambda number: 0 if number else float("nan"))
    trials = study(folder).trials()
    said = ["has no val/loss that is a number (checkpoint.monitor)", "exit status 1: the loss"]
    for trial, message in zip(trials, said, strict=False):
        assert trial.state == TrialState.FAIL
        assert trial.user_attrs["error"].startswith(message)
    assert states(folder)[2:] == ["COMPLETE"] * 2


def test_nothing_but_failures_end_the_sweep(folder: Path) -> None:
    with pytest.raises(Failed, match="10 trials in a row failed; the last, trial 9: exit st"):
        work(folder, 12, failing=range(20), jobs=1)
    assert states(folder) == ["FAIL"] * 10
    work(folder, 1)
    assert states(folder)[10:] == ["COMPLETE"], "what was wrong may have been mended"


def test_stopped_by_a_signal_it_goes_on(folder: Path) -> None:
    work(folder, 1)

    def stop() -> None:
        wait(lambda: checkpoint(folder, 1) and checkpoint(folder, 2))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    with pytest.raises(Stopped, match="stopped by SIGTERM; 1 of 3 trials are finished") as stopped:
        work(folder, 3, seconds=0.5)
    assert stopped.value.status == 143
    assert states(folder) == ["COMPLETE", "RUNNING", "RUNNING"]
    work(folder, 3)
    assert starts(folder) == {
        0: WHOLE,
        **{k: ["fit", "stopped", "resume", "ended"] for k in (1, 2)},
    }
    scores = study(folder).trials()[1].intermediate_values
    assert sorted(scores) == list(range(EPOCHS)), "each epoch once"


@pytest.mark.slow
def test_all_killed_it_goes_on_from_the_checkpoint(folder: Path) -> None:
    first = elsewhere(folder, 2, seconds=0.5)
    wait(lambda: checkpoint(folder, 0))
    everything = [*psutil.Process(first.pid).children(recursive=True), psutil.Process(first.pid)]
    assert len(everything) == 2, "the run and the sweep"
    for process in reversed(everything):
        process.kill()
    first.wait()
    [trial] = study(folder).trials()
    wait(lambda: not study(folder).planned(trial).at_work())
    work(folder, 2)
    assert starts(folder) == {0: ["fit", "resume", "ended"], 1: WHOLE}
    assert states(folder) == ["COMPLETE"] * 2


def test_killed_before_a_checkpoint_it_starts_again(folder: Path) -> None:
    made = study(folder)
    taken = made.take()
    assert taken is not None
    work(folder, 2)
    assert starts(folder) == {0: WHOLE, 1: WHOLE}


def test_killed_while_a_trial_is_drawn_another_is_made(folder: Path) -> None:
    study(folder).study.ask()
    work(folder, 1)
    assert states(folder) == ["FAIL", "COMPLETE"]


def test_what_a_trial_draws_is_the_same_after_a_stop(tmp_path: Path) -> None:
    work(tmp_path / "whole", 4)
    for wanted in (1, 4):
        work(tmp_path / "parts", wanted)
    whole, parts = (study(tmp_path / name).trials() for name in ("whole", "parts"))
    assert [trial.params for trial in whole] == [trial.params for trial in parts]
    assert len({trial.params["model.lr"] for trial in whole}) == 4


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"high": 1.0}, "model.lr: .*high: 1.0.* now, .*high: 0.1"),
        ({"model.dropout": 0.5}, "model.dropout: 0.5 now, null in the study of"),
        ({"trainer.max_epochs": 9}, "trainer.max_epochs: 9 now, 4 in the study of"),
        ({"data": "e" * 64}, "SHA-256 of the data: ee.* now, ff.* in the study of"),
    ],
)
def test_what_could_not_be_compared_is_refused(
    folder: Path, changed: dict[str, object], said: str
) -> None:
    study(folder)
    with pytest.raises(UserError, match=f"{said}.*NAME="):
        study(folder, **changed)
