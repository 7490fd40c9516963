"""Tasks, names and flags as people type them or write them into files. Imports no torch."""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kindling.cli import arguments
from kindling.cli import settings as layers
from kindling.data import paths
from kindling.errors import UserError, did_you_mean

NAME = re.compile(r"[\w+-][\w+. -]*")


def check_task(task: str) -> None:
    tasks = arguments.names(paths.CONFIGS)
    if task not in tasks:
        raise UserError(f"{task}: no such task{did_you_mean(task, tasks)}")


def check_name(name: str) -> str:
    """A name as a folder's name."""
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r}: not a name (NAME): use letters, digits, spaces and -_.+")
    return name.replace(" ", "_")


def folder(logs: Path, task: str, kind: str, name: str | None, flags: Sequence[str]) -> Path:
    """``logs/<task>/<kind>/<name>``, by default named after the data's folder."""
    roots = [flag.partition("=")[2] for flag in flags if flag.startswith("--data.root=")]
    default = Path(roots[-1]).name if roots and roots[-1] != "null" else "sample"
    return logs.absolute() / task / kind / check_name(name or default)


def load(path: Path, part: str, known: Sequence[str]) -> dict[str, Any]:
    """The content of a YAML file that must have ``part``, and may have what is ``known``."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; write one with lines such as {part}: ...")
    content = layers.load(path)
    named = content.get(part) if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise UserError(f"{path}: names no {part}; expected lines such as {part}: ...")
    if unknown := sorted(str(name) for name in set(content) - {part, *known}):
        raise UserError(f"{path}: {unknown[0]}: expected {part}, {' or '.join(known)}")
    return dict(content)


def flags(value: Any, path: Path) -> list[str]:
    """Flags as a file has them, in one line."""
    if not isinstance(value, str | None):
        raise UserError(f"{path}: {value}: expected flags in one line, such as --model.lr=0.1")
    return shlex.split(value or "")
