"""Runs in processes: none twice, none lost, whatever ends the comparison."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from kindling.errors import Stopped
from kindling.tools.compare import cells
from kindling.tools.compare.plan import PlannedRun, SeedOrFold
from kindling.tools.compare.pool import Pool, share_out

FAKE = Path(__file__).with_name("fake.py")


def cell(folder: Path, variant: str, seed: int) -> PlannedRun:
    settings = {"seed_everything": seed, "model": variant, "trainer.max_epochs": 2}
    unit = SeedOrFold(f"seed_{seed}", {"seed_everything": seed})
    return PlannedRun("t", variant, unit, folder / variant / unit.name, [], settings)


@pytest.fixture
def wanted(tmp_path: Path) -> list[PlannedRun]:
    return [cell(tmp_path, variant, seed) for seed in (0, 1) for variant in ("a", "b")]


class Fake:
    """What stands for the command of a run: how long it takes, and which cell fails."""

    def __init__(self, seconds: float = 0.0, failing: str = "") -> None:
        self.seconds, self.failing = seconds, failing

    def __call__(self, wanted: PlannedRun, threads: int) -> list[str]:
        run = cells.unfinished(wanted)
        place = run or wanted.folder / "t" / "version_0"
        config = json.dumps(
            {
                "seed_everything": wanted.unit.settings["seed_everything"],
                "model": {"class_path": wanted.variant},
                "trainer": {"max_epochs": 2},
            }
        )
        status = "1" if wanted.title == self.failing else "0"
        verb = "resume" if run else "train"
        words = [str(FAKE), "-", verb, str(place), config, str(self.seconds), status]
        return [sys.executable, *words]


def pool(command: Fake, jobs: int = 2) -> Pool:
    return Pool(jobs, 1, Console(quiet=True), command)


def starts(wanted: list[PlannedRun]) -> list[list[str]]:
    paths = [c.folder / "starts.txt" for c in wanted]
    return [path.read_text().split() if path.exists() else [] for path in paths]


def stop_when_started(wanted: list[PlannedRun], count: int, signum: int = signal.SIGTERM) -> None:
    """Send this process a signal once so many of the cells have been started."""
    patience = time.monotonic() + 100

    def wait() -> None:
        while sum(map(len, starts(wanted))) < count and time.monotonic() < patience:
            time.sleep(0.05)
        os.kill(os.getpid(), signum)

    threading.Thread(target=wait).start()


def test_what_is_finished_is_not_run_again(wanted: list[PlannedRun]) -> None:
    pool(Fake()).work(wanted[:3])
    assert starts(wanted) == [["train"], ["train"], ["train"], []]
    pool(Fake()).work(wanted)
    assert starts(wanted) == [["train"]] * 4
    assert all(cells.finished(c) for c in wanted)


def test_other_settings_are_another_run(wanted: list[PlannedRun]) -> None:
    pool(Fake()).work(wanted[:1])
    changed = PlannedRun(
        "t", "a", wanted[0].unit, wanted[0].folder, [], {**wanted[0].settings, "x": 1}
    )
    assert cells.finished(changed) is None
    assert cells.finished(wanted[0]) is not None, "which stays where it is"


def test_as_many_at_once_as_are_allowed(wanted: list[PlannedRun]) -> None:
    stop_when_started(wanted, 3)
    with pytest.raises(Stopped):
        pool(Fake(100), jobs=3).work(wanted)
    assert starts(wanted) == [["train"], ["train"], ["train"], []]


def test_a_run_of_other_settings_than_were_asked_for_is_named(wanted: list[PlannedRun]) -> None:
    other = cell(wanted[0].folder.parents[1], "a", 7)
    changed = replace(wanted[0], settings=other.settings)
    first = pool(Fake())
    first.work([changed])
    [said] = first.failed.values()
    assert said.startswith("made with other settings; was a configuration edited meanwhile?")


def test_one_that_fails_does_not_stop_the_others(wanted: list[PlannedRun]) -> None:
    first = pool(Fake(failing="b, seed 0"))
    first.work(wanted)
    assert first.failed == {"b, seed 0": "exit status 1: the loss became NaN"}
    assert [bool(cells.finished(c)) for c in wanted] == [True, False, True, True]
    again = pool(Fake())
    again.work(wanted)
    assert again.failed == {}
    assert starts(wanted) == [["train"], ["train", "train"], ["train"], ["train"]]


def test_stopped_runs_save_and_go_on(wanted: list[PlannedRun]) -> None:
    pool(Fake()).work(wanted[:1])
    stop_when_started(wanted, 3)
    with pytest.raises(Stopped, match="stopped by SIGTERM; 1 of 4 runs are finished") as stopped:
        pool(Fake(100)).work(wanted)
    assert stopped.value.status == 143
    assert all((cells.unfinished(c) is not None) for c in wanted[1:3])
    pool(Fake()).work(wanted)
    assert starts(wanted) == [["train"], ["train", "resume"], ["train", "resume"], ["train"]]
    assert all(cells.finished(c) for c in wanted)


def test_a_killed_comparison_leaves_runs_that_the_next_waits_for(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(FAKE.parent)!r})\n"
        "from pathlib import Path\n"
        "from test_pool import Fake, cell, pool\n"
        f"pool(Fake(4), jobs=1).work([cell(Path({str(tmp_path)!r}), 'a', k) for k in (0, 1)])\n"
    )
    first = subprocess.Popen([sys.executable, "-c", script])
    wanted = [cell(tmp_path, "a", k) for k in (0, 1)]
    patience = time.monotonic() + 60
    while not starts(wanted)[0]:
        assert time.monotonic() < patience
        time.sleep(0.05)
    first.kill()
    first.wait()
    assert cells.lock(wanted[0]) is None, "its run goes on, and has the lock"
    pool(Fake()).work(wanted)
    assert starts(wanted) == [["train"], ["train"]]
    assert all(cells.finished(c) for c in wanted)
    assert cells.Usage(wanted[0]).peak_mib is not None, "its end was seen all the same"


def test_memory_is_the_process_s_own_peak(wanted: list[PlannedRun]) -> None:
    """Not that of this process, which has torch in it and would count for those that it starts."""

    class Large(Fake):
        def __call__(self, wanted: PlannedRun, threads: int) -> list[str]:
            command = super().__call__(wanted, threads)
            size = 200 if wanted.variant == "a" else 1
            text = f"x = bytearray({size} << 20)\n" + FAKE.read_text()
            return [command[0], "-c", text, *command[2:]]

    pool(Large()).work(wanted[:2])
    large, small = (cells.Usage(c).peak_mib for c in wanted[:2])
    assert large is not None
    assert small is not None
    assert 180 < large - small < 260
    assert small < 60


def test_the_command_goes_on_where_there_is_something(wanted: list[PlannedRun]) -> None:
    first = wanted[0]
    assert cells.command(first, 3)[3:] == [
        "train",
        f"--logs={first.folder}",
        "--threads=3",
        "--trainer.enable_progress_bar=false",
    ]
    pool(Fake(failing="a, seed 0")).work([first])
    run = first.folder / "t" / "version_0"
    cells.command(first, 1)
    assert not run.exists(), "nothing was saved in it"
    (first.folder / "starts.txt").unlink()
    stop_when_started([first], 1, signal.SIGINT)
    with pytest.raises(Stopped, match="SIGINT"):
        pool(Fake(100)).work([first])
    assert cells.command(first, 1)[3:] == ["train", f"--run={run}"]
    (run / "checkpoints" / "best.ckpt").touch()
    (run / "provenance.json").write_text('{"wall_time_s": 3.0}')
    assert cells.command(first, 1)[3:] == ["test", f"--run={run}"]


@pytest.mark.parametrize(
    ("runs", "cores", "gpus", "jobs", "shared"),
    [
        (9, 2, 0, None, (2, 1)),
        (9, 64, 0, None, (9, 7)),
        (9, 64, 0, 4, (4, 16)),
        (9, 8, 1, None, (1, 8)),
        (1, 4, 0, None, (1, 4)),
    ],
)
def test_cores_are_shared_out(
    runs: int, cores: int, gpus: int, jobs: int | None, shared: tuple[int, int]
) -> None:
    assert share_out(runs, cores, gpus, jobs) == shared
