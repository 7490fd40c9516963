"""Copies of the project, for what changes it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

import pytest

from kindling.data import paths

Run = Callable[..., str]


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of configurations alone, where this process writes new problems."""
    project = tmp_path / "project"
    copytree(paths.CONFIGS, project / "configs")
    monkeypatch.setattr(paths, "PROJECT", project)
    monkeypatch.setattr(paths, "CONFIGS", project / "configs")
    monkeypatch.setattr(paths, "PRESETS", project / "configs" / "presets")
    return project


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The project without the tests of other problems, whose own code is run."""
    left_out = ignore_patterns(".*", "__pycache__", "*.egg-info")
    for folder in ("src", "configs", "scripts"):
        copytree(paths.PROJECT / folder, tmp_path / folder, ignore=left_out)
    (tmp_path / "tests").mkdir()
    for file in ("pyproject.toml", "tests/conftest.py"):
        copy(paths.PROJECT / file, tmp_path / file)
    return tmp_path


@pytest.fixture
def python(tree: Path) -> Run:
    """Python in the copy, which has to end well: its own sources come first; what it prints."""

    def run(*args: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
        # What a test run tells its parts is not meant for another test run within it.
        environment = {k: v for k, v in environment.items() if not k.startswith("PYTEST")}
        command = [sys.executable, *args]
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
