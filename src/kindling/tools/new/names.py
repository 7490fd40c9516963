"""Names that a problem may have, and the forms in which code writes them."""

import keyword
import re

from kindling.cli import arguments
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.new import PROBLEMS, TESTS

LONGEST = 30


def check_task(name: str) -> str:
    """The name, or an error that says why no new problem can have it."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise UserError(f"TASK={name}: not a name; use small letters, digits and _")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UserError(f"TASK={name}: a word of Python's own; choose another name")
    if len(name) > LONGEST:
        raise UserError(f"TASK={name}: longer than {LONGEST} letters; choose a shorter name")
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


def camel(name: str) -> str:
    """``my_project`` as ``MyProject``."""
    return "".join(part.capitalize() for part in name.split("_"))
