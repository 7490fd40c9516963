"""Runs as jobs of SLURM, which a few scripts on the PATH stand for, or submitit on this machine."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from kindling.api.record import Record
from kindling.data import paths
from kindling.errors import Stopped, UserError
from kindling.tools.runner.planned import WHERE, PlannedRun
from tests.tools.runner import standin
from tests.tools.runner.simulated import EPOCHS, fake_runs, noted, wait, work

pytest.importorskip("submitit")
Slurm = pytest.importorskip("kindling.tools.runner.executors").Slurm

WHOLE = ["train", "ended"]
ON = ["train", "stopped", "resume", "ended"]
ASKED = """
timeout_min: 240
cpus_per_task: 3
mem_gb: 16
gpus_per_node: 1
slurm_partition: gpu
slurm_array_parallelism: 2
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stand-in for SLURM."""
    commands, place = tmp_path / "bin", tmp_path / "slurm"
    commands.mkdir()
    place.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel", "scontrol"):
        path = commands / name
        path.write_text(f"#!{sys.executable}\n" + Path(standin.__file__).read_text())
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN", str(place))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(paths.PROJECT / "src"), "."]))
    monkeypatch.setattr(standin, "PLACE", place)
    return place


def slurm_work(wanted: Sequence[PlannedRun], asked: str, **fake: Any) -> dict[str, str]:
    """Runs that failed, and why."""
    file = wanted[0].folder.parent / "slurm.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(asked)
    return work(wanted, Slurm(len(wanted), None, file, file.parent / ".slurm"), **fake)


def meanwhile(wanted: list[PlannedRun], then: Callable[[], object]) -> None:
    """Do something once all runs have saved something."""

    def later() -> None:
        wait(lambda: all(any(run.folder.rglob("last.ckpt")) for run in wanted))
        then()

    threading.Thread(target=later).start()


def test_one_array_that_asks_for_what_the_file_says(tmp_path: Path, slurm: Path) -> None:
    wanted = fake_runs(tmp_path / "runs", 3)
    failed = slurm_work(wanted, ASKED, failing=["run 1"])
    assert failed == {"run 1": "exit status 1: the loss became NaN"}
    assert noted(wanted) == [WHOLE, ["train"], WHOLE]
    asked = (slurm / "asked").read_text().splitlines()
    assert {
        "--time=240",
        "--cpus-per-task=3",
        "--mem=16GB",
        "--gpus-per-node=1",
        "--partition=gpu",
        "--array=0-2%2",
        "--requeue",
    } <= set(asked)
    assert len(list(slurm.glob("*.sh"))) == 1
    assert (wanted[0].folder / WHERE).read_text().startswith(os.uname().nodename)


@pytest.mark.slow
def test_a_job_whose_time_is_up_saves_and_is_requeued(tmp_path: Path, slurm: Path) -> None:
    wanted = fake_runs(tmp_path / "runs", 2)

    def warn() -> None:
        for process in standin.tree("100_0"):
            if process.name() != "bash":
                process.send_signal(signal.SIGUSR2)  # to all of its processes, as SLURM does

    meanwhile(wanted, warn)
    assert slurm_work(wanted, ASKED, seconds=1) == {}
    assert noted(wanted) == [ON, WHOLE]


def test_stopped_runs_save_and_go_on(tmp_path: Path, slurm: Path) -> None:
    wanted = fake_runs(tmp_path / "runs", 2)
    meanwhile(wanted, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped, match="0 of 2 runs are finished"):
        slurm_work(wanted, ASKED, seconds=0.5)
    assert not any(run.at_work() for run in wanted)
    assert slurm_work(wanted, ASKED) == {}
    assert noted(wanted) == [ON, ON]
    rows = (wanted[0].folder / "t/version_0/metrics.csv").read_text().splitlines()
    assert len(rows) == 1 + EPOCHS


COMMAND = """
from pathlib import Path
from tests.tools.runner.test_slurm import ASKED, fake_runs, slurm_work
slurm_work(fake_runs(Path({folder!r}), 2), ASKED)
"""


def test_jobs_that_are_still_queued_are_found_again(tmp_path: Path, slurm: Path) -> None:
    """Their command is killed before any of them begins."""
    full = slurm / "full"
    full.touch()
    folder = tmp_path / "runs"
    code = COMMAND.format(folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", code], cwd=paths.PROJECT) as killed:
        wait(lambda: len(list(folder.glob("*/job.txt"))) == 2)
        killed.kill()
    wanted = fake_runs(folder, 2)
    threading.Timer(1, full.unlink).start()
    assert slurm_work(wanted, ASKED) == {}
    assert noted(wanted) == [WHOLE, WHOLE]
    assert len(list(slurm.glob("*.sh"))) == 1, "nothing was submitted twice"


@pytest.mark.slow
def test_a_job_that_dies_is_named(tmp_path: Path, slurm: Path) -> None:
    wanted = fake_runs(tmp_path / "runs", 1)

    def kill() -> None:
        for process in reversed(standin.tree("100")):
            process.kill()

    meanwhile(wanted, kill)
    [message] = slurm_work(wanted, ASKED, seconds=1).values()
    assert message.startswith("job 100 ended without output (COMPLETED): see ")
    assert slurm_work(wanted, ASKED) == {}
    assert noted(wanted) == [["train", "resume", "ended"]]


def preempt(command: int) -> None:
    """Warn the jobs that submitit has started on this machine for a command."""
    for process in psutil.Process(command).children(recursive=True):
        if "submitit.core._submit" in process.cmdline():
            process.send_signal(signal.SIGUSR2)


@pytest.mark.slow
@pytest.mark.usefixtures("toy")
def test_real_runs_that_were_preempted_score_as_those_that_were_not(tmp_path: Path) -> None:
    plan, asked = tmp_path / "plan.yaml", tmp_path / "slurm.yaml"
    plan.write_text("variants:\n  few: --model.hidden=[4]\n  many: --model.hidden=[8]\n")
    asked.write_text("{cluster: local, timeout_min: 30}")
    flags = ["--task=toy", f"--plan={plan}", "--seeds=1", "--name=x", "--trainer.max_epochs=60"]
    flags += ["--early_stopping.patience=60", "--trainer.deterministic=true"]
    command = [sys.executable, "-m", "kindling", "compare", *flags]
    there = [f"--logs={tmp_path / 'slurm'}", "--executor=slurm", f"--slurm={asked}"]
    compare = subprocess.Popen([*command, *there], stderr=subprocess.PIPE, text=True)
    runs = tmp_path / "slurm/toy/compare/x/runs"
    wait(lambda: any(runs.rglob("last.ckpt")))
    preempt(compare.pid)
    _, errors = compare.communicate(timeout=500)
    assert compare.returncode == 0, errors
    assert any(Record(path.parent).resumed for path in runs.rglob("results.json"))
    subprocess.run([*command, f"--logs={tmp_path / 'local'}"], check=True)
    once, again = (tmp_path / name / "toy/compare/x/scores.csv" for name in ("slurm", "local"))
    assert once.read_text() == again.read_text()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("slurm_partitio: gpu", "slurm.yaml: .*Unknown argument 'partitio'"),
        ("timeout_min: long", "slurm.yaml: .*timeout_min.* expected type"),
        ("- 3", "slurm.yaml: holds no settings"),
    ],
)
@pytest.mark.usefixtures("slurm")
def test_what_is_wrong_is_said_in_a_line(tmp_path: Path, asked: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        slurm_work(fake_runs(tmp_path / "runs", 1), asked)


def test_without_slurm_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"none.yaml: no such file"):
        Slurm(1, None, tmp_path / "none.yaml", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match='Could not detect "srun"'):
        slurm_work(fake_runs(tmp_path / "runs", 1), ASKED)
