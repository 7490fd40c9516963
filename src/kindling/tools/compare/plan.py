"""What a comparison consists of: variants times seeds, or times the folds of a cross-validation.

Nothing here imports torch.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kindling.cli import arguments
from kindling.cli import settings as layers
from kindling.data import paths
from kindling.errors import UserError, did_you_mean
from kindling.tools.compare.settings import Settings

FOLDER = paths.CONFIGS / "compare"
SEEDS = 3
NAME = re.compile(r"[\w+-][\w+. -]*")


@dataclass(frozen=True)
class Plan:
    """Variants of a task by name, each with the flags that it adds to those of all."""

    task: str
    variants: dict[str, list[str]]
    seeds: int = SEEDS


@dataclass(frozen=True)
class SeedOrFold:
    """What runs of one variant differ in; those of two variants that share it are a pair."""

    name: str
    settings: Settings

    @property
    def flags(self) -> list[str]:
        return [f"--{name}={value}" for name, value in self.settings.items()]


@dataclass(frozen=True)
class PlannedRun:
    """One run that a comparison needs.

    Args:
        task: Of the run.
        variant: Its name.
        unit: Its seed or fold.
        folder: Where its runs are written, as ``--logs`` has it.
        flags: All of them, but for where the run is written and on how many threads.
        settings: That a run must have to be this one.
    """

    task: str
    variant: str
    unit: SeedOrFold
    folder: Path
    flags: list[str]
    settings: Settings

    @property
    def title(self) -> str:
        return f"{self.variant}, {self.unit.name.replace('_', ' ')}"


def seeds(count: int) -> list[SeedOrFold]:
    return [
        SeedOrFold(f"seed_{k}", {"seed_everything": k}) for k in range(_some("seeds", count, 1))
    ]


def folds(count: int) -> list[SeedOrFold]:
    return [
        SeedOrFold(f"fold_{k}", {"data.folds": count, "data.fold": k})
        for k in range(_some("folds", count, 2))
    ]


def read(task: str, path: Path | None = None) -> Plan:
    """The plan of a task in ``configs/compare``, or in a file of one's own.

    Raises:
        UserError: There is none, or it is not made of names and flags.
    """
    check_task(task)
    path = path or FOLDER / f"{task}.yaml"
    return parse(task, load(path, "it names variants and the flags of each"), path)


def parse(task: str, content: Any, path: Path) -> Plan:
    """A plan of what a file holds; errors name the file."""
    named = content.get("variants") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise UserError(f"{path}: names no variants; expected lines such as variants: ...")
    if unknown := sorted(str(name) for name in set(content) - {"variants", "seeds", "flags"}):
        raise UserError(f"{path}: {unknown[0]}: expected variants, seeds or flags")
    shared = typed_flags(content.get("flags"), path)
    variants = {_name(name, path): [*shared, *typed_flags(f, path)] for name, f in named.items()}
    if len({check_name(name) for name in variants}) < len(variants):
        raise UserError(f"{path}: two variants differ in blanks alone; rename one of them")
    return Plan(task, variants, typed_count("seeds", content.get("seeds", SEEDS), path))


def load(path: Path, says: str) -> Any:
    """What a YAML file holds.

    Args:
        path: The file.
        says: What it is for, where there is none.

    Raises:
        UserError: There is none, or it is not YAML.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; {says}")
    return layers.load(path)


def alone(task: str) -> Plan:
    """The task as it is configured, and nothing else."""
    check_task(task)
    return Plan(task, {"default": []})


def check_task(task: str) -> None:
    tasks = arguments.names(paths.CONFIGS)
    if task not in tasks:
        raise UserError(f"{task}: no such task{did_you_mean(task, tasks)}")


def check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UserError(f"{name!r}: not a name (NAME): use letters, digits, spaces and -_.+")
    return name.replace(" ", "_")


def command_flags(plan: Plan, variant: str, unit: SeedOrFold, flags: Sequence[str]) -> list[str]:
    """The task, what the variant adds, the flags of all variants, then seed or fold."""
    return [f"--config={plan.task}", *plan.variants[variant], *flags, *unit.flags]


def _name(name: Any, path: Path) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(f"{path}: {name}: not a variant's name; use letters, digits and spaces")
    return name


def typed_flags(value: Any, path: Path) -> list[str]:
    """Flags as a file has them, in one line."""
    if value is None:
        return []
    if not isinstance(value, str):
        raise UserError(f"{path}: {value}: expected flags in one line, such as --model.lr=0.1")
    return shlex.split(value)


def typed_count(what: str, value: Any, path: Path) -> int:
    """A number of seeds or folds, as a file has it."""
    if type(value) is not int:
        raise UserError(f"{path}: {what}: {value}: expected a number of {what}")
    return value


def _some(what: str, count: int, least: int) -> int:
    if count < least:
        raise UserError(f"{what}={count}: must be at least {least}")
    return count
