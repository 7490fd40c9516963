"""What LightningCLI's parser does not know by itself: which classes are meant, and their links."""

import importlib
import inspect
from argparse import Action
from collections.abc import Iterator
from typing import Any, NoReturn

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser

from kindling.datamodule import DataModule
from kindling.errors import UserError
from kindling.layers import PARTS, Layers
from kindling.module import Module

BASES = dict(zip(PARTS, (LightningModule, LightningDataModule), strict=True))


class ParseError(Exception):
    """What the parser has to say, before it is put in one line."""


class Parser(LightningArgumentParser):
    """Takes options by their full names alone, and leaves it to the caller to show errors."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "allow_abbrev": False})

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        raise ParseError(message) from ex


class Pair:
    """The classes of model and data that ``layers`` name, as far as they do.

    Attributes:
        options: Their arguments, by the names that are typed.
        linked: The model's arguments that are computed: the data module's own, by the same name.
    """

    def __init__(self, layers: Layers) -> None:
        self.options: dict[str, Action] = {}
        self.classes: dict[str, type] = {}
        for part in BASES:
            names = [
                given.get(n) for _, given in layers.named for n in (part, f"{part}.class_path")
            ]
            # All are imported: a short name may be of a class in a module that another one names.
            found = [find_class(part, name) for name in names if name is not None]
            if found and isinstance(found[-1], type):
                self.classes[part] = found[-1]
                self.options |= options(found[-1], part)
        self.linked = self._linked(layers) if len(self.classes) == len(BASES) else []
        for name in self.linked:
            self.options.pop(f"model.{name}")

    def _linked(self, layers: Layers) -> list[str]:
        model, data = self.classes["model"], self.classes["data"]
        names = [option.partition(".")[2] for option in self.options if option.startswith("model.")]
        names = [n for n in names if f"data.{n}" in self.options or n in _attributes(data)]
        given = {name: file for file, named in layers.named for name in named}
        if not (issubclass(model, Module) and issubclass(data, DataModule)):
            # Stock Lightning links nothing: of its classes, only what could not be made otherwise.
            defaults = {n: p.default for n, p in inspect.signature(model).parameters.items()}
            required = [n for n in names if defaults.get(n) is inspect.Parameter.empty]
            return [name for name in required if f"model.{name}" not in given]
        for name in names:
            if (file := given.get(f"model.{name}")) is not None:
                name = f"model.{name} is computed from the data (data.{name}); leave it out"
                raise UserError(f"{file}: {name}" if file else name)
        return names


def options(kind: type, part: str) -> dict[str, Action]:
    """The arguments of a class, inherited ones too, by the names that are typed."""
    parser = Parser()
    parser.add_class_arguments(kind, part, fail_untyped=False)
    # Neither argparse nor jsonargparse has a public list of what was added, with help and default.
    return {action.dest: action for action in parser._actions if action.dest.startswith(f"{part}.")}


def choices(action: Action) -> list[str]:
    """What an option can be set to, where that is a closed choice."""
    names = str(action.metavar)
    return names[1:-1].split(",") if names.startswith("{") else []


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


def inherits(part: str, below: str, above: str) -> bool:
    """Whether a part's class takes the settings of the one that it replaces, as a subclass does."""
    classes = [find_class(part, name) for name in (above, below)]
    return all(isinstance(kind, type) for kind in classes) and issubclass(*classes)


def _subclasses(kind: Any) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)


def _attributes(kind: type) -> set[str]:
    """What a data module has beside methods and what every one has."""
    own = [k for k in kind.__mro__ if k not in LightningDataModule.__mro__]
    names = {name for k in own for name in (*vars(k), *inspect.get_annotations(k))}
    return {n for n in names if not inspect.isfunction(inspect.getattr_static(kind, n, None))}
