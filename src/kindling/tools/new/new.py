"""``make new``: a new problem's folder, configuration and tests, whole or not at all."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.new import PACKAGE, PROBLEMS, TESTS
from kindling.tools.new.both import MULTI_INPUT, PHOTOS_TO_NUMBER
from kindling.tools.new.forecasts import SERIES
from kindling.tools.new.infer import Inferred
from kindling.tools.new.names import camel, check_task
from kindling.tools.new.photos import CLASSES
from kindling.tools.new.recipe import Recipe, copied
from kindling.tools.new.tables import CLASSIFICATION, REGRESSION
from kindling.tools.new.two_heads import MULTI_OUTPUT

RECIPES: Mapping[str, Mapping[str, Recipe]] = {
    "tabular": {"classification": CLASSIFICATION, "regression": REGRESSION},
    "images": {"classification": CLASSES, "regression": PHOTOS_TO_NUMBER},
    "series": {"regression": SERIES},
    "multi-input": {"regression": MULTI_INPUT},
    "multi-output": {"both": MULTI_OUTPUT},
}
"""By kind and target, the first being what is made where none is named."""


def find(kind: str, target: str | None) -> Recipe:
    if kind not in RECIPES:
        raise UserError(f"KIND={kind}: no such kind{did_you_mean(kind, RECIPES)}")
    targets = RECIPES[kind]
    if target is None:
        return next(iter(targets.values()))
    if target not in targets:
        raise UserError(f"TARGET={target}: {kind} has {', '.join(targets)}")
    return targets[target]


def create(task: str, recipe: Recipe, inferred: Inferred | None = None) -> list[Path]:
    """Write the problem.

    Returns:
        What was written: the problem's folder, its configuration and its tests.

    Raises:
        UserError: The name cannot be had, or what is copied is not there.
    """
    check_task(task)
    constants = {} if inferred is None else inferred.constants
    if inferred is not None:
        recipe = replace(recipe, data={**recipe.data, **inferred.settings})
    files = copied(recipe, task, constants)
    files["problems/__init__.py"] = f'"""{recipe.about}."""\n'
    files["config/config.yaml"] = config(recipe, task)
    places = {
        "problems": PROBLEMS / task,
        "tests": TESTS / "problems" / task,
        "config": paths.CONFIGS / f"{task}.yaml",
    }
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=paths.PROJECT))
    try:
        _write(unfinished, files)
        (unfinished / "config" / "config.yaml").rename(unfinished / "config.yaml")
        places_of = {"problems": "problems", "tests": "tests", "config": "config.yaml"}
        _move({unfinished / places_of[name]: place for name, place in places.items()})
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return list(places.values())


def config(recipe: Recipe, task: str) -> str:
    """The YAML file; a list takes one line, however long it is."""
    module = f"problems.{task}"
    trainer = {"max_epochs": recipe.trainer["max_epochs"]}
    content = {
        "data": _of_class(f"{module}.data.{camel(task)}DataModule", recipe.data),
        "model": _of_class(f"{module}.model.{camel(task)}Module", recipe.model),
        "trainer": trainer,
        "early_stopping": {"patience": recipe.trainer["patience"]},
    }
    text = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=None, width=1_000_000, allow_unicode=True
    )
    return f"# {recipe.about}\n{text}"


def _of_class(path: str, settings: Mapping[str, object]) -> dict[str, object]:
    return {"class_path": path, **({"init_args": dict(settings)} if settings else {})}


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """The files, their imports in order and their lines in the project's style."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    _tidy(folder)


def _tidy(folder: Path) -> None:
    """Put Python files in the project's style: other names have another order and length."""
    ruff = [sys.executable, "-m", "ruff"]
    # What is not yet in its place is not known to be the project's own.
    own = f'lint.isort.known-first-party=["{PACKAGE.name}"]'
    for command in (["check", "--select=I,F401", "--fix-only", "--config", own], ["format"]):
        options = ["--quiet", "--no-cache"]
        subprocess.run([*ruff, *command, *options, str(folder)], cwd=paths.PROJECT, check=True)


def _move(places: Mapping[Path, Path]) -> None:
    """Put each where it belongs, all of them or none."""
    done: list[Path] = []
    try:
        for source, place in places.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            done.append(place)
            source.rename(place)
    except BaseException:
        for place in done:
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(True)
        raise
