"""New problems: a data module and a model on the engine's bases, from templates."""

import keyword
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.command import Parser, Words

if TYPE_CHECKING:
    from kindling.tools.new.infer import Inferred

TEMPLATES = Path(__file__).with_name("templates")
LONGEST = 30  # letters of a name
LISTED_COLUMNS = 100  # that get a line each, with what they were taken for
Kind = Mapping[str, str]  # what it is for, templates of model and configuration, data module's base
KINDS: dict[str, dict[str, Kind]] = yaml.safe_load((TEMPLATES / "kinds.yaml").read_text())


def main(argv: Words) -> None:
    """Create a problem: its folder, configuration and tests."""
    options = Parser(main)
    add = options.add_argument
    add("--task", required=True, help="the problem's name")
    add("--kind", required=True, help=", ".join(KINDS))
    add("--target", help="classification or regression, where both make sense")
    add("--data", type=Path, help="CSV file, or folder of photos, to start from")
    add("--column", help="column to predict, or several with commas; default: the last")
    make(**vars(options.parse_args(argv)))


def make(
    task: str, kind: str, target: str | None, data: Path | None = None, column: str | None = None
) -> None:
    """Write a new problem, and say what was written."""
    check_new_task(task)
    chosen, found = find(kind, target), None
    if data is not None:
        from kindling.tools.new.infer import infer  # takes seconds to import

        found = infer(kind, data, column, target)
        chosen = find(kind, target or found.target)
        print(f"{data}: {found.about}")
        for name, value in found.settings.items():
            print(f"  {name:11} {', '.join(value) if isinstance(value, list) else value}")
        for line in _columns(found):
            print(f"  {line}")
    create(task, chosen, found)
    for path in places(task):
        print(f"wrote   {path.relative_to(paths.PROJECT)}")
    root = data.parent if data is not None and data.is_file() else data
    print(f"train   make train TASK={task}{f' DATA={root}' if root is not None else ''}")


def find(kind: str, target: str | None) -> Kind:
    """What is made of a kind, and a target where there are several."""
    if kind not in KINDS:
        raise UserError(f"KIND={kind}: no such kind{did_you_mean(kind, KINDS)}")
    targets = KINDS[kind]
    if target is not None and target not in targets:
        what = f"{kind} has {', '.join(targets)}; a column is TARGET_COLUMN={target}"
        raise UserError(f"TARGET={target}: {what}")
    return targets[target or next(iter(targets))]


def check_new_task(name: str) -> None:
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


def create(task: str, kind: Kind, found: "Inferred | None" = None) -> None:
    """Write a problem, whole or not at all: its folder, its tests and its configuration."""
    source, tests, config = places(task)
    module, _, base = kind["base"].rpartition(".")
    data = _filled("data.py" if base else "data_both.py", task)
    data = data.replace("base_module", module).replace("BaseDataModule", base)
    data = data.replace("kind_about", kind["about"])
    contract = _filled("test_contract.py", task)
    if kind["model"] == "table_class":
        data += '    target_kind = "classes"\n'
    if kind["model"] == "table_number":
        contract += "    overfit = 0.3  # of what the linear model leaves, much of it noise\n"
    files = {
        source / "__init__.py": f'"""{kind["about"]}."""\n',
        source / "data.py": data,
        source / "model.py": _filled(f"{kind['model']}.py", task),
        tests / "test_contract.py": contract,
        config: _config(kind, task, found),
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
    camel = "".join(part.capitalize() for part in task.split("_"))
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return text.replace("task_name", task).replace("TaskName", camel)


def _config(kind: Kind, task: str, found: "Inferred | None") -> str:
    """A configuration with what a file holds, what its size takes, and why, in comments."""
    content: dict[str, Any] = yaml.safe_load(_filled(f"{kind['config']}.yaml", task))
    notes: dict[str, str] = {}
    if found:
        budget, notes = found.budget, {"missing": "taken for missing values", **found.budget.notes}
        content["data"]["init_args"] |= {**found.settings, **budget.data}
        content["model"]["init_args"] = dict(budget.model)
        content["trainer"]["max_epochs"] = budget.epochs
        content["early_stopping"]["patience"] = budget.patience
    # A list takes one line, however long it is.
    lines = yaml.safe_dump(
        content, sort_keys=False, default_flow_style=None, allow_unicode=True, width=1_000_000
    ).splitlines()
    for k, line in enumerate(lines):
        if note := notes.get(line.partition(":")[0].strip()):
            lines[k] = f"{line}  # {note}"
    head = [f"# {line}" for line in (kind["about"], *_columns(found))]
    return "\n".join([*head, *lines, ""])


def _columns(found: "Inferred | None") -> list[str]:
    """What each column of a table was taken for."""
    columns = list(found.columns.items())[:LISTED_COLUMNS] if found else []
    return [" ".join(f"column {name}: {what}".split()) for name, what in columns]
