"""Names that a problem may have."""

import keyword
import re
from pathlib import Path

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError

LONGEST = 30


def check_task(name: str) -> str:
    """The name, or an error that says why no new problem can have it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"TASK={name}: not a name; use small letters, digits and _")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"TASK={name}: a word of Python's own; choose another name")
    if len(name) > LONGEST:
        raise UserError(f"TASK={name}: longer than {LONGEST} letters; choose a shorter name")
    for path in (*places(name), paths.PRESETS / f"{name}.yaml"):
        if path.exists():
            raise UserError(f"TASK={name}: taken by {path.relative_to(paths.PROJECT)}")
    # What a preset is for is told by how its name begins.
    for preset in arguments.names(paths.PRESETS):
        if preset.startswith(name):
            raise UserError(f"TASK={name}: the name of the preset {preset} begins so; choose other")
    for task in arguments.names(paths.CONFIGS):
        if name.startswith(f"{task}_"):
            raise UserError(f"TASK={name}: names of {task}'s presets begin so; choose other")
    return name


def places(task: str) -> list[Path]:
    """Where a problem, its tests and its configuration are."""
    project = paths.PROJECT
    folders = [project / "src" / "problems" / task, project / "tests" / "problems" / task]
    return [*folders, paths.CONFIGS / f"{task}.yaml"]


def camel(name: str) -> str:
    """``my_project`` as ``MyProject``."""
    return "".join(part.capitalize() for part in name.split("_"))
