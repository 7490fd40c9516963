"""The settings of a configured class, read from its source: importing it would take seconds."""

import ast
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docstring_parser import parse as parse_docstring

from kindling import paths
from kindling.errors import UserError

MOST = 10_000
"""Values in a configuration."""


@dataclass(frozen=True)
class Setting:
    """An argument of a class: ``choices`` where it is a ``Literal``."""

    name: str
    choices: tuple[str, ...]
    default: Any
    doc: str
    annotation: str = ""


def merged(configs: Sequence[Path]) -> dict[str, Any]:
    """The configs over what every run shares, as the parser merges them."""
    whole: dict[str, Any] = {}
    for path in (paths.CONFIGS / "trainer.yaml", *configs):
        content = load(path)
        if not isinstance(content or {}, dict):
            raise UserError(f"{path}: holds no settings; expected lines such as trainer: ...")
        whole = _merge(whole, content or {})
    return whole


def load(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: It is not YAML, or not of plain values, or of too many.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: {_fault(error)}") from error
    if _endless(content):
        raise UserError(f"{path}: more than {MOST:,} values with its aliases (*) written out")
    return content


def _endless(content: Any) -> bool:
    """Whether aliases make a few lines into more values than anybody would write."""
    left, seen = [content], 0
    while left and seen < MOST:
        seen += 1
        value = left.pop()
        if isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)
    return bool(left)


def _fault(error: Exception) -> str:
    if isinstance(error, yaml.constructor.ConstructorError):
        reason = " ".join(str(error.problem).split())
        return f"not plain YAML ({reason}); settings are numbers, words, lists and mappings"
    return "not valid YAML"


def settings(class_path: str) -> list[Setting]:
    """The arguments of a class, in order, or an error if there is no such class."""
    return list(_arguments(_class(class_path)))


def properties(class_path: str) -> list[str]:
    """The properties that a class itself defines."""
    return [
        node.name
        for node in _class(class_path).body
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d) in ("property", "cached_property") for d in node.decorator_list)
    ]


def _class(class_path: str) -> ast.ClassDef:
    module, _, name = class_path.rpartition(".")
    try:
        spec = importlib.util.find_spec(module) if module else None
    except (ImportError, ValueError):
        spec = None
    # What is compiled or built into Python has no settings to read.
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UserError(f"{class_path}: no such class (class_path)")
    tree = ast.parse(Path(spec.origin).read_text())
    node = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if node is None:
        raise UserError(f"{class_path}: no such class (class_path)")
    return node


def _arguments(node: ast.ClassDef) -> Iterator[Setting]:
    docs = {
        p.arg_name: p.description for p in parse_docstring(ast.get_docstring(node) or "").params
    }
    init = next(
        (n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None
    )
    if init is None:
        return
    parameters = init.args.args[1:]
    defaults = [None] * (len(parameters) - len(init.args.defaults)) + [*init.args.defaults]
    for parameter, default in zip(parameters, defaults, strict=True):
        annotation = ast.unparse(parameter.annotation) if parameter.annotation else ""
        value = ast.literal_eval(default) if default is not None else None
        doc = docs.get(parameter.arg) or ""
        yield Setting(parameter.arg, choices(annotation), value, doc, annotation)


def choices(annotation: str) -> tuple[str, ...]:
    """The values of a ``Literal``; of any other annotation, none."""
    literal, _, values = annotation.partition("[")
    if literal != "Literal":
        return ()
    return tuple(str(choice) for choice in ast.literal_eval(f"({values.rstrip(']')},)"))


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``above`` over ``below``, mappings key by key."""
    whole = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = _merge(whole[key], value) if both else value
    return whole
