"""Whoever deletes a problem or a tool has nothing else to do: what is left is whole."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kindling.data import paths

FOLDER = "src/kindling/tools"
PROBLEMS = sorted(p.parent.name for p in (paths.PROJECT / "src/problems").glob("*/__init__.py"))
TOOLS = sorted(p.parent.name for p in (paths.PROJECT / FOLDER).glob("*/__init__.py"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the project's own files, committed."""
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = [name for name in git(paths.PROJECT, *listed).split("\0") if name]
    for name in names:
        if (paths.PROJECT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(paths.PROJECT / name, tmp_path / name)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "-c", "user.name=n", "-c", "user.email=e@x", "commit", "--quiet", "--message=x")
    return tmp_path


def git(folder: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and folder == paths.PROJECT:
        pytest.skip("no git repository")
    assert not done.returncode, done.stderr
    return done.stdout


def run(tree: Path, *command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    # What a test run tells its parts is not meant for another test run within it.
    environment = {k: v for k, v in environment.items() if not k.startswith(("PYTEST", "MAKE"))}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (
        f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    )


def delete_problem(tree: Path, task: str) -> None:
    run(tree, "make", "remove", f"TASK={task}")
    left = [path for path in tree.rglob(f"{task}*") if ".git" not in path.parts]
    assert not [path for path in left if path.parent.name != "images"]


def delete_tool(tree: Path, tool: str) -> None:
    """With the tools that are made of it."""
    for folder in (tree / FOLDER / tool, tree / "tests/tools" / tool):
        shutil.rmtree(folder, ignore_errors=True)
    imported = re.compile(
        rf"from kindling\.tools\.{tool}\b|from kindling\.tools import .*\b{tool}\b"
    )
    for source in sorted((tree / FOLDER).glob("*/*.py")):
        if source.is_file() and imported.search(source.read_text()):
            delete_tool(tree, source.parent.name)


def check(tree: Path, *tests: str) -> None:
    python = (sys.executable, "-m")
    run(tree, *python, "ruff", "check", "--no-cache")
    run(
        tree, *python, "pytest", "-p", "no:cacheprovider", "--ignore=tests/test_deletion.py", *tests
    )


def check_types(tree: Path) -> None:
    run(tree, sys.executable, "-m", "mypy", f"--cache-dir={tree / '.mypy_cache'}")


@pytest.mark.skipif(len(PROBLEMS) < 2 or not TOOLS, reason="nothing is left to delete")
def test_without_one_problem_and_one_tool(tree: Path) -> None:
    """All tests are found still, and some that go over all problems and tools pass."""
    delete_problem(tree, PROBLEMS[0])
    delete_tool(tree, TOOLS[-1])
    check(tree, "-k", "test_help")


def test_what_is_no_problem_is_not_removed(tree: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}  # without what a `make test` around this passes on
    for task in (".", "*", "trainer", "nothing"):
        command = ["make", "remove", f"TASK={task}"]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
        assert done.returncode
        assert f"TASK={task}: no such problem" in done.stderr
        assert not git(tree, "status", "--porcelain")


@pytest.mark.slow
@pytest.mark.parametrize("task", PROBLEMS)
def test_without_a_problem(task: str, tree: Path) -> None:
    delete_problem(tree, task)
    check(tree)
    check_types(tree)


@pytest.mark.slow
@pytest.mark.skipif("sweep" not in TOOLS, reason="it is deleted already")
def test_without_sweep(tree: Path) -> None:
    delete_tool(tree, "sweep")
    check(tree)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_tool(tool: str, tree: Path) -> None:
    """All tests are found still, those of docs and commands pass; see above for all tests."""
    delete_tool(tree, tool)
    check(tree, "-k", "help or docs or readme or directions")
    check_types(tree)
