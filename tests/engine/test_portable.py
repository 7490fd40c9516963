"""What only POSIX has is taken away: not yet Windows, but what is missing there is missing here."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.data import paths

WITHOUT = """
import importlib, os, pathlib, pkgutil, signal, sys
import psutil  # has a part of its own for each system

modules = ("fcntl", "grp", "pty", "pwd", "resource", "termios")
functions = ("fork", "killpg", "sysconf", "wait4", "setsid", "getuid")
for name in modules:
    sys.modules[name] = None
for name in functions:
    vars(os).pop(name, None)

def refused(*_, **__):
    raise OSError(1314, "A required privilege is not held by the client")

pathlib.Path.symlink_to = os.symlink = refused
"""

EVERYTHING = """
for name in ("SIGHUP", "SIGKILL", "SIGUSR1"):  # Lightning asks the platform what it has of them
    vars(signal).pop(name, None)
import kindling
for module in pkgutil.walk_packages(kindling.__path__, "kindling."):
    # The parent of a process that is compared is a script.
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""

RUN = """
from kindling.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def without(script: str, *args: str) -> str:
    command = [sys.executable, "-c", WITHOUT + script, *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_is_imported() -> None:
    without(EVERYTHING)


@pytest.mark.parametrize(
    "task",
    [
        "potability",
        *(
            pytest.param(path.stem, marks=pytest.mark.slow)
            for path in sorted(paths.CONFIGS.glob("*.yaml"))
            if path.stem not in ("trainer", "potability")
        ),
    ],
)
def test_a_run_is_trained_and_tested(task: str, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    quiet = "--trainer.enable_progress_bar=false"
    without(RUN, "train", f"--config={task}", "--config=smoke", f"--logs={logs}", quiet)
    latest, run = logs / task / "latest", logs / task / "version_0"
    assert latest.read_text() == "version_0"
    with (run / "metrics.csv").open(newline="") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["0", "1"]
    before = json.loads((run / "results.json").read_text())
    (run / "results.json").unlink()
    said = without(RUN, "test", f"--run={latest}", quiet)
    assert json.loads((run / "results.json").read_text()) == before
    assert f"tensorboard --logdir {logs}" in said
