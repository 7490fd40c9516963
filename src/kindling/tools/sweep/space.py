"""What a sweep searches: settings, each with a range or choices, as Optuna's distributions."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from optuna import distributions
from optuna.distributions import BaseDistribution, CategoricalDistribution

from kindling.api.record import Settings
from kindling.cli.settings import PARTS, shown
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools import command
from kindling.training.optimizers import CLASSES

FOLDER = paths.CONFIGS / "sweep"
# They say what trials are compared by, and on what.
NOT_SEARCHED = (*PARTS, "checkpoint.monitor", "checkpoint.mode", "data.root", "seed_everything")
EXPECTED = "expected a list of choices, or {low: 1, high: 4}, with log: true or step: 1 if need be"


@dataclass(frozen=True)
class Space:
    """The settings that are searched, and flags and fixed settings of all trials.

    Choices are searched by their text: they may be lists, which Optuna does not store.
    """

    task: str
    path: Path
    flags: list[str]
    searched: dict[str, BaseDistribution]
    fixed: Settings = field(default_factory=dict)

    def settings(self, params: Mapping[str, Any]) -> Settings:
        """Optuna's parameters as a run has them, a class before its arguments."""
        names = sorted(self.searched, key=lambda name: name not in CLASSES)
        values = {name: params[name] for name in names if name in params}
        return {n: yaml.safe_load(v) if isinstance(v, str) else v for n, v in values.items()}

    def corners(self) -> list[Settings]:
        """Trials that between them have every choice, and both ends of every range."""
        ends = {
            n: list(d.choices) if isinstance(d, CategoricalDistribution) else [d.low, d.high]  # type: ignore[attr-defined]
            for n, d in self.searched.items()
        }
        most = max(map(len, ends.values()))
        return [self.settings({n: e[k % len(e)] for n, e in ends.items()}) for k in range(most)]


def nested(values: Settings) -> dict[str, Any]:
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
    content = command.load(path, "space", ["flags"])
    searched = {str(n): _searched(f"{path}: {n}", v) for n, v in content["space"].items()}
    for name in searched.keys() & set(NOT_SEARCHED):
        raise UserError(f"{path}: {name}: trials that differ in it cannot be compared; take it out")
    for name in searched.keys() & {flag.partition("=")[0].removeprefix("--") for flag in flags}:
        raise UserError(f"{name}: {path} searches it; leave the flag out")
    shared = [f"--config={task}", *command.split(content.get("flags"), path), *flags]
    return Space(task, path, shared, searched)


def _searched(where: str, given: Any) -> BaseDistribution:
    if isinstance(given, list):
        choices = [shown(choice) for choice in given]
        if len(set(choices)) < max(2, len(choices)):
            raise UserError(f"{where}: {shown(given)}: expected two choices at least, each once")
        return CategoricalDistribution(choices)
    try:
        # YAML takes 1e-4, without a point, for a word.
        ends: dict[str, Any] = {k: float(v) if isinstance(v, str) else v for k, v in given.items()}
        real = any(isinstance(value, float) for value in ends.values())
        make = distributions.FloatDistribution if real else distributions.IntDistribution
        with warnings.catch_warnings(action="error"):  # of a step that does not lead to the end
            return make(**ends)
    except (AttributeError, TypeError, ValueError, UserWarning) as error:
        raise UserError(f"{where}: {shown(given)}: {EXPECTED} ({error})") from error


def checked(space: Space) -> Space:
    """With the settings that all trials share, once every choice and end was tried.

    Raises:
        UserError: There is no such setting or choice.
    """
    whole: Settings = {}
    for values in space.corners():
        whole = command.settings_of([*space.flags, *command.flags(values)])
        for name, value in values.items():
            if name not in whole:
                raise UserError(f"{space.path}: {name}: no setting of a run")
            if whole[name] != value:
                read_as = f"{shown(value)} is read as {shown(whole[name])}"
                raise UserError(f"{space.path}: {name}: {read_as}; write it so")
    # A class that is searched brings arguments of its own.
    apart = tuple(f"{name}." for name in CLASSES if name in space.searched)
    fixed = {k: v for k, v in whole.items() if k not in space.searched}
    return replace(space, fixed={k: v for k, v in fixed.items() if not k.startswith(apart)})
