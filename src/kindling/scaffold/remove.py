"""``make remove``: a problem taken out, and what speaks of it elsewhere."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kindling import paths
from kindling.errors import UserError
from kindling.scaffold import PROBLEMS, TESTS
from kindling.scaffold.new import tidy
from kindling.scaffold.pages import without_lines
from kindling.scaffold.removal import defined_no_more, mention, tests_of, without_task
from kindling.words import did_you_mean

MOST = 15
"""Tests of other parts that may go with a problem unasked."""


@dataclass
class Removed:
    """What goes.

    Args:
        paths: Files and folders of the problem's own.
        changed: Files of other parts, as they are without it.
        tests: How many tests of other parts go, by file.
        left: Places that speak of it still, for a person to read.
    """

    paths: list[Path]
    changed: dict[Path, str] = field(default_factory=dict)
    tests: dict[Path, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def plan(task: str) -> Removed:
    """What taking the problem out comes to; nothing is written.

    Raises:
        UserError: There is no such problem, or another one imports it.
    """
    known = sorted(path.name for path in PROBLEMS.iterdir() if (path / "data.py").is_file())
    if task not in known:
        raise UserError(f"TASK={task}: no such problem{did_you_mean(task, known)}")
    if known == [task]:
        raise UserError(f"TASK={task}: the last problem; a project needs one")
    removed = Removed([path for path in _own(task) if path.exists()])
    _refuse_imported(task)
    gone: dict[Path, set[str]] = {}
    # What a conftest.py has lost is lost to all tests below it.
    for path in sorted(_others(task), key=lambda path: path.name != "conftest.py"):
        text = path.read_text()
        above = [names for folder, names in gone.items() if path.is_relative_to(folder)]
        if (new := without_task(text, task, set().union(*above))) != text:
            removed.changed[path] = new
            if path.name == "conftest.py":
                gone[path.parent] = defined_no_more(text, new)
            if count := tests_of(text) - tests_of(new):
                removed.tests[path] = count
    for page in [paths.PROJECT / "README.md", *sorted((paths.PROJECT / "docs").glob("*.md"))]:
        if page in removed.paths or not page.exists():
            continue
        text = page.read_text()
        if (new := without_lines(text, task)) != text:
            removed.changed[page] = new
        removed.left += _places(page, new, task)
    removed.left += _places(paths.PROJECT / "Makefile", None, task)
    return removed


def remove(task: str, removed: Removed, force: bool = False) -> None:
    """Take the problem out.

    Raises:
        UserError: Many tests of other parts use it, and it is not forced.
    """
    count = sum(removed.tests.values())
    if count > MOST and not force:
        files = ", ".join(str(path.relative_to(paths.PROJECT)) for path in removed.tests)
        raise UserError(
            f"TASK={task}: {count} tests of other parts train on it and would go too ({files}); "
            "give them another problem first, or FORCE=1"
        )
    for path, text in removed.changed.items():
        path.write_text(text)
    if sources := [path for path in removed.changed if path.suffix == ".py"]:
        tidy(*sources)
    for path in removed.paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _own(task: str) -> Iterator[Path]:
    yield from (PROBLEMS / task, TESTS / "problems" / task, paths.CONFIGS / f"{task}.yaml")
    for kind in ("compare", "sweep"):
        yield paths.CONFIGS / kind / f"{task}.yaml"
        yield from sorted((paths.CONFIGS / kind).glob(f"{task}_*.yaml"))
    for plan in sorted((paths.CONFIGS / "results").glob("*.yaml")):
        if re.search(rf"^task: {task}$", plan.read_text(), re.MULTILINE):
            yield plan
    yield from sorted(paths.PRESETS.glob(f"{task}_*.yaml"))
    docs = paths.PROJECT / "docs"
    yield docs / f"{task}.md"
    yield from sorted((docs / "images").glob(f"{task}_*"))
    # A script that is about the problem alone imports its model or its data.
    for script in sorted((paths.PROJECT / "scripts").glob("*.py")):
        if re.search(rf"^from \w+\.problems\.{task}\b", script.read_text(), re.MULTILINE):
            yield script


def _others(task: str) -> Iterator[Path]:
    """Tests and scripts of other parts."""
    own = set(_own(task))
    yield from (
        path for path in sorted((paths.PROJECT / "scripts").glob("*.py")) if path not in own
    )
    for path in sorted(TESTS.rglob("*.py")):
        if TESTS / "problems" not in path.parents:
            yield path


def _refuse_imported(task: str) -> None:
    """Nothing but configurations should know a problem; where something does, it goes first."""
    for path in sorted(PROBLEMS.parent.rglob("*.py")):
        inside = PROBLEMS / task in path.parents
        if not inside and re.search(
            rf"^\s*(from|import) \S*problems\.{task}\b", path.read_text(), re.M
        ):
            raise UserError(f"{path}: imports problems.{task}; take that out first")


def _places(path: Path, text: str | None, task: str) -> list[str]:
    if text is None:
        text = path.read_text() if path.exists() else ""
    named = mention(task)
    lines = [str(k) for k, line in enumerate(text.splitlines(), 1) if named.search(line)]
    name = path.relative_to(paths.PROJECT)
    return [f"{name}, line{'s' if len(lines) > 1 else ''} {', '.join(lines)}"] if lines else []
