"""A comparison's plan: variants times seeds, or times the folds of a cross-validation.

Nothing here imports torch.
"""

from dataclasses import dataclass
from pathlib import Path

from kindling.api.record import Settings
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.runner import typed

FOLDER = paths.CONFIGS / "compare"
SEEDS = 3
TEST = "show test scores instead of validation scores, after choosing"


@dataclass
class Plan:
    """Variants of a task by name, each with its flags, and the seeds or folds of each.

    Args:
        task: Whose variants.
        variants: The flags of each.
        repeats: The settings of each seed or fold by its name, such as ``seed_0``; runs of two
            variants that share one are a pair.
    """

    task: str
    variants: dict[str, list[str]]
    repeats: dict[str, Settings]


def repeats(what: str, count: int) -> dict[str, Settings]:
    """So many seeds or folds."""
    if count < (least := 1 if what == "seeds" else 2):
        raise UserError(f"{what}={count}: must be at least {least}")
    if what == "seeds":
        return {f"seed_{k}": {"seed_everything": k} for k in range(count)}
    return {f"fold_{k}": {"data.folds": count, "data.fold": k} for k in range(count)}


def read(path: Path, task: str) -> Plan:
    """The plan in a file.

    Raises:
        UserError: There is none, or it is not made of names and flags.
    """
    content = typed.load(path, "variants", ["seeds", "folds", "flags"])
    what = "folds" if "folds" in content else "seeds"
    if type(count := content.get(what, SEEDS)) is not int:
        raise UserError(f"{path}: {what}: {count}: expected a number of {what}")
    variants, shared = {}, typed.flags(content.get("flags"), path)
    for name, own in content["variants"].items():
        if not isinstance(name, str) or not typed.NAME.fullmatch(name):
            raise UserError(f"{path}: {name}: not a variant's name; use letters, digits and spaces")
        variants[name] = [*shared, *typed.flags(own, path)]
    if len({typed.check_name(name) for name in variants}) < len(variants):
        raise UserError(f"{path}: two variants differ only in spaces; rename one of them")
    return Plan(task, variants, repeats(what, count))
