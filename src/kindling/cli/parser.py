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

from kindling.cli.messages import classes, near_class
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
        files: The file that each of them is from; ``None`` for one that was typed.
        classes: The named classes of model and data.
        options: The arguments of these classes by the names of their options.
        linked: Arguments of the model that are attributes of the data module of the same name.
    """

    def __init__(self, flags: Sequence[str]) -> None:
        self.flags: list[str] = []
        self.values: dict[str, Any] = {}
        self.files: dict[str, Path | None] = {}
        for flag in (f"--config={paths.CONFIGS / 'trainer.yaml'}", *flags):
            self._add(flag)
        for name in (name for name, value in self.values.items() if MASK in str(value)):
            raise UserError(f"{name}: a secret, which is never saved; give it again: --{name}=...")
        found = {part: find_class(part, self.values.get(part)) for part in BASES}
        self.classes = {part: kind for part, kind in found.items() if kind}
        self.options: dict[str, Action] = {}
        for part, kind in self.classes.items():
            self.options |= options(kind, part)
        self.linked = self._linked(*found.values())
        for name in self.linked:
            self.options.pop(f"model.{name}")

    def _add(self, flag: str) -> None:
        option, _, value = flag.removeprefix("--").partition("=")
        option = option.replace(".init_args", "").removesuffix(".class_path")
        file = Path(value) if option == "config" and value[:1] != "{" else None
        typed = settings(file) if file else _typed(value)
        named = dict(flat(typed if option == "config" else {option: typed}))
        for name in [name for name, new in named.items() if self._replaces(name, new)]:
            self.values = {k: v for k, v in self.values.items() if not k.startswith(f"{name}.")}
            self.flags.append(f"--config={json.dumps({name: None})}")
        for name, new in named.items():
            self.values[name.removesuffix("+")] = [new] if name.endswith("+") else new
            self.files[name.removesuffix("+")] = file
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

    def _linked(self, model: type | None, data: type | None) -> list[str]:
        """Links of our bases alone: stock Lightning has none."""
        if not (model and issubclass(model, Module) and data and issubclass(data, DataModule)):
            return []
        taken, offered = (
            {option.partition(".")[2] for option in self.options if option.startswith(part)}
            for part in BASES
        )
        named = {name for kind in data.__mro__ for name in inspect.get_annotations(kind)}
        named = {*dir(data), *named}.difference(dir(LightningDataModule))
        offered |= {name for name in named if not callable(getattr(data, name, None))}
        linked = sorted(taken & offered)
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
    if name is None:
        return None
    typed, (module, _, short) = f"{part}={name}", str(name).rpartition(".")
    if not module:
        for kind in classes(BASES[part]):
            if kind.__name__ == name:
                return kind
        if part == "data" and Path(short).exists():
            what = "data is a class; the data's folder is data.root"
            raise UserError(f"{typed}: {what}: --data.root={name}")
        raise UserError(f"{typed}: no such class; {near_class(short, BASES[part])}")
    try:
        found = getattr(importlib.import_module(module), short)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{typed}: no such class; {reason}") from error
    if isinstance(found, type) and not issubclass(found, BASES[part]):
        raise UserError(f"{typed}: no such class; it is not a {BASES[part].__name__}")
    return found if isinstance(found, type) else None


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
