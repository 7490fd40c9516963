"""What only POSIX has is taken away: not yet Windows, but what is missing there is missing here."""

import subprocess
import sys
from pathlib import Path

import pytest

from kindling.data import paths
from tests.engine.toy import QUIET, TABLE, Run, write_table

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
    # The page to try a model needs what is not installed with the rest.
    if not module.name.endswith(("__main__", ".demo.forms", ".demo.page")):
        importlib.import_module(module.name)
"""

RUN = """
from kindling.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def without(script: str, *args: str) -> str:
    command = [sys.executable, "-c", WITHOUT + script, *args]
    done = subprocess.run(command, cwd=paths.PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_everything_is_imported() -> None:
    without(EVERYTHING)


@pytest.mark.slow
def test_a_run_is_trained_and_tested(tmp_path: Path) -> None:
    logs, root = tmp_path / "logs", write_table(tmp_path / "table")
    without(RUN, "train", *TABLE, f"--data.root={root}", f"--logs={logs}", QUIET)
    run = Run(logs / "toy" / "version_0")
    assert [row["epoch"] for row in run.rows()] == [0, 1]
    before = run.json("results")
    (run.folder / "results.json").unlink()
    without(RUN, "test", f"--run={run.folder}", QUIET)
    assert run.json("results") == before
