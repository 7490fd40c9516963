"""Names that a problem or the project may have, and the forms in which code writes them."""

import importlib.util
import keyword
import re

from kindling import arguments, paths
from kindling.errors import UserError
from kindling.scaffold import PROBLEMS, TESTS

LONGEST = 30


def check_task(name: str) -> str:
    """The name, or an error that says why no new problem can have it."""
    _check(name, "TASK")
    taken = [
        PROBLEMS / name,
        paths.CONFIGS / f"{name}.yaml",
        paths.PRESETS / f"{name}.yaml",
        TESTS / "problems" / name,
    ]
    for path in taken:
        if path.exists():
            raise UserError(f"TASK={name}: taken by {path.relative_to(paths.PROJECT)}")
    for preset in arguments.names(paths.PRESETS):
        # What a preset is for is told by how its name begins.
        if preset.startswith(name):
            raise UserError(f"TASK={name}: the name of the preset {preset} begins so; choose other")
    return name


def check_project(name: str) -> str:
    """The name, or an error that says why the package cannot have it."""
    _check(name, "NAME")
    if importlib.util.find_spec(name) is not None:
        raise UserError(f"NAME={name}: there is a package of that name already; choose another")
    return name


def camel(name: str) -> str:
    """``my_project`` as ``MyProject``."""
    return "".join(part.capitalize() for part in name.split("_"))


def _check(name: str, option: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"{option}={name}: not a name; use small letters, digits and _")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"{option}={name}: a word of Python's own; choose another name")
    if len(name) > LONGEST:
        raise UserError(f"{option}={name}: longer than {LONGEST} letters; choose a shorter name")
