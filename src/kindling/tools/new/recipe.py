"""What a new problem is copied from, and what is changed on the way."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.new import source
from kindling.tools.new.names import camel

TASK, CAMEL = "\1", "\2"
"""Stand for the new problem's name until all words are replaced."""


@dataclass(frozen=True)
class Edit:
    """A passage of a copied file, which occurs once, and what stands there in the new problem."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Recipe:
    """How the files of one kind of problem are made.

    Args:
        kind: What is typed, with the target where a kind has two.
        about: The first line of the configuration.
        package: Files to copy, each with where it goes: in a folder
            ``problems`` or ``tests``, by a new name where that is another.
        words: Patterns and what to put in their place, in order.
        edits: Passages that differ, made before the words are replaced.
        left_out: Definitions that only the shipped problem has a use for, by file.
        data: Settings of the data module.
        model: Settings of the model.
        trainer: Settings of the trainer, then of early stopping.
    """

    kind: str
    about: str
    package: Mapping[str, str]
    words: Sequence[tuple[str, str]]
    edits: Sequence[Edit] = ()
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    data: Mapping[str, object] = field(default_factory=dict)
    model: Mapping[str, object] = field(default_factory=dict)
    trainer: Mapping[str, object] = field(default_factory=dict)


def copied(recipe: Recipe, task: str, constants: Mapping[str, str]) -> dict[str, str]:
    """The new problem's files, by their place: ``problems/net.py``, ``tests/test_net.py``.

    Args:
        recipe: What to copy.
        task: The new name.
        constants: Assignments in ``problems/sample.py`` that the user's own file says better.

    Raises:
        UserError: What is copied is not there any more.
    """
    files = {place: _read(recipe.kind, name) for name, place in recipe.package.items()}
    for edit in recipe.edits:
        if files[edit.file].count(edit.old) != 1:
            raise ValueError(f"{edit.file}: {edit.old!r} is not there exactly once")
        files[edit.file] = files[edit.file].replace(edit.old, edit.new)
    for file, names in recipe.left_out.items():
        files[file] = source.without(files[file], names)
    for name, statement in constants.items():
        files["problems/sample.py"] = source.replaced(files["problems/sample.py"], name, statement)
    return {place: renamed(text, recipe.words, task) for place, text in files.items()}


def renamed(text: str, words: Sequence[tuple[str, str]], task: str) -> str:
    for pattern, new in words:
        text = re.sub(pattern, new, text)
    return text.replace(TASK, task).replace(CAMEL, camel(task))


def _read(kind: str, name: str) -> str:
    path = paths.PROJECT / name
    if not path.is_file():
        raise UserError(
            f"KIND={kind}: copied from {name}, which is not there; get it back with git, or choose "
            "another kind"
        )
    return path.read_text()
