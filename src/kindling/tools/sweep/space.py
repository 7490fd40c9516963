"""What a sweep searches: settings, each with a range or choices.

Nothing here imports torch or Optuna.
"""

import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kindling.cli.settings import PARTS, shown
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.runner import typed
from kindling.tools.runner.settings import CLASSES, Settings

FOLDER = paths.CONFIGS / "sweep"

NOT_SEARCHED = (*PARTS, "checkpoint.monitor", "checkpoint.mode", "data.root", "seed_everything")
"""Settings that say what trials are compared by, and on what."""

EXPECTED = "expected a list of choices, or {low: 1, high: 4}, with log: true or step: 1 if need be"

Range = dict[str, Any]
"""``low`` and ``high``, both included, ``log`` and ``step``; whole numbers if both ends are."""

Choices = list[Any]
"""Values of any kind that a setting can have, lists included."""


@dataclass(frozen=True)
class Space:
    """The settings that are searched, and the flags of all trials."""

    task: str
    path: Path
    flags: list[str]
    searched: dict[str, Range | Choices]

    def corners(self) -> list[Settings]:
        """Trials that between them have every choice, and both ends of every range."""
        ends = {
            name: found if isinstance(found, list) else [found["low"], found["high"]]
            for name, found in self.searched.items()
        }
        most = max(map(len, ends.values()))
        return [{name: found[k % len(found)] for name, found in ends.items()} for k in range(most)]


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


def read(task: str, path: Path | None = None) -> Space:
    """The space of a task in ``configs/sweep``, or in a file of one's own.

    Raises:
        UserError: There is none, or a line of it is no range and no list of choices.
    """
    typed.check_task(task)
    path = path or FOLDER / f"{task}.yaml"
    content = typed.load(path, "space", ["flags"])
    searched = {_name(n, path): _searched(f"{path}: {n}", v) for n, v in content["space"].items()}
    return Space(task, path, typed.flags(content.get("flags"), path), searched)


def _name(name: Any, path: Path) -> str:
    if name in NOT_SEARCHED:
        raise UserError(f"{path}: {name}: trials that differ in it cannot be compared; take it out")
    if not isinstance(name, str) or ("." not in name and name not in CLASSES):
        raise UserError(f"{path}: {name}: not a setting; name it as it is typed, such as model.lr")
    return name


def _searched(where: str, value: Any) -> Range | Choices:
    if isinstance(value, dict):
        return _range(where, value)
    if not isinstance(value, list):
        raise UserError(f"{where}: {shown(value)}: {EXPECTED}")
    if wrong := next((choice for choice in value if not _is_plain(choice)), None):
        raise UserError(f"{where}: {wrong}: a choice is a number, a word, null or a list of these")
    if len({shown(choice) for choice in value}) < max(2, len(value)):
        raise UserError(f"{where}: {shown(value)}: expected two choices at least, each once")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _range(where: str, given: dict[Any, Any]) -> Range:
    if unknown := sorted(str(name) for name in set(given) - {"low", "high", "log", "step"}):
        raise UserError(f"{where}: {unknown[0]}: {EXPECTED}")
    low, high = (_number(where, name, given.get(name)) for name in ("low", "high"))
    step = _number(where, "step", given["step"]) if "step" in given else None
    log, whole = given.get("log", False), isinstance(low, int) and isinstance(high, int)
    steps = 1.0 if step is None else (high - low) / step if step > 0 else 0.0
    uneven = steps < 1 or not math.isclose(steps, round(steps), rel_tol=1e-9)
    for wrong, message in (
        (not isinstance(log, bool), f"log: {log}: expected true or false"),
        (low >= high, f"low: {low}: must be below high: {high}"),
        (log and low <= 0, f"low: {low}: must be above 0 where log is true"),
        (log and step is not None, f"step: {step}: not where log is true; leave one of them out"),
        (
            whole and not isinstance(step, int | None),
            f"step: {step}: must be a whole number, as low and high are",
        ),
        (uneven, f"step: {step}: does not lead from {low} to {high}"),
    ):
        if wrong:
            raise UserError(f"{where}: {message}")
    ends = (low, high) if whole else (float(low), float(high))
    return {"low": ends[0], "high": ends[1], "log": log, "step": step}


def _number(where: str, name: str, value: Any) -> float:
    if isinstance(value, str):  # YAML takes 1e-4, without a point, for a word
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{where}: {name}: {shown(value)}: expected a number")
    return value
