"""A problem taken out, and all else as it was."""

import ast
from pathlib import Path
from typing import Any

import pytest

from kindling.errors import UserError
from kindling.scaffold import PROBLEMS, remove
from kindling.scaffold.pages import without_lines
from kindling.scaffold.removal import defined_no_more, mention, without_task

Run = Any
TASKS = sorted(path.parent.name for path in PROBLEMS.glob("*/data.py"))


@pytest.mark.parametrize("task", TASKS)
def test_nothing_of_the_problem_is_left_but_sentences(task: str, inside: Path, python: Run) -> None:
    before = {path for path in inside.rglob("*") if path.is_file()}
    remove.remove(task, remove.plan(task), force=True)
    gone = before - {path for path in inside.rglob("*") if path.is_file()}
    assert all(
        task in str(path.relative_to(inside)) for path in gone if "scripts" not in path.parts
    )
    assert not [path for path in inside.rglob(f"*{task}*") if "scaffold" not in path.parts]
    names = mention(task)
    for path in (inside / "tests").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                assert not names.search(str(node.module)), path
    shown = python("-m", PROBLEMS.parts[-2], "--help").stdout
    assert f"\n  {task} " not in shown
    done = python("-m", "ruff", "check", "--no-cache", "--select=F", ".")
    assert done.returncode == 0, done.stdout


def test_what_many_tests_use_is_not_taken_out_unasked(inside: Path) -> None:
    planned = remove.plan(TASKS[0])
    planned.tests = {inside / "tests" / "test_x.py": 40}
    with pytest.raises(UserError, match=r"40 tests of other parts .*tests/test_x.py.*FORCE=1"):
        remove.remove(TASKS[0], planned)
    assert all(path.exists() for path in planned.paths)


def test_a_problem_that_there_is_not(inside: Path) -> None:
    with pytest.raises(UserError, match="TASK=cloudz: no such problem"):
        remove.plan("cloudz")


def test_a_problem_that_another_one_imports(inside: Path) -> None:
    module = inside / "src" / PROBLEMS.parts[-2] / "extra.py"
    module.write_text(f"from {PROBLEMS.parts[-2]}.problems.{TASKS[0]}.data import x\n")
    with pytest.raises(UserError, match=r"extra.py: imports problems"):
        remove.plan(TASKS[0])


TESTS = '''
import pytest
from kindling.problems.sky.model import SkyModule
TASKS = {"sky": 1, "sea": 2}
LAND = ("--config=sky", "--x")
"""Flags."""


@pytest.mark.parametrize("task", ["sky", "sea"])
def test_both(task):
    assert TASKS[task]


@pytest.mark.parametrize(("task", "size"), [("sky", 1), ("sea", 2)])
def test_cases(task, size): ...


def help_with(task):
    if task == "sky":
        return 1


def test_pairs():
    for task in ("sea", "sky"):
        for name, size in (("sky", 1), ("sea", 2)):
            assert task, size


def folder(root):
    return root / "sky.yaml"


def test_by_file():
    folder("")


@pytest.fixture
def trained():
    return LAND


def test_by_fixture(trained): ...


def test_by_class():
    SkyModule()


def test_other():
    help_with("sea")
'''


def test_what_names_the_problem_goes_and_the_rest_stays() -> None:
    left = ast.parse(without_task(TESTS, "sky"))
    names = [node.name for node in left.body if isinstance(node, ast.FunctionDef)]
    assert names == ["test_both", "test_cases", "help_with", "test_pairs", "test_other"]
    text = ast.unparse(left)
    assert "TASKS = {'sea': 2}" in text
    assert "['sea']" in text
    assert "[('sea', 2)]" in text
    assert "in ('sea',):" in text
    assert "in (('sea', 2),):" in text
    assert "Flags" not in text
    assert "SkyModule" not in text


def test_what_uses_a_fixture_of_a_conftest_that_went_goes_too() -> None:
    conftest = "@pytest.fixture\ndef run(): return 'sky'\n\n@pytest.fixture\ndef other(): ...\n"
    gone = defined_no_more(conftest, without_task(conftest, "sky"))
    assert gone == {"run"}
    left = without_task("def test_a(run): ...\n\n\ndef test_b(other): ...\n", "sky", gone)
    assert "test_a" not in left
    assert "test_b" in left


def test_a_page_loses_commands_rows_and_tables_of_the_problem() -> None:
    page = """Words of sky.

```sh
make train TASK=sky
```

| task | page |
|---|---|
| `sky` | a |
| `sea` | b |

| sky | score |
|---|---|
| default | 0.9 |

![sky](docs/images/sky_map.png)

```sh
make train TASK=sea
```
"""
    left = (
        "Words of sky.\n\n| task | page |\n|---|---|\n| `sea` | b |\n\n```sh\nmake train TASK=sea"
    )
    assert without_lines(page, "sky").startswith(left)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_everything_else_passes(task: str, inside: Path, python: Run) -> None:
    remove.remove(task, remove.plan(task), force=True)
    done = python("-m", "pytest", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-3000:]
