"""What a sweep searches: settings, each with a range or choices.

Nothing here imports torch or Optuna.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kindling.cli.settings import PARTS
from kindling.data import paths
from kindling.errors import UserError
from kindling.tools.compare.plan import check_task, load, typed_flags
from kindling.tools.compare.settings import TRAINERS, Settings, shown

FOLDER = paths.CONFIGS / "sweep"

NOT_SEARCHED = (*PARTS, "checkpoint.monitor", "checkpoint.mode", "data.root", "seed_everything")
"""Settings that say what trials are compared by, and on what."""

EXPECTED = "expected a list of choices, or {low: 1, high: 4}, with log: true or step: 1 if need be"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones if both ends are."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int)

    @property
    def ends(self) -> list[Any]:
        return [self.low, self.high]


@dataclass(frozen=True)
class Choice:
    """Values of any kind that a setting can have, lists included."""

    ends: list[Any]

    @property
    def typed(self) -> dict[str, Any]:
        """The values by the text that is typed for them."""
        return {shown(value): value for value in self.ends}


@dataclass(frozen=True)
class Space:
    """The settings that are searched, and the flags of all trials."""

    task: str
    path: Path
    flags: list[str]
    searched: dict[str, Range | Choice]

    def corners(self) -> list[Settings]:
        """Trials that between them have every choice, and both ends of every range."""
        most = max(len(found.ends) for found in self.searched.values())
        return [
            {name: found.ends[k % len(found.ends)] for name, found in self.searched.items()}
            for k in range(most)
        ]

    @property
    def plain(self) -> dict[str, Any]:
        """As it is noted in a study."""
        return {
            name: found.ends if isinstance(found, Choice) else asdict(found)
            for name, found in self.searched.items()
        }


def trial_flags(values: Settings) -> list[str]:
    # A class before its arguments.
    ordered = sorted(values.items(), key=lambda item: item[0] not in TRAINERS)
    return [f"--{name}={shown(value)}" for name, value in ordered]


def configuration(values: Settings) -> dict[str, Any]:
    """``{"model.lr": 1}`` as ``{"model": {"init_args": {"lr": 1}}}``."""
    content: dict[str, Any] = {}
    for name, value in values.items():
        part, _, setting = name.partition(".")
        section = content.setdefault(part, {})
        if setting and part in (*PARTS, *TRAINERS):
            section = section.setdefault("init_args", {})
        section[setting or "class_path"] = value
    return content


def read(task: str, path: Path | None = None) -> Space:
    """The space of a task in ``configs/sweep``, or in a file of one's own.

    Raises:
        UserError: There is none, or a line of it is no range and no list of choices.
    """
    check_task(task)
    path = path or FOLDER / f"{task}.yaml"
    content = load(path, "it names the settings to search, each with a range or choices")
    named = content.get("space") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise UserError(f"{path}: names no settings; expected lines such as space: ...")
    if unknown := sorted(str(name) for name in set(content) - {"space", "flags"}):
        raise UserError(f"{path}: {unknown[0]}: expected space or flags")
    searched = {_name(name, path): _searched(f"{path}: {name}", v) for name, v in named.items()}
    return Space(task, path, typed_flags(content.get("flags"), path), searched)


def _name(name: Any, path: Path) -> str:
    if name in NOT_SEARCHED:
        raise UserError(f"{path}: {name}: trials that differ in it cannot be compared; take it out")
    if not isinstance(name, str) or ("." not in name and name not in TRAINERS):
        raise UserError(f"{path}: {name}: not a setting; name it as it is typed, such as model.lr")
    return name


def _searched(where: str, value: Any) -> Range | Choice:
    if isinstance(value, list):
        return _choice(where, value)
    if isinstance(value, dict):
        return _range(where, value)
    raise UserError(f"{where}: {shown(value)}: {EXPECTED}")


def _choice(where: str, values: list[Any]) -> Choice:
    if wrong := next((value for value in values if not _is_plain(value)), None):
        raise UserError(f"{where}: {wrong}: a choice is a number, a word, null or a list of these")
    if len({shown(value) for value in values}) < max(2, len(values)):
        raise UserError(f"{where}: {shown(values)}: expected two choices at least, each once")
    return Choice(values)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)


def _range(where: str, given: Mapping[Any, Any]) -> Range:
    if unknown := sorted(str(name) for name in set(given) - {"low", "high", "log", "step"}):
        raise UserError(f"{where}: {unknown[0]}: {EXPECTED}")
    low, high = (_number(where, given, end) for end in ("low", "high"))
    step = _number(where, given, "step") if "step" in given else None
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise UserError(f"{where}: log: {log}: expected true or false")
    if low >= high:
        raise UserError(f"{where}: low: {low}: must be below high: {high}")
    if log and low <= 0:
        raise UserError(f"{where}: low: {low}: must be above 0 where log is true")
    _check_step(where, low, high, log, step)
    if isinstance(low, int) and isinstance(high, int):
        return Range(low, high, log, step)
    return Range(float(low), float(high), log, step)


def _check_step(where: str, low: float, high: float, log: bool, step: float | None) -> None:
    if step is None:
        return
    if log:
        raise UserError(f"{where}: step: {step}: not where log is true; leave one of them out")
    if isinstance(low, int) and isinstance(high, int) and not isinstance(step, int):
        raise UserError(f"{where}: step: {step}: must be a whole number, as low and high are")
    count = (high - low) / step if step > 0 else 0.0
    if count < 1 or not math.isclose(count, round(count), rel_tol=1e-9):
        raise UserError(f"{where}: step: {step}: does not lead from {low} to {high}")


def _number(where: str, given: Mapping[Any, Any], name: str) -> float:
    value = given.get(name)
    if isinstance(value, str):  # YAML takes 1e-4, without a point, for a word
        with suppress(ValueError):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{where}: {name}: {shown(value)}: expected a number")
    return value
