"""Runs in processes: none twice, none lost, whatever ends the command that started them."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kindling.data import paths
from kindling.errors import Stopped
from kindling.tools.runner.executors import Local, share_out
from kindling.tools.runner.planned import WHERE, PlannedRun
from tests.tools.runner.simulated import fake_runs, noted, wait, work

WHOLE = ["train", "ended"]


@pytest.fixture
def wanted(tmp_path: Path) -> list[PlannedRun]:
    return fake_runs(tmp_path, 4)


def test_what_is_finished_is_not_run_again(wanted: list[PlannedRun]) -> None:
    assert work(wanted[:3]) == {}
    assert noted(wanted) == [WHOLE, WHOLE, WHOLE, []]
    work(wanted)
    assert noted(wanted) == [WHOLE] * 4
    assert all(run.finished() for run in wanted)
    other = replace(wanted[0], settings={**wanted[0].settings, "model.lr": 1})
    assert other.finished() is None, "other settings are another run"


def test_one_that_fails_is_named_and_does_not_stop_the_others(wanted: list[PlannedRun]) -> None:
    assert work(wanted, failing=["run 1"]) == {"run 1": "exit status 1: the loss became NaN"}
    assert [bool(run.finished()) for run in wanted] == [True, False, True, True]
    assert work(wanted) == {}
    assert noted(wanted) == [WHOLE, ["train", *WHOLE], WHOLE, WHOLE]


def test_a_run_of_other_settings_than_were_asked_for_is_named(wanted: list[PlannedRun]) -> None:
    [message] = work(wanted[:1], settings={"model": "c"}).values()
    assert message.startswith("made with other settings; was a configuration edited meanwhile?")


def test_stopped_runs_save_and_go_on(wanted: list[PlannedRun]) -> None:
    work(wanted[:1])

    def stop() -> None:
        wait(lambda: sum(map(bool, noted(wanted))) == 3)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    with pytest.raises(Stopped, match="stopped by SIGTERM; 1 of 4 runs are finished") as stopped:
        work(wanted, seconds=100)
    assert stopped.value.status == 143
    assert noted(wanted)[3] == [], "no more at once than are allowed"
    work(wanted)
    on = ["train", "stopped", "resume", "ended"]
    assert noted(wanted) == [WHOLE, on, on, WHOLE]
    assert all(run.finished() for run in wanted)


def test_a_killed_command_leaves_runs_that_the_next_waits_for(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from kindling.tools.runner.executors import Local\n"
        "from tests.tools.runner.simulated import fake_runs, work\n"
        f"work(fake_runs(Path({str(tmp_path)!r}), 2), Local(2, 1), seconds=0.7)\n"
    )
    wanted = fake_runs(tmp_path, 2)
    with subprocess.Popen([sys.executable, "-c", script], cwd=paths.PROJECT) as killed:
        wait(lambda: noted(wanted)[0])
        killed.kill()
    assert wanted[0].at_work()
    work(wanted)
    assert noted(wanted) == [WHOLE, WHOLE]


def test_each_run_has_gpus_of_its_own(tmp_path: Path) -> None:
    wanted = fake_runs(tmp_path, 3)
    wanted[2].settings["trainer.devices"] = 2
    work(wanted, Local(3, 2, ["4", "7"]), seconds=0.2)
    where = [(run.folder / WHERE).read_text().partition(", ")[2] for run in wanted]
    assert where[:2] == ["GPU 4", "GPU 7"]
    assert sorted(where[2].removeprefix("GPU ").split(",")) == ["4", "7"]


@pytest.mark.parametrize(
    ("given", "shared"),
    [((9, 2, 0), (2, 1)), ((9, 64, 0), (9, 7)), ((9, 64, 0, 4), (4, 16)), ((9, 8, 4), (4, 2))],
)
def test_cores_are_shared_out(given: tuple[int, ...], shared: tuple[int, int]) -> None:
    assert share_out(*given) == shared
