"""Settings in layers: YAML files, read with care, and flags. Nothing here imports torch."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from kindling import paths
from kindling.errors import UserError

MOST = 10_000
"""Values in a configuration."""

PARTS = ("model", "data")


class Layers:
    """What every run shares, then configs and flags, each over those before it.

    A class that gives way to another is set to null in between: jsonargparse would keep those of
    its arguments that the other happens to accept.

    Args:
        flags: As :func:`kindling.arguments.read` leaves them.
        inherits: Whether a part's class, named second, takes the settings of the one named first.

    Attributes:
        values: By the names that are typed, the latest first.
        files: Where each is set; "" is a flag.
        flags: For the parser.
    """

    def __init__(self, flags: Sequence[str], inherits: Callable[[str, str, str], bool]) -> None:
        self.values: dict[str, Any] = dict(flat(settings(paths.CONFIGS / "trainer.yaml")))
        self.files: dict[str, str] = {}
        self.flags: list[str] = []
        self._inherits = inherits
        for flag in flags:
            option, equals, value = flag.removeprefix("--").partition("=")
            file = value if option == "config" else ""
            layer = settings(Path(file)) if file else {_name(option): _typed(value)}
            named = dict(flat(layer)) if equals else {}
            for name, new in named.items():
                if not name.endswith("+") and self._replaces(name, new, file):
                    self._clear(name, "" if file else flag)
            named = {k.removesuffix("+"): [v] if k[-1:] == "+" else v for k, v in named.items()}
            self.files |= dict.fromkeys(named, file)
            self.values = named | {k: v for k, v in self.values.items() if k not in named}
            self.flags.append(flag)

    def _replaces(self, name: str, new: Any, file: str) -> bool:
        """Whether what is set so far, and what is set below it, is of something else."""
        old, below = self.values.get(name), self._below(name)
        if name in PARTS and None not in (old, new):
            return not self._inherits(name, str(old), str(new))
        section = name.endswith(".init_args") or (below and old is None)
        if section and not isinstance(new, str | None):
            what = f"{name} holds no settings; expected lines such as name: value"
            raise UserError(f"{file}: {what}" if file else what)
        if isinstance(old, list) and isinstance(new, list):
            return True
        short, long = sorted((f".{old}", f".{new}"), key=len)  # with its module, or without
        return bool(below) and old is not None and not long.endswith(short)

    def _below(self, name: str) -> list[str]:
        return [known for known in self.values if known.startswith(f"{name}.")]

    def _clear(self, name: str, flag: str) -> None:
        for lost in self._below(name):
            value = self.values.pop(lost)
            if flag and self.files.get(lost) == "":
                lost = f"--{lost}={value}"
                raise UserError(f"{flag}: takes the place of {lost}; leave that out, or behind")
        nothing: Any = None
        for key in reversed(name.split(".")):
            nothing = {key: nothing}
        self.flags.append(f"--config={json.dumps(nothing)}")


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by the names that are typed: ``model`` for its class, ``model.lr`` for a setting."""
    for key, value in content.items():
        name = prefix if key == "class_path" else f"{prefix}.{key}"
        if isinstance(value, dict) and not name.endswith("+"):
            yield from flat(value, prefix if key == "init_args" else name)
        else:
            yield name.lstrip("."), value


def _name(option: str) -> str:
    return option.replace(".init_args", "").removesuffix(".class_path")


def _typed(value: str) -> Any:
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value


def load(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: It is not YAML, or not of plain values, or of too many.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: {_fault(error)}") from error
    if _endless(content):
        raise UserError(f"{path}: more than {MOST:,} values with its aliases (*) written out")
    return content


def settings(path: Path) -> dict[str, Any]:
    """What a YAML file of settings holds."""
    content = load(path) or {}
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no settings; expected lines such as trainer: ...")
    return content


def _endless(content: Any) -> bool:
    """Whether aliases make a few lines into more values than anybody would write."""
    left, seen = [content], 0
    while left and seen < MOST:
        seen += 1
        value = left.pop()
        if isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)
    return bool(left)


def _fault(error: Exception) -> str:
    if isinstance(error, yaml.constructor.ConstructorError):
        reason = " ".join(str(error.problem).split())
        return f"not plain YAML ({reason}); settings are numbers, words, lists and mappings"
    return "not valid YAML"
