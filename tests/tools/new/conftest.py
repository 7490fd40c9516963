"""A copy of the project, for what changes it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kindling.data import paths
from kindling.tools.new import PACKAGE

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The project as it is, without its history, environment, data, runs and pictures."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        top = Path(folder) == paths.PROJECT
        out = {"data", "logs"} if top else {"images"} if Path(folder).name == "docs" else set()
        hidden = {".git", ".hypothesis", "__pycache__"}
        other = {n for n in names if n.startswith(".venv") or n.endswith(("_cache", ".egg-info"))}
        return other | {n for n in names if n in out | hidden}

    return shutil.copytree(paths.PROJECT, tmp_path / "tree", ignore=ignored)


@pytest.fixture
def python(tree: Path) -> Run:
    """Python in the copy: its own sources come first, whatever is installed."""

    def run(*args: str, src: str = "src") -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(tree / src), "OMP_NUM_THREADS": "1"}
        # What a test run tells its parts is not meant for another test run within it.
        environment = {k: v for k, v in environment.items() if not k.startswith("PYTEST")}
        return subprocess.run(
            [sys.executable, *args],
            cwd=tree, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def inside(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The copy, with this process's ideas of where the project lies moved to it."""
    from kindling.tools import new as scaffold
    from kindling.tools.new import names, new

    package = tree / PACKAGE.relative_to(paths.PROJECT)
    places = {"PACKAGE": package, "PROBLEMS": package / "problems", "TESTS": tree / "tests"}
    for module in (scaffold, names, new):
        for name, place in places.items():
            monkeypatch.setattr(module, name, place, raising=False)
    monkeypatch.setattr(paths, "PROJECT", tree)
    monkeypatch.setattr(paths, "CONFIGS", tree / "configs")
    monkeypatch.setattr(paths, "PRESETS", tree / "configs" / "presets")
    return tree
