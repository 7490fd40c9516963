"""What LightningCLI's parser does not know by itself: which classes are meant, and their links."""

import importlib
import inspect
from argparse import Action
from collections.abc import Iterator
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.cli import LightningArgumentParser

from kindling.datamodule import DataModule
from kindling.errors import UserError
from kindling.layers import PARTS, Layers
from kindling.module import Module

BASES = dict(zip(PARTS, (LightningModule, LightningDataModule), strict=True))

STRICT = {"allow_abbrev": False, "exit_on_error": False}
"""Of a parser: options by their full names alone, and errors left to the caller."""


class Pair:
    """The classes of model and data that ``layers`` name, as far as they do.

    Attributes:
        options: Their arguments, by the names that are typed.
        linked: The model's arguments that are computed: the data module's own, by the same name.
    """

    def __init__(self, layers: Layers) -> None:
        named = {part: layers.values.get(part) for part in BASES}
        found = {part: find_class(part, name) for part, name in named.items() if name is not None}
        self.classes = {part: kind for part, kind in found.items() if isinstance(kind, type)}
        self.options: dict[str, Action] = {}
        for part, kind in self.classes.items():
            self.options |= options(kind, part)
        self.linked = self._linked(layers) if len(self.classes) == len(BASES) else []
        for name in self.linked:
            self.options.pop(f"model.{name}")

    def _linked(self, layers: Layers) -> list[str]:
        model, data = self.classes.values()
        names = [option.partition(".")[2] for option in self.options if option.startswith("model.")]
        names = [n for n in names if f"data.{n}" in self.options or _has(data, n)]
        given = [n for n in names if f"model.{n}" in layers.values]
        if not (issubclass(model, Module) and issubclass(data, DataModule)):
            # Stock Lightning links nothing: of its classes, only what could not be made otherwise.
            defaults = {n: p.default for n, p in inspect.signature(model).parameters.items()}
            required = [n for n in names if defaults.get(n) is inspect.Parameter.empty]
            return [name for name in required if name not in given]
        for name in given:
            file = layers.files[f"model.{name}"]
            name = f"model.{name} is computed from the data (data.{name}); leave it out"
            raise UserError(f"{file}: {name}" if file else name)
        return names


def options(kind: type, part: str) -> dict[str, Action]:
    """The arguments of a class, inherited ones too, by the names that are typed."""
    parser = LightningArgumentParser()
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
    base, kind = (find_class(part, name) for name in (below, above))
    return isinstance(base, type) and isinstance(kind, type) and issubclass(kind, base)


def _subclasses(kind: Any) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield from (below, *_subclasses(below))


def _has(data: type, name: str) -> bool:
    """Whether a data module has a value of that name, which is no method and not every one's."""
    known = name in {n for kind in data.__mro__ for n in inspect.get_annotations(kind)}
    own = getattr(data, name, None if known else len)
    return not (hasattr(LightningDataModule, name) or callable(own))
