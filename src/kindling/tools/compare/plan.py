"""What a comparison consists of: variants times seeds, or times the folds of a cross-validation.

Nothing here imports torch.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.runner import typed
from kindling.tools.runner.settings import Settings

FOLDER = paths.CONFIGS / "compare"
SEEDS = 3


@dataclass(frozen=True)
class SeedOrFold:
    """What runs of one variant differ in; those of two variants that share it are a pair."""

    name: str
    settings: Settings

    @property
    def flags(self) -> list[str]:
        return [f"--{name}={value}" for name, value in self.settings.items()]


@dataclass(frozen=True)
class Plan:
    """Variants of a task by name, each with its flags, and the seeds or folds of each.

    Args:
        task: Whose variants.
        variants: The flags of each.
        repeats: Seeds or folds.
        data: Folder of the real data, below that of all; of a plan of published scores.
    """

    task: str
    variants: dict[str, list[str]]
    repeats: list[SeedOrFold]
    data: str | None = None


def seeds(count: int) -> list[SeedOrFold]:
    if count < 1:
        raise UserError(f"seeds={count}: must be at least 1")
    return [SeedOrFold(f"seed_{k}", {"seed_everything": k}) for k in range(count)]


def folds(count: int) -> list[SeedOrFold]:
    if count < 2:
        raise UserError(f"folds={count}: must be at least 2")
    return [SeedOrFold(f"fold_{k}", {"data.folds": count, "data.fold": k}) for k in range(count)]


def read(path: Path, task: str | None = None) -> Plan:
    """The plan in a file; one of published scores names its task and its data itself.

    Raises:
        UserError: There is none, or it is not made of names and flags.
    """
    known = ["seeds", "folds", "flags", *([] if task else ["task", "data"])]
    content = typed.load(path, "variants", known)
    task, data = task or content.get("task"), content.get("data")
    if not isinstance(task, str):
        raise UserError(f"{path}: names no task; expected a line such as task: timeseries")
    typed.check_task(task)
    if not isinstance(data, str | None):
        raise UserError(f"{path}: data: {data}: expected the name of a folder")
    for what in {"seeds", "folds"} & content.keys():
        if type(content[what]) is not int:
            raise UserError(f"{path}: {what}: {content[what]}: expected a number of {what}")
    repeats = folds(content["folds"]) if "folds" in content else seeds(content.get("seeds", SEEDS))
    return Plan(task, _variants(content, path), repeats, data)


def _variants(content: dict[str, Any], path: Path) -> dict[str, list[str]]:
    variants, shared = {}, typed.flags(content.get("flags"), path)
    for name, own in content["variants"].items():
        if not isinstance(name, str) or not typed.NAME.fullmatch(name):
            raise UserError(f"{path}: {name}: not a variant's name; use letters, digits and spaces")
        variants[name] = [*shared, *typed.flags(own, path)]
    if len({typed.check_name(name) for name in variants}) < len(variants):
        raise UserError(f"{path}: two variants differ in blanks alone; rename one of them")
    return variants
