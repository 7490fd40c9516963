"""Several processes: the scores of one, a single run folder, and an end together."""

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
from kindling.data import paths
from tests.engine.toy import QUIET, TABLE, Run, write_table

SMALL = (*TABLE[:2], "--data.batch_size=5", "--trainer.accelerator=cpu", QUIET)
TWO = ("--config=ddp", "--trainer.devices=2")
ENDLESS = ("--trainer.max_epochs=100000", "--early_stopping.patience=100000")
ALONE = {k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "MASTER_PORT")}
ENVIRONMENT = {**ALONE, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(["src", "."])}
Process = subprocess.Popen[str]


def start(folder: Path, *args: str, program: Sequence[str] = ("-m", "kindling")) -> Process:
    """A command of its own on a table in the folder, in the project's."""
    root = folder / "table"
    if not root.exists():
        write_table(root, 205)  # no multiple of what two processes evaluate at once
    return subprocess.Popen(
        [sys.executable, *program, *args, f"--data.root={root}"],
        env=ENVIRONMENT,
        cwd=paths.PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """A run of two processes, and what it printed."""
    logs = tmp_path_factory.mktemp("two")
    short = ("--trainer.max_epochs=2", f"--logs={logs / 'logs'}")
    process = start(logs, "train", *SMALL, *TWO, *short)
    printed, _ = process.communicate(timeout=240)
    assert process.returncode == 0, printed
    return Run(logs / "logs" / "toy" / "version_0"), printed


def test_scores_are_those_of_one_process(trained: tuple[Run, str]) -> None:
    """Each sample counted once, where validation is no multiple of the batches of both."""
    run, _ = trained
    assert main(["validate", f"--run={run.folder}", "--ckpt_path=last", QUIET]) == 0
    alone = run.json("results_val")
    assert alone["samples"] % (2 * 4 * 5)
    for name, score in alone["metrics"].items():
        assert run.rows()[-1][f"val/{name}"] == pytest.approx(score["value"], abs=1e-6)


def test_there_is_one_run_and_the_first_process_alone_speaks(trained: tuple[Run, str]) -> None:
    run, printed = trained
    assert sorted(path.name for path in run.folder.parent.iterdir()) == ["latest", "version_0"]
    assert [row["epoch"] for row in run.rows()] == [0, 1]
    for line in ("ToyNet", "device ", "95 % interval"):
        assert printed.count(line) == 1
    assert run.json("provenance")["device"]["processes"] == 2
    # The test split is predicted whole and in order.
    found = [int(row["row"]) for row in run.table("predictions")]
    assert found == sorted(set(found))
    assert len(found) == run.json("results")["samples"]


@pytest.fixture
def training(tmp_path: Path) -> Iterator[tuple[Run, Process]]:
    """Two processes that train until they are stopped, once the first checkpoint is there."""
    process = start(tmp_path, "fit", *SMALL, *TWO, *ENDLESS, f"--logs={tmp_path / 'logs'}")
    run = Run(tmp_path / "logs" / "toy" / "version_0")
    wait_for(run, process)
    yield run, process
    process.kill()
    process.communicate()


def wait_for(run: Run, process: Process) -> None:
    while not (run.folder / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.2)


def goes_on(run: Run) -> None:
    epoch = int(run.rows()[-1]["epoch"])
    more = ["--trainer.devices=1", f"--trainer.max_epochs={epoch + 2}", QUIET]
    assert main(["fit", f"--run={run.folder}", *more]) == 0
    assert [row["epoch"] for row in run.rows()] == [*range(epoch + 2)]


@pytest.mark.slow
def test_when_one_is_killed_the_other_says_so_and_the_run_goes_on(
    training: tuple[Run, Process],
) -> None:
    run, process = training
    children = psutil.Process(process.pid).children()
    [other] = [child for child in children if "kindling.__main__" in child.cmdline()]
    other.kill()
    printed, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "process 1 of 2 (counted from 0) was ended by SIGKILL" in printed
    assert "make resume RUN=" in printed
    goes_on(run)


@pytest.mark.slow
def test_both_stop_when_the_first_is_told_to(training: tuple[Run, Process]) -> None:
    run, process = training
    process.send_signal(signal.SIGTERM)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert printed.count("stopped by SIGTERM") == 1
    goes_on(run)


@pytest.mark.slow
def test_two_nodes_of_one_process_by_torchrun(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    # Torchrun takes --logs for its own --logs-specs, wherever it stands.
    (tmp_path / "here.yaml").write_text(f"logs: {tmp_path / 'logs'}\n")
    flags = ("--trainer.max_epochs=2", f"--config={tmp_path / 'here.yaml'}", "--config=ddp")
    torchrun = ("-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=1")
    where = ("--master_addr=127.0.0.1", f"--master_port={port}")
    two = ("--trainer.num_nodes=2", "--trainer.devices=1")
    nodes = [
        start(
            tmp_path,
            *("-m", "kindling", "train", *SMALL, *flags, *two),
            program=(*torchrun, *where, f"--node_rank={rank}"),
        )
        for rank in range(2)
    ]
    printed = [node.communicate(timeout=180)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], printed
    assert printed[0].count("95 % interval") == 1
    assert "95 % interval" not in printed[1]
    assert len(Run(tmp_path / "logs" / "toy" / "version_0").rows()) == 2


@pytest.mark.slow
def test_a_requeued_job_goes_on_in_its_run(tmp_path: Path) -> None:
    """The batch script, with stand-ins for SLURM's programs: one process, and a noted requeue."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "srun").write_text('#!/bin/sh\nexec "$@"\n')
    (programs / "scontrol").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/requeued\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    for name in (".venv", "tests", "src"):
        (tmp_path / name).symlink_to(paths.PROJECT / name)
    slurm = {"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_JOB_ID": "7", "SLURM_NNODES": "1"}
    flags = [*SMALL, "--early_stopping.patience=100000", "--trainer.max_epochs=400"]
    script = ["bash", str(paths.PROJECT / "scripts" / "slurm.sh"), *flags]
    root = f"--data.root={write_table(tmp_path / 'table')}"
    environment = {**ENVIRONMENT, **slurm}
    job = subprocess.Popen([*script, root], cwd=tmp_path, env=environment, text=True)
    run = Run(tmp_path / "logs" / "slurm-7" / "toy" / "version_0")
    wait_for(run, job)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(timeout=60) == 0
    assert (tmp_path / "requeued").read_text() == "requeue 7\n"
    assert not (run.folder / "results.json").exists()
    done = subprocess.run([*script, root], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0
    assert [path.name for path in run.folder.parent.glob("version_*")] == ["version_0"]
    assert [row["epoch"] for row in run.rows()] == [*range(400)]
