"""The package by another name."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kindling import paths
from kindling.errors import UserError
from kindling.scaffold import PACKAGE, rename
from kindling.scaffold.names import camel

Run = Any
NAME = "other_name"
OLD = PACKAGE.name


def test_nothing_is_called_after_the_old_name_any_more(inside: Path, python: Run) -> None:
    rename.rename(NAME, force=True)
    assert not (inside / "src" / OLD).exists()
    for path in rename._texts(inside):
        text = path.read_text()
        for form in (OLD, camel(OLD), OLD.upper()):
            assert form not in text, path
    assert f'{NAME} = "{NAME}.__main__:main"' in (inside / "pyproject.toml").read_text()
    shown = python("-m", NAME, "--help")
    assert shown.stdout.startswith(f"{NAME}: ")
    for check in (["check", "--select=I,F"], ["format", "--check"]):
        done = python("-m", "ruff", *check, "--no-cache", "src", "tests", "scripts")
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-project", "use small letters, digits and _"),
        ("import", "a word of Python's own"),
        ("torch", "there is a package of that name already"),
        (OLD, "there is a package of that name already"),
    ],
)
def test_names_that_cannot_be_had(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        rename.rename(name, force=True)


def test_work_that_is_not_committed_is_not_mixed_up_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "PROJECT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UserError, match="no git repository to go back in"):
        rename.refuse_dirty("rename")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    rename.refuse_dirty("rename")
    (tmp_path / "work.txt").touch()
    with pytest.raises(UserError, match="1 files are changed and not committed"):
        rename.refuse_dirty("rename")


@pytest.mark.slow
def test_the_tests_pass_by_the_new_name(inside: Path, python: Run) -> None:
    rename.rename(NAME, force=True)
    some = ["tests/test_arguments.py", "tests/test_help.py", "tests/test_cli.py", "tests/problems"]
    done = python("-m", "pytest", "-p", "no:cacheprovider", *some)
    assert done.returncode == 0, done.stdout[-3000:]
