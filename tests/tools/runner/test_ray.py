"""Runs as tasks of Ray: on a cluster of this machine, and on one that loses one of two machines."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from kindling.api.record import Record
from kindling.data import paths
from kindling.tools.runner.planned import WHERE
from tests.tools.runner.simulated import fake_runs, noted, wait

pytest.importorskip("ray")

FAKES = """
import sys
from pathlib import Path
from kindling.__main__ import ended
from kindling.tools.runner.executors import Ray
from tests.tools.runner.simulated import fake_runs, work
wanted = fake_runs(Path({folder!r}), 2)
fake = dict(seconds={seconds}, failing=[{failing!r}])
sys.exit(ended(lambda: print(work(wanted, Ray(2, 2, None), **fake))))
"""


def ray_work(folder: Path, seconds: float = 0, failing: str = "") -> subprocess.Popen[str]:
    """Two runs, on a cluster that is started for them."""
    code = FAKES.format(folder=str(folder), seconds=seconds, failing=failing)
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code], cwd=paths.PROJECT, **pipes)


def test_one_that_fails_is_named_and_does_not_stop_the_other(tmp_path: Path) -> None:
    said, errors = ray_work(tmp_path, failing="run 0").communicate(timeout=300)
    assert said.endswith("{'run 0': 'exit status 1: the loss became NaN'}\n"), errors
    wanted = fake_runs(tmp_path, 2)
    assert noted(wanted) == [["train"], ["train", "ended"]]
    assert (wanted[1].folder / WHERE).read_text().startswith(socket.gethostname())


@pytest.mark.slow
def test_stopped_runs_save_and_go_on(tmp_path: Path) -> None:
    wanted = fake_runs(tmp_path, 2)
    command = ray_work(tmp_path, seconds=1)
    wait(lambda: all(any(run.folder.rglob("last.ckpt")) for run in wanted))
    command.send_signal(signal.SIGTERM)
    _, errors = command.communicate(timeout=100)
    assert command.returncode == 143, errors
    assert "0 of 2 runs are finished; the same command continues" in errors
    said, errors = ray_work(tmp_path).communicate(timeout=300)
    assert said.endswith("{}\n"), errors
    on = ["train", "stopped", "resume", "ended"]
    assert noted(wanted) == [on, on]


class Machine:
    """What a machine of a Ray cluster consists of: processes here, at an address of its own."""

    def __init__(self, number: int, port: int) -> None:
        at = f"--node-ip-address=127.0.0.{number}"
        head = ["--head", f"--port={port}", "--include-dashboard=false", "--disable-usage-stats"]
        which = head if number == 1 else [f"--address=127.0.0.1:{port}"]
        room = ["--num-cpus=1", f"--object-store-memory={100 * 1024**2}", "--block"]
        quick = {"RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3"}
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("ray"), "start", *which, at, *room],
            cwd=paths.PROJECT,
            env={**os.environ, **quick},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def all(self) -> list[psutil.Process]:
        started = psutil.Process(self.process.pid)
        return [started, *started.children(recursive=True)]

    def trains(self) -> bool:
        """Whether a run on it has got as far as to have saved something."""
        words = [word for each in self.all() for word in cmdline(each)]
        folders = [Path(word.removeprefix("--logs=")) for word in words if "--logs=" in word]
        return any(any(folder.rglob("last.ckpt")) for folder in folders)

    def kill(self) -> None:
        if self.process.poll() is None:
            for each in self.all():
                each.kill()
        self.process.wait()


def cmdline(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return words


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of a cluster that asks nobody for a token."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def machines(port: int) -> Iterator[list[Machine]]:
    started: list[Machine] = []
    try:
        for number in (1, 2):
            started.append(Machine(number, port))
            wait(lambda: any("raylet" in each.name() for each in started[-1].all()))
            time.sleep(5)  # until it has joined
        yield started
    finally:
        for machine in reversed(started):
            machine.kill()


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_what_a_lost_machine_made_goes_on_elsewhere(tmp_path: Path, port: int) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("variants:\n  few: --model.hidden=[4]\n  many: --model.hidden=[8]\n")
    flags = ["--task=toy", f"--plan={plan}", "--name=x", "--jobs=2", "--trainer.deterministic=true"]
    flags += ["--trainer.max_epochs=60", "--early_stopping.patience=60"]
    command = [sys.executable, "-m", "kindling", "compare", *flags]
    with machines(port) as (_, lost):
        there = [f"--logs={tmp_path / 'ray'}", "--executor=ray", f"--address=127.0.0.1:{port}"]
        compare = subprocess.Popen([*command, *there], stderr=subprocess.PIPE, text=True)
        wait(lost.trains)
        lost.kill()
        _, errors = compare.communicate(timeout=900)
        assert compare.returncode == 0, errors
    subprocess.run([*command, f"--logs={tmp_path / 'local'}"], check=True)
    folders = [tmp_path / name / "toy" / "compare" / "x" for name in ("ray", "local")]
    once, again = ((folder / "scores.csv").read_text() for folder in folders)
    assert once == again
    records = [Record(run) for run in folders[0].glob("runs/*/*/toy/version_*")]
    assert [record.folder.name for record in records] == ["version_0"] * 6
    assert sum(record.resumed for record in records) == 1
