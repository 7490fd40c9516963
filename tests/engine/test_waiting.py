"""A process that is gone is waited for by none: what is left of a run, and who says so."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.__main__ import main
from kindling.data import paths
from tests.engine.test_processes import ENVIRONMENT, SMALL, TWO, start
from tests.engine.toy import QUIET, TABLE, Refusal, Run, Train, same, signals

CELLS = (
    *("start/exit 0/1", "import/SIGSEGV/1", "config/exception/1", "data/exit 0/1"),
    *("rendezvous/SIGKILL/0", "mesh/SIGKILL/1", "joined/exit 0/0", "sanity/SIGTERM/1"),
    *("step/SIGTERM/0", "validation/SIGKILL/0", "saving/disk error/0", "fit's end/SIGSEGV/1"),
)
"""Of ``scripts/process_matrix.py``."""


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_train_epoch_end"])
def test_a_signal_is_heard_in_an_epoch_of_few_batches(
    hook: str, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--trainer.limit_train_batches=1", "--trainer.max_epochs=4")
    whole = train(*few, command="fit")
    stopped = train(*few, signals(hook), command="fit", status=143)
    assert len(stopped.rows()) < 4
    assert f"make resume RUN={stopped.folder}" in capsys.readouterr().err
    again = [f"--run={stopped.folder}", "--trainer.callbacks=null", QUIET]
    assert main(["fit", *again]) == 0
    assert stopped.rows() == whole.rows()
    assert same(stopped.weights(), whole.weights())


@pytest.mark.parametrize("hook", ["on_train_epoch_end", "on_train_end", "on_test_start"])
def test_a_signal_when_training_is_done_is_not_swallowed(
    hook: str, train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    run = train("--trainer.max_epochs=2", signals(hook), status=143)
    assert f"make evaluate RUN={run.folder}" in capsys.readouterr().err
    assert not (run.folder / "results.json").exists()
    assert main(["test", f"--run={run.folder}", "--trainer.callbacks=null", QUIET]) == 0


def test_ranks_of_another_run_are_not_heeded(
    train: Train, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = {"LOCAL_RANK": "1", "NODE_RANK": "1", "MASTER_ADDR": "nowhere", "MASTER_PORT": "1"}
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    run = train("--config=ddp", "--trainer.devices=1", "--trainer.accelerator=cpu", command="fit")
    assert "LOCAL_RANK=1 without WORLD_SIZE" in capsys.readouterr().err
    assert len(run.rows()) == 2
    assert dict(os.environ) == before


def test_a_port_that_is_taken_is_named(refusal: Refusal, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        launched = {"LOCAL_RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": port}
        for name, value in launched.items():
            monkeypatch.setenv(name, value)
        assert f"MASTER_PORT={port}: another program has this port" in refusal("fit", *SMALL, *TWO)


def test_fewer_samples_than_processes(refusal: Refusal) -> None:
    many = ("--config=ddp", "--trainer.devices=40", "--trainer.accelerator=cpu")
    assert "32 samples in the val split for 40 processes" in refusal("fit", *TABLE, *many)


def test_a_process_whose_first_is_gone_ends(tmp_path: Path) -> None:
    invocation = {"command": "fit", "flags": [*SMALL], "run": None, "checkpoint": None}
    run = tmp_path / "toy" / "version_0"
    run.mkdir(parents=True)
    told = {"parent": os.getpid() + 1, "run": str(run), "new": True, "invocation": invocation}
    done = subprocess.run(
        [sys.executable, "-m", "kindling", "fit", *SMALL],
        env={**ENVIRONMENT, "LOCAL_RANK": "1", "KINDLING_PROCESS": json.dumps(told)},
        cwd=paths.PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode not in (0, 64)
    assert done.stderr.startswith("kindling: process 0 of this run has ended")
    assert not run.exists(), "nothing had been trained in it"


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_of_the_matrix(cell: str) -> None:
    script = str(paths.PROJECT / "scripts" / "process_matrix.py")
    done = subprocess.run(
        [sys.executable, script, cell],
        env=ENVIRONMENT,
        cwd=paths.PROJECT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert "1 of 1 cells well" in done.stdout, done.stdout + done.stderr


@pytest.mark.slow
def test_who_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """As two processes that a launcher should have started, of which one is missing."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
            patch.setitem(ENVIRONMENT, name, value)
        process = start(tmp_path, "fit", *SMALL, *TWO, f"--logs={tmp_path / 'logs'}")
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1, printed
    assert "s for the others at 127.0.0.1" in printed
    assert "unset LOCAL_RANK and WORLD_SIZE" in printed
    assert not (tmp_path / "logs" / "toy").exists()


@pytest.mark.slow
def test_a_link_that_moves_meanwhile_leads_no_process_astray(tmp_path: Path) -> None:
    """The second process goes on with the run that ``latest`` was when the first began."""
    logs = f"--logs={tmp_path / 'logs'}"
    for _ in range(2):
        assert main(["fit", *TABLE, QUIET, logs]) == 0
    latest = tmp_path / "logs" / "toy" / "latest"
    more = (*TWO, "--trainer.accelerator=cpu", "--trainer.max_epochs=3", QUIET)
    process = subprocess.Popen(
        [sys.executable, "-m", "kindling", "fit", f"--run={latest}", *more],
        env=ENVIRONMENT, cwd=paths.PROJECT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    for line in process.stdout:
        if line.startswith("run "):
            latest.unlink()
            latest.symlink_to("version_0")
            break
    process.communicate(timeout=300)
    assert process.returncode == 0
    runs = [Run(latest.parent / f"version_{k}") for k in range(2)]
    assert [len(run.rows()) for run in runs] == [2, 3]
