"""Rooms of the house: who may import whom, what stands where, how long a function may be."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from kindling.data import paths

SOURCES = paths.PROJECT / "src"
ENGINE = {"errors", "data", "runs", "training", "evaluation", "cli", "tables", "images", "series"}
MAY_IMPORT = {
    "errors": set(),
    "data": {"errors"},
    "runs": {"errors", "data"},
    "training": {"errors", "data", "runs"},
    "evaluation": {"errors", "data", "runs", "training"},
    "cli": {"errors", "data", "runs", "training", "evaluation"},
    "tables": {"errors", "data"},
    "images": {"errors", "data", "tables", "training"},
    "series": {"errors", "data", "tables", "training"},
    "testing": {*ENGINE, "__main__"},
    "tools": {*ENGINE, "__main__", "api", "testing"},
    "problems": {"errors", "data", "training", "evaluation", "tables", "images", "series"},
    "__main__": ENGINE,
    "api": ENGINE,
    "__init__": {*ENGINE, "api"},
}
FLAT = {"__init__.py", "__main__.py", "errors.py", "py.typed"}
LONGEST = 45
"""Lines of a function, an ``__init__``'s signature aside."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


@functools.cache
def modules() -> dict[str, Path]:
    """Files by the dotted name that they are imported by."""
    files = [
        file
        for file in SOURCES.rglob("*.py")
        if not {"templates", "kindling.egg-info"} & {*file.parts}
    ]
    return {".".join(file.relative_to(SOURCES).with_suffix("").parts): file for file in files}


def room(module: str) -> str:
    """``kindling.data.split`` is in the room ``data``, and a problem in ``problems``."""
    package, *below = module.split(".")
    return (below[0] if below else "__init__") if package == "kindling" else package


def imported(file: Path) -> Iterator[str]:
    """Every module that a file names in an import, wherever it stands."""
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"
            # ``from kindling import data`` names a room too.
            names = [a.name for a in node.names if a.name != "__version__"]
            names = [f"{node.module}.{name}" for name in names]
            yield from names if node.module in ("kindling", "problems") else [str(node.module)]


def test_imports_go_one_way() -> None:
    wrong = []
    for name, file in modules().items():
        here = room(name)
        for other in imported(file):
            there, package = room(other), other.partition(".")[0]
            ours = package in ("kindling", "problems")
            if package == "tests" or (ours and there not in {here, *MAY_IMPORT[here]}):
                wrong.append(f"{name} imports {other}")
    assert not wrong, "\n".join(wrong)


def test_problems_know_nothing_of_each_other() -> None:
    for name, file in modules().items():
        mine = name.split(".")[:2]
        others = [o for o in imported(file) if o.startswith("problems.") and name != "problems"]
        assert all(other.split(".")[:2] == mine for other in others), name


def test_only_what_is_for_tests_needs_their_tools() -> None:
    needing = {name for name, file in modules().items() if "pytest" in set(imported(file))}
    assert {room(name) for name in needing} <= {"testing"}


def test_tests_of_the_engine_know_no_problem() -> None:
    """So that a problem can be deleted with its own tests."""
    tasks = [path.stem for path in paths.CONFIGS.glob("*.yaml") if path.stem != "trainer"]
    for file in (paths.PROJECT / "tests" / "engine").rglob("*.py"):
        assert not [name for name in imported(file) if name.startswith("problems")], file
        assert not [t for t in tasks if f"--config={t}" in file.read_text()], file


def test_nothing_stands_outside_of_a_room() -> None:
    top = {path.name for path in (SOURCES / "kindling").iterdir() if path.is_file()}
    assert top <= FLAT


def functions(file: Path) -> Iterator[Function]:
    for node in ast.walk(parsed(file)):
        if isinstance(node, Function):
            yield node


@pytest.mark.parametrize("part", sorted({room(name) for name in modules()}))
def test_no_function_is_long(part: str) -> None:
    wrong = []
    for name, file in modules().items():
        for function in functions(file) if room(name) == part else ():
            first = function.body[0].lineno if function.name == "__init__" else function.lineno
            lines = (function.end_lineno or first) - first + 1
            if lines > LONGEST:
                wrong.append(f"{name}.{function.name}: {lines} lines")
    assert not wrong, "\n".join(wrong)
