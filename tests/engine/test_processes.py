"""Several processes: the scores of one, a single run folder, and an end together."""

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest

from kindling.__main__ import main
from kindling.cli import lightning_cli as cli
from kindling.errors import Stopped

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
SMALL = ("--config=potability", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false")
TWO = ("--config=ddp", "--trainer.devices=2")
QUIET = "--trainer.enable_progress_bar=false"


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "kindling", *args]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two processes, and what it printed."""
    logs = tmp_path_factory.mktemp("two")
    args = command("train", *SMALL, *TWO, "--trainer.max_epochs=2", f"--logs={logs}")
    done = subprocess.run(args, env=ONE_THREAD, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return logs / "potability" / "version_0", done.stdout


def test_scores_are_those_of_one_process(trained: tuple[Path, str]) -> None:
    """Each sample counted once: 524 validation rows are no multiple of 2 x 256."""
    run, _ = trained
    assert main(["validate", "--run", str(run), "--ckpt_path=last", QUIET]) == 0
    alone = json.loads((run / "results_val.json").read_text())
    assert alone["samples"] == 524
    together = rows(run / "metrics.csv")[-1]
    for name, score in alone["metrics"].items():
        assert float(together[f"val/{name}"]) == pytest.approx(score["value"], abs=1e-6)


def test_there_is_one_run_and_the_first_process_alone_speaks(trained: tuple[Path, str]) -> None:
    run, printed = trained
    assert sorted(path.name for path in run.parent.iterdir()) == ["latest", "version_0"]
    assert [row["epoch"] for row in rows(run / "metrics.csv")] == ["0", "1"]
    for line in ("PotabilityModule", "device ", "95 % interval"):
        assert printed.count(line) == 1
    assert json.loads((run / "provenance.json").read_text())["device"]["processes"] == 2


def test_the_test_split_is_predicted_whole_and_in_order(trained: tuple[Path, str]) -> None:
    found = [int(row["row"]) for row in rows(trained[0] / "predictions.csv")]
    assert found == sorted(found)
    assert len(set(found)) == json.loads((trained[0] / "results.json").read_text())["samples"]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """Two processes that train until they are stopped, once the first checkpoint is there."""
    args = command("fit", *SMALL, *TWO, "--trainer.max_epochs=100000", f"--logs={tmp_path}")
    endless = [*args, "--early_stopping.patience=100000"]
    process = subprocess.Popen(
        endless, env=ONE_THREAD, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    run = tmp_path / "potability" / "version_0"
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)
    yield run, process
    process.kill()
    process.communicate()


def goes_on(run: Path) -> None:
    epoch = int(rows(run / "metrics.csv")[-1]["epoch"])
    more = ["--trainer.devices=1", f"--trainer.max_epochs={epoch + 2}", QUIET]
    assert main(["fit", "--run", str(run), *more]) == 0
    assert [int(row["epoch"]) for row in rows(run / "metrics.csv")] == [*range(epoch + 2)]


@pytest.mark.slow
def test_when_one_is_killed_the_other_says_so_and_the_run_goes_on(
    training: tuple[Path, subprocess.Popen[str]],
) -> None:
    run, process = training
    children = psutil.Process(process.pid).children()
    [other] = [child for child in children if "kindling.__main__" in child.cmdline()]
    other.kill()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "another process of this run has ended" in printed or "[rank: 1]" in printed
    goes_on(run)


@pytest.mark.parametrize(("together", "status"), [(True, 0), (False, 143)])
def test_a_process_that_stops_alone_fails_so_that_the_first_does_not_wait_for_it(
    together: bool,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stopped(invocation: object) -> None:
        raise Stopped("stopped by SIGTERM", signal.SIGTERM, together)

    monkeypatch.setattr(cli, "run", stopped)
    for rank, expected in (("1", status), ("0", 143)):
        monkeypatch.setenv("LOCAL_RANK", rank)
        assert main(["fit", *SMALL]) == expected
        assert bool(capsys.readouterr().err) == (rank == "0")


@pytest.mark.slow
def test_both_stop_when_the_first_is_told_to(
    training: tuple[Path, subprocess.Popen[str]],
) -> None:
    run, process = training
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert printed.count("stopped by SIGTERM") == 1
    goes_on(run)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.mark.slow
def test_two_nodes_of_one_process_by_torchrun(tmp_path: Path) -> None:
    where = ["--master_addr=127.0.0.1", f"--master_port={free_port()}", "--nproc_per_node=1"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", *where]
    flags = [*SMALL, "--config=ddp", "--trainer.num_nodes=2", "--trainer.devices=1"]
    # Torchrun takes --logs for its own --logs-specs, wherever it stands.
    (tmp_path / "here.yaml").write_text(f"logs: {tmp_path}\n")
    flags += ["--trainer.max_epochs=2", f"--config={tmp_path / 'here.yaml'}"]
    nodes = [
        subprocess.Popen(
            [*torchrun, f"--node_rank={rank}", "-m", "kindling", "train", *flags],
            env=ONE_THREAD,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [node.communicate(timeout=180)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], printed
    assert printed[0].count("95 % interval") == 1
    assert "95 % interval" not in printed[1]
    assert len(rows(tmp_path / "potability" / "version_0" / "metrics.csv")) == 2


@pytest.fixture
def slurm(tmp_path: Path) -> Sequence[str]:
    """The batch script, with stand-ins for SLURM's programs: one process, and a noted requeue."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (bin_ / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/requeued\n')
    for program in bin_.iterdir():
        program.chmod(0o755)
    return [f"PATH={bin_}:{os.environ['PATH']}", "SLURM_JOB_ID=7", "SLURM_NNODES=1"]


@pytest.mark.slow
def test_a_requeued_job_goes_on_in_its_run(slurm: Sequence[str], tmp_path: Path) -> None:
    project = Path(__file__).parents[2]
    endless = ["--early_stopping.patience=100000", "--trainer.max_epochs=400"]
    (tmp_path / ".venv").symlink_to(project / ".venv")
    script = ["env", *slurm, "bash", str(project / "scripts" / "slurm.sh"), *SMALL, *endless]
    job = subprocess.Popen(script, cwd=tmp_path, env=ONE_THREAD, start_new_session=True)
    run = tmp_path / "logs" / "slurm-7" / "potability" / "version_0"
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert job.poll() is None
        time.sleep(0.2)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=60) == 0
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
    assert not (run / "results.json").exists()
    assert subprocess.run(script, cwd=tmp_path, env=ONE_THREAD, check=False).returncode == 0
    assert [path.name for path in run.parent.glob("version_*")] == ["version_0"]
    assert [int(row["epoch"]) for row in rows(run / "metrics.csv")] == [*range(400)]
