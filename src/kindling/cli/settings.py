"""Settings in YAML files, read with care. Nothing here imports torch."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from kindling.errors import UserError

MOST = 10_000
"""Values in a configuration."""

PARTS = ("model", "data")


def load(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: It is not YAML, or not of plain values, or of too many.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        fault = "not valid YAML"
        if isinstance(error, yaml.constructor.ConstructorError):
            reason = " ".join(str(error.problem).split())
            fault = f"not plain YAML ({reason}); settings are numbers, words, lists and mappings"
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: {fault}") from error
    left, seen = [content], 0  # a few lines of aliases can stand for billions of values
    while left:
        value, seen = left.pop(), seen + 1
        if seen > MOST:
            raise UserError(f"{path}: more than {MOST:,} values with its aliases (*) written out")
        if isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)
    return content


def settings(path: Path) -> dict[str, Any]:
    """What a YAML file of settings holds."""
    content = load(path)
    if not (content and isinstance(content, dict)):
        raise UserError(f"{path}: holds no settings; expected lines such as trainer: ...")
    return content


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by the names of their options: ``model`` for its class, ``model.lr`` below it."""
    for key, value in content.items():
        name = prefix if key == "class_path" else f"{prefix}.{key}"
        if isinstance(value, dict) and not name.endswith("+"):
            yield from flat(value, prefix if key == "init_args" else name)
        else:
            yield name.lstrip("."), value


def shown(value: Any) -> str:
    """A value as one types it on the command line."""
    try:
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    except yaml.YAMLError:  # an object, that a class has for a default
        return str(value)
    return str(text).removesuffix("\n").removesuffix("\n...").strip()
