"""What LightningCLI's parser does not know by itself: which classes are meant, and their links."""

import importlib
import inspect
import json
from argparse import Action
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser

from kindling.cli.settings import PARTS, flat, settings
from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.errors import UserError
from kindling.training.module import Module

BASES = dict(zip(PARTS, (LightningModule, LightningDataModule), strict=True))


class Layers:
    """What every run shares, then configs and flags, each over those before it.

    A class that gives way to another is set to null in between: jsonargparse would keep those of
    its arguments that the other happens to accept.

    Attributes:
        flags: For the parser.
        values: Settings by the names that are typed.
        classes: Of model and data, as far as they are named.
        options: Their arguments, by the names that are typed.
        linked: The model's arguments that are computed: the data module's own, by the same name.
    """

    def __init__(self, flags: Sequence[str]) -> None:
        self.flags: list[str] = []
        self.values: dict[str, Any] = {}
        self._files: dict[str, str] = {}  # where a setting is from, if not from a flag
        for flag in (f"--config={paths.CONFIGS / 'trainer.yaml'}", *flags):
            self._add(flag)
        named = {part: self.values[part] for part in PARTS if self.values.get(part) is not None}
        found = {part: find_class(part, name) for part, name in named.items()}
        self.classes = {part: kind for part, kind in found.items() if isinstance(kind, type)}
        self.options: dict[str, Action] = {}
        for part, kind in self.classes.items():
            self.options |= options(kind, part)
        self.linked = self._linked(*self.classes.values()) if len(self.classes) == 2 else []
        for name in self.linked:
            self.options.pop(f"model.{name}")

    def _add(self, flag: str) -> None:
        option, _, value = flag.removeprefix("--").partition("=")
        file = value if option == "config" and value[:1] != "{" else ""
        option = option.replace(".init_args", "").removesuffix(".class_path")
        typed = settings(Path(file)) if file else _typed(value)
        named = dict(flat(typed if option == "config" else {option: typed}))
        file = f"{file}: " if file else ""
        for name, new in named.items():
            if not name.endswith("+") and self._replaces(name, new, file):
                below = f"{name}."
                self.values = {k: v for k, v in self.values.items() if not k.startswith(below)}
                nothing: Any = None
                for key in reversed(name.split(".")):
                    nothing = {key: nothing}
                self.flags.append(f"--config={json.dumps(nothing)}")
        for name, new in named.items():
            self.values[name.removesuffix("+")] = [new] if name.endswith("+") else new
            self._files[name.removesuffix("+")] = file
        self.flags.append(flag)

    def _replaces(self, name: str, new: Any, file: str) -> bool:
        """Whether what is set so far, and what is set below it, is of something else."""
        old = self.values.get(name)
        below = any(known.startswith(f"{name}.") for known in self.values)
        if name in PARTS and None not in (old, new):
            base, kind = find_class(name, old), find_class(name, new)
            return not (isinstance(kind, type) and base in kind.__mro__)
        section = name.endswith(".init_args") or (below and old is None)
        if section and not isinstance(new, str | None):
            raise UserError(f"{file}{name} holds no settings; expected lines such as name: value")
        short, long = sorted((f".{old}", f".{new}"), key=len)  # with its module, or without
        holds = old is not None and (below or isinstance(old, list))
        return holds and not long.endswith(short)

    def _linked(self, model: type, data: type) -> list[str]:
        names = [o.removeprefix("model.") for o in self.options if o.startswith("model.")]
        names = [n for n in names if f"data.{n}" in self.options or _has(data, n)]
        given = [n for n in names if f"model.{n}" in self.values]
        if not (issubclass(model, Module) and issubclass(data, DataModule)):
            # Stock Lightning links nothing: of its classes, only what could not be made otherwise.
            parameters = inspect.signature(model).parameters.items()
            required = {name for name, p in parameters if p.default is p.empty}
            return [n for n in names if n in required.difference(given)]
        for name in given:
            what = f"model.{name} is computed from the data (data.{name}); leave it out"
            raise UserError(self._files[f"model.{name}"] + what)
        return names


def options(kind: type, part: str) -> dict[str, Action]:
    """The arguments of a class, inherited ones too, by the names that are typed."""
    parser = LightningArgumentParser()
    parser.add_class_arguments(kind, part, fail_untyped=False)
    # Neither argparse nor jsonargparse has a public list of what was added, with help and default.
    return {action.dest: action for action in parser._actions if action.dest.startswith(f"{part}.")}


def find_class(part: str, name: Any) -> Any:
    """What a dotted name, or the name of a class that is imported already, stands for."""
    module, _, short = str(name).rpartition(".")
    if not module:
        for kind in _subclasses(BASES[part]):
            if kind.__name__ == name:
                return kind
        raise UserError(f"{part}={name}: name the class with its module, package.module.{name}")
    try:
        found = getattr(importlib.import_module(module), short)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{name}: no such class ({part}): {reason}") from error
    if isinstance(found, type) and not issubclass(found, BASES[part]):
        raise UserError(f"{name}: no such class ({part}): not a {BASES[part].__name__}")
    return found


def _subclasses(kind: Any) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield from (below, *_subclasses(below))


def _has(data: type, name: str) -> bool:
    """Whether a data module has a value of that name, which is no method and not every one's."""
    known = any(name in inspect.get_annotations(kind) for kind in data.__mro__)
    own = getattr(data, name, None if known else len)
    return not (hasattr(LightningDataModule, name) or callable(own))


def _typed(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
