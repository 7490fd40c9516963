"""A new problem: its folder, configuration and tests, from a template."""

import keyword
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.new.budget import Budget

if TYPE_CHECKING:
    from kindling.tools.new.infer import Inferred

TEMPLATES = Path(__file__).with_name("templates")
LONGEST = 30  # letters of a name
LISTED_COLUMNS = 100  # that get a line each, with what they were taken for
LISTS = ("numbers", "categories", "ignore")

TABLE = {"table": "sample.csv", "target": "target", "numbers": ["age"], "categories": ["plan"]}
PHOTOS = {"photos": ["photo"], "image_size": 32}
LISTED = {**TABLE, **PHOTOS}
ALONE = {**LISTED, "numbers": [], "categories": []}
BOTH = {"table": "sample.csv", "target": "label", "amount": "amount", **PHOTOS}
SERIES = {"train": "series.csv", "test": None, "time": "timestamp", "value": "value", "window": 24,
          "calendar": True, "overlap": True}  # fmt: skip
BLOCKS = {"channels": [16, 32, 64], "lr": 3e-3, "schedule": "cosine"}


class Kind(NamedTuple):
    """What is made: what it is for, the template of its model, settings of data and of model.

    ``base`` is the data module that it derives from; where there is none, the template has its own.
    """

    about: str
    template: str
    base: str
    data: Mapping[str, Any]
    model: Mapping[str, Any] = {"lr": 3e-3}
    epochs: int = 50
    patience: int | None = None  # a fifth of the epochs
    notes: Mapping[str, str] = {}  # of settings
    columns: Mapping[str, str] = {}  # what each was taken for


