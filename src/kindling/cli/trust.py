"""What a checkpoint from elsewhere may import: model and data of the project and the engine."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from kindling.cli.parser import find_class, options
from kindling.cli.settings import PARTS
from kindling.errors import UserError

TRUSTED = ("kindling", "problems")
"""Packages of the project and of the engine."""

DOTTED = re.compile(r"\w+(\.\w+)+")


def trusted(config: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """The parts ``model`` and ``data`` of the configuration inside a checkpoint.

    Raises:
        UserError: It names code of neither the project nor the engine.
    """
    for part in PARTS:
        for name in _imported(part, config[part]):
            if name.partition(".")[0] not in TRUSTED:
                what = f"its configuration names {name}, neither the project's nor Kindling's"
                raise UserError(f"{checkpoint}: {what}; if you trust the checkpoint: --trust")
    return {part: config[part] for part in PARTS}


def _imported(part: str, value: Any) -> Iterator[str]:
    """Names that the parser would import: classes, and texts where a class or function may be."""
    classes = [*_class_paths(value)] or [str(value)]
    yield from classes
    kind = find_class(part, classes[0])
    actions = options(kind, part) if kind else {}
    arguments = value.get("init_args") if isinstance(value, dict) else None
    for name, given in arguments.items() if isinstance(arguments, dict) else ():
        # A text is the name of a class or a function where one is expected.
        if not _is_plain(getattr(actions.get(f"{part}.{name}"), "_typehint", Any)):
            yield from (text for text in _texts(given) if DOTTED.fullmatch(text))


def _class_paths(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "class_path" in value:
            yield str(value["class_path"])
        value = [*value.values()]
    for inner in value if isinstance(value, list) else ():
        yield from _class_paths(inner)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _is_plain(hint: Any) -> bool:
    """Whether values of a type are numbers, texts, paths, or containers of these."""
    origin = get_origin(hint)
    if origin is Literal:
        return True
    if type in (hint, origin) or Callable in (hint, origin):
        return False
    if inner := get_args(hint):
        return all(map(_is_plain, inner))
    return getattr(hint, "__module__", "builtins") in ("builtins", "pathlib", "typing", "types")
