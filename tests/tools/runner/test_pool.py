"""Runs in processes: none twice, none lost, whatever ends the command that started them."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from kindling.data import paths
from kindling.errors import Stopped
from kindling.tools.runner.executors import Local, Room, share_out
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Runs
from kindling.tools.runner.process import WHERE
from tests.tools.runner.simulated import Fake, starts, wait

WHOLE = ["train", "ended"]


def planned(folder: Path, name: str, seed: int) -> PlannedRun:
    settings = {"seed_everything": seed, "model": name, "trainer.max_epochs": 4}
    return PlannedRun(f"{name}, seed {seed}", "t", folder / name / str(seed), [], settings)


@pytest.fixture
def wanted(tmp_path: Path) -> list[PlannedRun]:
    return [planned(tmp_path, name, seed) for seed in (0, 1) for name in ("a", "b")]


def work(wanted: list[PlannedRun], command: Fake | None = None, jobs: int = 2) -> dict[str, str]:
    """What could not be made, and why."""
    pool = Runs(wanted, Room(jobs, 1, Local()), Console(quiet=True))
    with (command or Fake()).standing_in():
        pool.work()
    return pool.failed


def noted(wanted: list[PlannedRun]) -> list[list[str]]:
    return [starts(run.folder) for run in wanted]


def stop_when_started(wanted: list[PlannedRun], count: int, signum: int = signal.SIGTERM) -> None:
    """Send this process a signal once so many of the runs are at work."""

    def stop() -> None:
        wait(lambda: sum(map(bool, noted(wanted))) >= count)
        os.kill(os.getpid(), signum)

    threading.Thread(target=stop).start()


def test_what_is_finished_is_not_run_again(wanted: list[PlannedRun]) -> None:
    assert work(wanted[:3]) == {}
    assert noted(wanted) == [WHOLE, WHOLE, WHOLE, []]
    work(wanted)
    assert noted(wanted) == [WHOLE] * 4
    assert all(run.finished() for run in wanted)
    other = replace(wanted[0], settings={**wanted[0].settings, "model.lr": 1})
    assert other.finished() is None, "other settings are another run"


def test_one_that_fails_is_named_and_does_not_stop_the_others(wanted: list[PlannedRun]) -> None:
    failed = work(wanted, Fake(failing=lambda title: title == "b, seed 0"))
    assert failed == {"b, seed 0": "exit status 1: the loss became NaN"}
    assert [bool(run.finished()) for run in wanted] == [True, False, True, True]
    assert work(wanted) == {}
    assert noted(wanted) == [WHOLE, ["train", *WHOLE], WHOLE, WHOLE]


def test_a_run_of_other_settings_than_were_asked_for_is_named(wanted: list[PlannedRun]) -> None:
    class Edited(Fake):
        def command(self, planned: PlannedRun) -> list[str]:
            return super().command(replace(planned, settings={"model": "c"}))

    [said] = work(wanted[:1], Edited()).values()
    assert said.startswith("made with other settings; was a configuration edited meanwhile?")


def test_stopped_runs_save_and_go_on(wanted: list[PlannedRun]) -> None:
    work(wanted[:1])
    stop_when_started(wanted, 3)
    with pytest.raises(Stopped, match="stopped by SIGTERM; 1 of 4 runs are finished") as stopped:
        work(wanted, Fake(seconds=100))
    assert stopped.value.status == 143
    assert noted(wanted)[3] == [], "no more at once than are allowed"
    work(wanted)
    on = ["train", "stopped", "resume", "ended"]
    assert noted(wanted) == [WHOLE, on, on, WHOLE]
    assert all(run.finished() for run in wanted)


def test_a_killed_command_leaves_runs_that_the_next_waits_for(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from tests.tools.runner.test_pool import Fake, planned, work\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "work([planned(folder, 'a', k) for k in (0, 1)], Fake(seconds=0.7), jobs=1)\n"
    )
    first = subprocess.Popen([sys.executable, "-c", script], cwd=paths.PROJECT)
    wanted = [planned(tmp_path, "a", k) for k in (0, 1)]
    wait(lambda: noted(wanted)[0])
    first.kill()
    first.wait()
    assert wanted[0].at_work()
    work(wanted)
    assert noted(wanted) == [WHOLE, WHOLE]


def test_each_run_has_gpus_of_its_own(tmp_path: Path) -> None:
    wanted = [planned(tmp_path, "a", seed) for seed in range(3)]
    wanted[2].settings["trainer.devices"] = 2
    pool = Runs(wanted, Room(2, 1, Local(["4", "7"])), Console(quiet=True))
    with Fake(seconds=0.2).standing_in():
        pool.work()
    where = [(run.folder / WHERE).read_text().partition(", ")[2] for run in wanted]
    assert where[:2] == ["GPU 4", "GPU 7"]
    assert sorted(where[2].removeprefix("GPU ").split(",")) == ["4", "7"]


def test_the_command_goes_on_where_there_is_something(wanted: list[PlannedRun]) -> None:
    first = wanted[0]
    quiet = "--trainer.enable_progress_bar=false"
    begins = ["train", f"--logs={first.folder}", "--threads=3", quiet]
    assert first.command(3)[3:] == begins
    work([first], Fake(failing=lambda title: True))
    run = first.folder / "t" / "version_0"
    assert first.command(3)[3:] == begins
    assert not run.exists(), "nothing was saved in it"
    (first.folder / "starts.txt").unlink()
    stop_when_started([first], 1, signal.SIGINT)
    with pytest.raises(Stopped, match="SIGINT"):
        work([first], Fake(seconds=100))
    assert first.command(1)[3:] == ["train", f"--run={run}"]
    (run / "checkpoints" / "best.ckpt").touch()
    (run / "provenance.json").write_text('{"wall_time_s": 3.0}')
    assert first.command(1)[3:] == ["test", f"--run={run}"]


@pytest.mark.parametrize(
    ("runs", "cores", "gpus", "jobs", "shared"),
    [
        (9, 2, 0, None, (2, 1)),
        (9, 64, 0, None, (9, 7)),
        (9, 64, 0, 4, (4, 16)),
        (9, 8, 1, None, (1, 8)),
        (9, 8, 4, None, (4, 2)),
        (1, 4, 0, None, (1, 4)),
    ],
)
def test_cores_are_shared_out(
    runs: int, cores: int, gpus: int, jobs: int | None, shared: tuple[int, int]
) -> None:
    assert share_out(runs, cores, gpus, jobs) == shared