TABLES = "kindling.tables.datamodule.TableDataModule"
FOLDERS = "kindling.images.ImageFolderDataModule"
PHOTO_TABLES = "kindling.images.table_datamodule.ImageTableDataModule"
WINDOWS = "kindling.series.datamodule.SeriesDataModule"
KINDS = {
    ("tabular", "classification"): Kind(
        "Columns of a table to a class", "table_class", TABLES, TABLE
    ),
    ("tabular", "regression"): Kind(
        "Columns of a table to a number", "table_number", TABLES, TABLE
    ),
    ("images", "classification"): Kind(
        "Photos in a folder for each class", "photo_class", FOLDERS, {"image_size": 32}, BLOCKS
    ),
    ("images", "regression"): Kind(
        "Photos in a table to a number", "photo_number", PHOTO_TABLES, ALONE, BLOCKS
    ),
    ("series", "regression"): Kind(
        "The last values of a series to the next", "series", WINDOWS, SERIES
    ),
    ("multi-input", "regression"): Kind(
        "Photos and columns of a table to a number", "photo_number", PHOTO_TABLES, LISTED, BLOCKS
    ),
    ("multi-output", "both"): Kind(
        "Photos in a table to a class and a number", "photo_both", "", BOTH, BLOCKS
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
        for name, what in list(found.columns.items())[:LISTED_COLUMNS]:
            print(f"  column {name}: {what}")
        chosen = _of_file(chosen, found)
    create(task, chosen)
    for path in places(task):
        print(f"wrote   {path.relative_to(paths.PROJECT)}")
    root = data.parent if data is not None and data.is_file() else data
    print(f"train   make train TASK={task}{f' DATA={root}' if root is not None else ''}")


def _of_file(kind: Kind, found: "Inferred") -> Kind:
    """With what a file holds, and what its size takes."""
    kind = kind._replace(data={**kind.data, **found.settings}, columns=found.columns)
    return kind if found.budget is None else _sized(kind, found.budget)


def _sized(kind: Kind, budget: Budget) -> Kind:
    return kind._replace(
        data={**kind.data, **budget.data},
        model=budget.model,
        epochs=budget.epochs,
        patience=budget.patience,
        notes=budget.notes,
    )


def find(kind: str, target: str | None) -> Kind:
    """What is made of a kind, and a target where there are several."""
    kinds = dict(KINDS.keys())
    targets = [aim for name, aim in KINDS if name == kind]
    if not targets:
        raise UserError(f"KIND={kind}: no such kind{did_you_mean(kind, kinds)}")
    if target is not None and target not in targets:
        what = f"{kind} has {', '.join(targets)}; a column is TARGET_COLUMN={target}"
        raise UserError(f"TARGET={target}: {what}")
    return KINDS[kind, target or targets[0]]


def check_task(name: str) -> None:
    """Raise a UserError that says why no new problem can have a name."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"TASK={name}: not a name; use small letters, digits and _")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"TASK={name}: a Python keyword; choose another name")
    if len(name) > LONGEST:
        raise UserError(f"TASK={name}: longer than {LONGEST} letters; choose a shorter name")
    for path in (*places(name), paths.PRESETS / f"{name}.yaml"):
        if path.exists():
            raise UserError(f"TASK={name}: taken by {path.relative_to(paths.PROJECT)}")
    # What a preset is for is told by how its name begins.
    for preset in arguments.names(paths.PRESETS):
        if preset.startswith(name):
            raise UserError(f"TASK={name}: the preset {preset} begins like it; choose another")
    for task in arguments.names(paths.CONFIGS):
        if name.startswith(f"{task}_"):
            raise UserError(f"TASK={name}: {task}'s presets begin like it; choose another")


def places(task: str) -> tuple[Path, Path, Path]:
    """Where a problem, its tests and its configuration are."""
    source, tests = (paths.PROJECT / top / "problems" / task for top in ("src", "tests"))
    return source, tests, paths.CONFIGS / f"{task}.yaml"


def create(task: str, kind: Kind) -> None:
    """Write a problem, whole or not at all: its folder, its tests and its configuration."""
    source, tests, config = places(task)
    module, _, base = kind.base.rpartition(".")
    data = _filled("data" if base else "data_both", task)
    for placeholder, text in {
        "base_module": module,
        "BaseDataModule": base,
        "kind_about": kind.about,
    }.items():
        data = data.replace(placeholder, text)
    if kind.template == "table_class":
        data += '    target_kind = "classes"\n'
    contract = _filled("test_contract", task)
    if kind.template == "table_number":
        contract += "    overfit = 0.3  # of what the linear model leaves, much of it noise\n"
    files = {
        source / "__init__.py": f'"""{kind.about}."""\n',
        source / "data.py": data,
        source / "model.py": _filled(kind.template, task),
        tests / "test_contract.py": contract,
        config: _config(task, kind),
    }
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except BaseException:
        for path in places(task):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(True)
        raise


def _filled(template: str, task: str) -> str:
    text = (TEMPLATES / f"{template}.py").read_text(encoding="utf-8")
    return text.replace("task_name", task).replace("TaskName", _camel(task))


def _config(task: str, kind: Kind) -> str:
    name = f"problems.{task}.{{}}.{_camel(task)}{{}}"
    data = dict(kind.data)
    content = {
        "data": {"class_path": name.format("data", "DataModule"), "init_args": data},
        "model": {"class_path": name.format("model", "Module"), "init_args": dict(kind.model)},
        "trainer": {"max_epochs": kind.epochs},
        "early_stopping": {"patience": kind.patience or kind.epochs // 5},
    }
    lines = _dump(content).splitlines()
    return "\n".join([f"# {kind.about}", *(_noted(line, kind) for line in lines), ""])


def _dump(value: Any) -> str:
    # A list takes one line, however long it is.
    return yaml.safe_dump(
        value, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1_000_000
    )


def _noted(line: str, kind: Kind) -> str:
    """A line of YAML with what is known of its setting; columns of a list get a line each."""
    name, _, value = line.strip().partition(": ")
    values = yaml.safe_load(value) if value else None
    if name in LISTS and values and len(values) <= LISTED_COLUMNS and {*values} & {*kind.columns}:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        each = [f"{indent}- {_dump([v]).strip()[1:-1]}{_comment(v, kind.columns)}" for v in values]
        return "\n".join([line.partition(": ")[0] + ":", *each])
    return line + _comment(name, kind.notes)


def _comment(name: str, notes: Mapping[str, str]) -> str:
    return f"  # {' '.join(notes[name].split())}" if name in notes else ""


def _camel(name: str) -> str:
    """``my_project`` as ``MyProject``."""
    return "".join(part.capitalize() for part in name.split("_"))
