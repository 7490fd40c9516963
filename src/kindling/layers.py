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

SPEC = {"class_path", "init_args", "dict_kwargs"}
"""What the settings of a class consist of."""

Place = tuple[str, ...]


class Layers:
    """What every run shares, then configs and flags, each over those before it.

    A class that gives way to another is set to null in between: jsonargparse would keep those of
    its arguments that the other happens to accept.

    Args:
        flags: As :func:`kindling.arguments.read` leaves them.
        inherits: Whether a part's class, named second, is one that goes on with the settings of
            the other, named first.

    Attributes:
        settings: All of them together.
        named: Each layer's settings by the names that are typed, with the file that has them.
        given: All of these, the last one first.
        flags: For the parser.
    """

    def __init__(self, flags: Sequence[str], inherits: Callable[[str, str, str], bool]) -> None:
        self.settings: Any = settings(paths.CONFIGS / "trainer.yaml")
        self.named: list[tuple[str, dict[str, Any]]] = []
        self.given: dict[str, Any] = {}
        self.flags: list[str] = []
        self._inherits = inherits
        for flag in flags:
            file = flag.removeprefix("--config=") if flag.startswith("--config=") else ""
            layer, self._replaced = _content(flag), list[Place]()
            try:
                self.settings = self._over(self.settings, layer, ())
            except UserError as error:
                raise UserError(f"{file}: {error}" if file else str(error)) from error
            named = dict(flat(layer))
            self.named.append((file, named))
            self.given = named | {k: v for k, v in self.given.items() if k not in named}
            for place in self._replaced:
                if not file:
                    self._refuse_loss(flag, ".".join(key for key in place if key != "init_args"))
                self.flags.append(f"--config={json.dumps(_nested(place, None))}")
            self.flags.append(flag)

    def _over(self, below: Any, above: Any, place: Place) -> Any:
        """``above`` over ``below``, as the parser shall have it."""
        if not isinstance(above, dict | str | None) and _is_section(place, below):
            what = ".".join(place)
            raise UserError(f"{what} holds no settings; expected lines such as name: value")
        if isinstance(below, str) and isinstance(above, dict):
            below = {"class_path": below}
        if isinstance(below, dict) and below.get("class_path"):
            above = self._over_class(below, above, place)
        elif isinstance(below, list) and isinstance(above, list):
            self._replaced.append(place)
        elif isinstance(below, list) and isinstance(above, dict):
            return below  # settings of the last one
        if place in self._replaced or not (isinstance(below, dict) and isinstance(above, dict)):
            return above
        whole = dict(below)
        for key, value in above.items():
            name = str(key).removesuffix("+")
            if name == key:
                whole[name] = self._over(below.get(name), value, (*place, name))
            else:
                whole[name] = [*_listed(below.get(name)), *_listed(value)]
        return whole

    def _over_class(self, below: Any, above: Any, place: Place) -> Any:
        """What is set over a class, in full."""
        named = above.get("class_path") if isinstance(above, dict) else above
        if isinstance(above, dict) and not named:
            return above if SPEC & above.keys() else {"init_args": above}
        if not self._goes_on(place, below["class_path"], named):
            self._replaced.append(place)
            return above
        return above if isinstance(above, dict) else {"class_path": above}

    def _goes_on(self, place: Place, below: Any, above: Any) -> bool:
        """Whether it is the same class, which may be named without its module, or inherits."""
        short, long = sorted((str(below), str(above)), key=len)
        same = short == long or ("." not in short and long.endswith(f".{short}"))
        return same or (place[-1] in PARTS and self._inherits(place[-1], below, above))

    def _refuse_loss(self, flag: str, option: str) -> None:
        for earlier in self.flags:
            if earlier.replace(".init_args.", ".").startswith((f"--{option}.", f"--{option}+")):
                raise UserError(f"{flag}: takes the place of {earlier}; leave that out, or behind")


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


def flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by the names that are typed: ``model.lr`` for one of the model's ``init_args``."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from flat(value, prefix if key == "init_args" else f"{name}.")
        else:
            yield name, value


def _is_section(place: Place, below: Any) -> bool:
    top = len(place) == 1 and isinstance(below, dict) and "class_path" not in below
    return top or place[-1:] == ("init_args",)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


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


def _content(flag: str) -> dict[str, Any]:
    """The settings in the file that a flag names, or the one that it is."""
    name, equals, value = flag.removeprefix("--").partition("=")
    if name == "config":
        return settings(Path(value))
    try:
        typed = yaml.safe_load(value)
    except yaml.YAMLError:
        typed = value
    return _nested(name.split("."), typed) if equals else {}


def _nested(place: Sequence[str], value: Any) -> Any:
    """``("a", "b")`` and a value as ``{"a": {"b": value}}``."""
    for key in reversed(place):
        value = {key: value}
    return value
