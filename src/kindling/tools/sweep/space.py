"""What a sweep searches: settings, each with a range or choices, as Optuna's distributions."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from kindling.api.record import Settings
from kindling.cli.settings import PARTS, shown
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.runner import typed
from kindling.tools.runner.expected import settings
from kindling.training.optimizers import CLASSES

FOLDER = paths.CONFIGS / "sweep"

NOT_SEARCHED = (*PARTS, "checkpoint.monitor", "checkpoint.mode", "data.root", "seed_everything")
"""Settings that say what trials are compared by, and on what."""

EXPECTED = "expected a list of choices, or {low: 1, high: 4}, with log: true or step: 1 if need be"


@dataclass(frozen=True)
class Space:
    """The settings that are searched, and the flags of all trials, the task's configuration first.

    Choices are searched by their text: they may be lists, which Optuna does not store.
    """

    task: str
    path: Path
    flags: list[str]
    searched: dict[str, BaseDistribution]

    def settings(self, params: Mapping[str, Any]) -> Settings:
        """Optuna's parameters as a run has them, in the order of the file."""
        chosen = {name: params[name] for name in self.searched if name in params}
        return {n: yaml.safe_load(v) if isinstance(v, str) else v for n, v in chosen.items()}

    def corners(self) -> list[Settings]:
        """Trials that between them have every choice, and both ends of every range."""
        ends = {
            n: list(d.choices) if isinstance(d, CategoricalDistribution) else [d.low, d.high]  # type: ignore[attr-defined]
            for n, d in self.searched.items()
        }
        most = max(map(len, ends.values()))
        return [self.settings({n: e[k % len(e)] for n, e in ends.items()}) for k in range(most)]


def trial_flags(values: Settings) -> list[str]:
    # A class before its arguments.
    ordered = sorted(values.items(), key=lambda item: item[0] not in CLASSES)
    return [f"--{name}={shown(value)}" for name, value in ordered]


def configuration(values: Settings) -> dict[str, Any]:
    """``{"model.lr": 1}`` as ``{"model": {"init_args": {"lr": 1}}}``."""
    content: dict[str, Any] = {}
    for name, value in values.items():
        part, _, setting = name.partition(".")
        section = content.setdefault(part, {})
        if setting and part in (*PARTS, *CLASSES):
            section = section.setdefault("init_args", {})
        section[setting or "class_path"] = value
    return content


def read(task: str, path: Path | None = None, flags: Sequence[str] = ()) -> Space:
    """The space of a task in ``configs/sweep``, or in a file of one's own.

    Raises:
        UserError: There is none, a line of it is no range and no list of choices, or one of the
            flags, which are for all trials, says what is to be searched.
    """
    path = path or FOLDER / f"{task}.yaml"
    content = typed.load(path, "space", ["flags"])
    searched = {str(n): _searched(f"{path}: {n}", v) for n, v in content["space"].items()}
    for name in searched.keys() & set(NOT_SEARCHED):
        raise UserError(f"{path}: {name}: trials that differ in it cannot be compared; take it out")
    for name in searched.keys() & {flag.partition("=")[0].removeprefix("--") for flag in flags}:
        raise UserError(f"{name}: {path} searches it; leave the flag out")
    shared = [f"--config={task}", *typed.flags(content.get("flags"), path), *flags]
    return Space(task, path, shared, searched)


def shared_settings(space: Space) -> Settings:
    """The settings that all trials share, once every choice and end was tried.

    Raises:
        UserError: There is no such setting or choice.
    """
    whole: Settings = {}
    for values in space.corners():
        whole = settings([*space.flags, *trial_flags(values)])
        for name, value in values.items():
            if name not in whole:
                raise UserError(f"{space.path}: {name}: no setting of a run")
            if whole[name] != value:
                read_as = f"{shown(value)} is read as {shown(whole[name])}"
                raise UserError(f"{space.path}: {name}: {read_as}; write it so")
    # A class that is searched brings arguments of its own.
    apart = tuple(f"{name}." for name in CLASSES if name in space.searched)
    return {k: v for k, v in whole.items() if k not in space.searched and not k.startswith(apart)}


def _searched(where: str, given: Any) -> BaseDistribution:
    if isinstance(given, list):
        choices = [shown(choice) for choice in given]
        if len(set(choices)) < max(2, len(choices)):
            raise UserError(f"{where}: {shown(given)}: expected two choices at least, each once")
        return CategoricalDistribution(choices)
    try:
        # YAML takes 1e-4, without a point, for a word.
        ends: dict[str, Any] = {k: float(v) if isinstance(v, str) else v for k, v in given.items()}
        whole = not any(isinstance(value, float) for value in ends.values())
        with warnings.catch_warnings(action="error"):  # of a step that does not lead to the end
            return IntDistribution(**ends) if whole else FloatDistribution(**ends)
    except (AttributeError, TypeError, ValueError, UserWarning) as error:
        raise UserError(f"{where}: {shown(given)}: {EXPECTED} ({error})") from error
