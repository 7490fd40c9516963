"""Layers of configs and flags: which classes they name, and which arguments are linked."""

import importlib
import inspect
import json
from argparse import Action
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path, PurePath
from types import FunctionType
from typing import Any

import torch
import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser

from kindling.cli.settings import flat, settings
from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.runs.secrets import MASK
from kindling.training.module import Module

BASES: dict[str, type] = {"model": LightningModule, "data": LightningDataModule}


class Layers:
    """``trainer.yaml``, then configs and flags, each overriding those before it.

    A class that another one replaces is set to null in between: jsonargparse would keep those of
    its arguments that the new class happens to accept.

    Attributes:
        flags: What the parser gets.
        values: Settings by the names of their options.
        classes: The named classes of model and data.
        options: The arguments of these classes by the names of their options.
        linked: Arguments of the model that are attributes of the data module of the same name.
    """

    def __init__(self, flags: Sequence[str]) -> None:
        self.flags: list[str] = []
        self.values: dict[str, Any] = {}
        for flag in (f"--config={paths.CONFIGS / 'trainer.yaml'}", *flags):
            self._add(flag)
        for name in (name for name, value in self.values.items() if MASK in str(value)):
            raise UserError(f"{name}: a secret, which is never saved; give it again: --{name}=...")
        named = [part for part in BASES if self.values.get(part) is not None]
        found = {part: find_class(part, self.values[part]) for part in named}
        self.classes = {part: kind for part, kind in found.items() if kind}
        self.options: dict[str, Action] = {}
        for part, kind in self.classes.items():
            self.options |= options(kind, part)
        self.linked = self._linked(*self.classes.values()) if len(self.classes) == 2 else []
        for name in self.linked:
            self.options.pop(f"model.{name}")

    def _add(self, flag: str) -> None:
        option, _, value = flag.removeprefix("--").partition("=")
        option = option.replace(".init_args", "").removesuffix(".class_path")
        is_file = option == "config" and value[:1] != "{"
        typed = settings(Path(value)) if is_file else _typed(value)
        named = dict(flat(typed if option == "config" else {option: typed}))
        for name in [name for name, new in named.items() if self._replaces(name, new)]:
            self.values = {k: v for k, v in self.values.items() if not k.startswith(f"{name}.")}
            self.flags.append(f"--config={json.dumps({name: None})}")
        for name, new in named.items():
            self.values[name.removesuffix("+")] = [new] if name.endswith("+") else new
        self.flags.append(flag)

    def _replaces(self, name: str, new: Any) -> bool:
        """Whether a new value drops the settings below the old one: it names another class."""
        old = self.values.get(name)
        if name in BASES and None not in (old, new):
            return find_class(name, old) not in getattr(find_class(name, new), "__mro__", ())
        below = any(known.startswith(f"{name}.") for known in self.values)
        section = name.endswith(".init_args") or (below and old is None)
        if section and not isinstance(new, str | None):
            raise UserError(f"{name} holds no settings; expected lines such as name: value")
        short, long = sorted((f".{old}", f".{new}"), key=len)  # with its module, or without
        return old is not None and (below or isinstance(old, list)) and not long.endswith(short)

    def _linked(self, model: type, data: type) -> list[str]:
        """Links of our bases alone: stock Lightning has none."""
        if not (issubclass(model, Module) and issubclass(data, DataModule)):
            return []
        named = {name for kind in data.__mro__ for name in inspect.get_annotations(kind)}
        named = {*dir(data), *named}.difference(dir(LightningDataModule))
        values = {name for name in named if not callable(getattr(data, name, None))}
        taken = [o.removeprefix("model.") for o in self.options if o.startswith("model.")]
        linked = [name for name in taken if f"data.{name}" in self.options or name in values]
        if given := [name for name in linked if f"model.{name}" in self.values]:
            what = f"model.{given[0]} is computed from the data (data.{given[0]})"
            raise UserError(f"{what}; leave it out")
        return linked


@cache
def options(kind: type, part: str) -> Mapping[str, Action]:
    """The arguments of a class, inherited ones too, by the names of their options."""
    parser = LightningArgumentParser()
    parser.add_class_arguments(kind, part, fail_untyped=False)
    # Neither argparse nor jsonargparse has a public list of what was added, with help and default.
    return {action.dest: action for action in parser._actions if action.dest.startswith(f"{part}.")}


def find_class(part: str, name: Any) -> type | None:
    """The class of a dotted name, or of the short name of an imported one; None of a function."""
    module, _, short = str(name).rpartition(".")
    if not module:
        kinds = [BASES[part]]
        for kind in kinds:
            if kind.__name__ == name:
                return kind
            kinds += kind.__subclasses__()
        if Path(str(name)).exists():
            what = f"{part} is a class; the data's folder is data.root"
            raise UserError(f"{part}={name}: {what}: --data.root={name}")
        raise UserError(f"{part}={name}: name the class with its module, package.module.{name}")
    try:
        found = getattr(importlib.import_module(module), short)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{part}={name}: no such class; {reason}") from error
    if not isinstance(found, type):
        return None
    if not issubclass(found, BASES[part]):
        raise UserError(f"{part}={name}: no such class; it is not a {BASES[part].__name__}")
    return found


def _typed(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def plain(value: Any) -> Any:
    """Settings as plain YAML values; other objects, which are defaults of classes, are left out."""
    if isinstance(value, Namespace | dict):
        # A namespace renames keys that are called as its methods are, such as values.
        items = value.as_dict() if isinstance(value, Namespace) else value
        parts = {name: plain(part) for name, part in items.items()}
        return {name: part for name, part in parts.items() if part is not LEFT_OUT}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, Enum):
        return value.value if isinstance(value, str) else value.name
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, PurePath | timedelta | torch.device | torch.dtype):
        return str(value)
    if isinstance(value, type | FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    return LEFT_OUT


LEFT_OUT = object()
