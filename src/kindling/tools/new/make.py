"""A new problem: its folder, configuration and tests, from a template."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.new.names import camel, check_task, places

TEMPLATES = Path(__file__).with_name("templates")

TABLE = {"table": "sample.csv", "target": "target", "numbers": ["age"], "categories": ["plan"]}
PHOTOS = {"photos": ["photo"], "image_size": 32}
BOTH = {"table": "sample.csv", "target": "label", "amount": "amount", **PHOTOS}
SERIES = {"train": "series.csv", "test": None, "time": "timestamp", "value": "value", "window": 24}
BLOCKS = {"channels": [16, 32, 64], "lr": 3e-3}
ANY_ANGLE = {**BLOCKS, "rotation": 180.0}


class Kind(NamedTuple):
    """What is made: what it is for, a folder of templates, settings of data module and model."""

    about: str
    folder: str
    data: Mapping[str, Any]
    model: Mapping[str, Any] = {"lr": 3e-3}


KINDS = {
    ("tabular", "classification"): Kind("Columns of a table to a class", "table_class", TABLE),
    ("tabular", "regression"): Kind("Columns of a table to a number", "table_number", TABLE),
    ("images", "classification"): Kind(
        "Photos in a folder for each class", "photo_class", {"image_size": 32}, ANY_ANGLE
    ),
    ("images", "regression"): Kind(
        "Photos in a table to a number",
        "photo_number",
        {**TABLE, **PHOTOS, "numbers": [], "categories": []},
        BLOCKS,
    ),
    ("series", "regression"): Kind("The last values of a series to the next", "series", SERIES),
    ("multi-input", "regression"): Kind(
        "Photos and columns of a table to a number", "photo_number", {**TABLE, **PHOTOS}, BLOCKS
    ),
    ("multi-output", "both"): Kind(
        "Photos in a table to a class and a number", "photo_both", BOTH, ANY_ANGLE
    ),
}
"""By what is given and what is predicted; of a kind's targets, the first where none is named."""


def make(
    task: str, kind: str, target: str | None, data: Path | None = None, column: str | None = None
) -> None:
    """Write a new problem, and say what was written."""
    check_task(task)
    chosen = find(kind, target)
    if data is not None:
        from kindling.tools.new.infer import infer  # takes seconds to import

        found = infer(kind, data, column, target)
        chosen = find(kind, target or found.target)
        print(f"{data}: {found.about}")
        for name, value in found.settings.items():
            print(f"  {name:11} {', '.join(value) if isinstance(value, list) else value}")
        chosen = chosen._replace(data={**chosen.data, **found.settings})
    for path in create(task, chosen):
        print(f"wrote   {path.relative_to(paths.PROJECT)}")
    print(f"train   make train TASK={task}{f' DATA={data.parent}' if data is not None else ''}")


def find(kind: str, target: str | None) -> Kind:
    """What is made of a kind, and a target where there are several."""
    kinds = dict(KINDS.keys())
    targets = [aim for name, aim in KINDS if name == kind]
    if not targets:
        raise UserError(f"KIND={kind}: no such kind{did_you_mean(kind, kinds)}")
    if target is not None and target not in targets:
        raise UserError(f"TARGET={target}: {kind} has {', '.join(targets)}")
    return KINDS[kind, target or targets[0]]


def create(task: str, kind: Kind) -> list[Path]:
    """Write a problem, whole or not at all: its folder, its tests and its configuration."""
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=paths.PROJECT))
    try:
        ready = [unfinished / name for name in ("problem", "tests", "config.yaml")]
        _write(ready[0] / "__init__.py", f'"""{kind.about}."""\n')
        for name in ("data.py", "model.py"):
            _write(ready[0] / name, _filled(f"{kind.folder}/{name}", task))
        _write(ready[1] / "test_contract.py", _filled("test_contract.py", task))
        _write(ready[2], config(task, kind))
        _move(dict(zip(ready, places(task), strict=True)))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return places(task)


def config(task: str, kind: Kind) -> str:
    """The YAML file."""
    name = f"problems.{task}.{{}}.{camel(task)}{{}}"
    content = {
        "data": {"class_path": name.format("data", "DataModule"), "init_args": dict(kind.data)},
        "model": {"class_path": name.format("model", "Module"), "init_args": dict(kind.model)},
        "trainer": {"max_epochs": 50},
        "early_stopping": {"patience": 10},
    }
    style: dict[str, Any] = {"sort_keys": False, "default_flow_style": None, "allow_unicode": True}
    # A list takes one line, however long it is.
    return f"# {kind.about}\n{yaml.safe_dump(content, width=1_000_000, **style)}"


def _filled(template: str, task: str) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return text.replace("task_name", task).replace("TaskName", camel(task))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _move(ready: Mapping[Path, Path]) -> None:
    """Put each where it belongs, all of them or none."""
    done: list[Path] = []
    try:
        for source, place in ready.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            done.append(place)
            source.rename(place)
    except BaseException:
        for place in done:
            shutil.rmtree(place, ignore_errors=True) if place.is_dir() else place.unlink(True)
        raise
