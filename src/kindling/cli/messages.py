"""The argument parser's messages, in one line with the option that was probably meant."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kindling.cli.settings import PARTS
from kindling.errors import did_you_mean

# As jsonargparse 4.39 and 4.53 put it.
IGNORE_INDEX = re.compile(
    r"[Uu]nrecognized arguments: -*([^\s=]+)"
    r"|(?:[Oo]ption|nested key|[Kk]ey) '([\w.+-]+)'(?: is not (?:accepted|expected)|$)"
)
KEY = re.compile(r'Parser key "([\w.]+)"')
# Of a setting inside of a class, the parser tells the whole as it has it, in its own terms.
VALUE = re.compile(r"(?:Got value|Given value|but got|Got):(?! *NestedArg\() *(.+?)(?:  |$)")
EXPECTED = re.compile(r"Expected (?:an? )?(?:value: )?(.+?)(?:\. Got|, but| - |  |$)")
CLASS = re.compile(
    r"Problem with given class_path '([^']+)':  (?!Parser key|Option|Key)(.+?)(?:  |$)"
    r"|Import path (?:(\S+) )?does not correspond to a subclass of (\w+)"
    r"|Expected a dot import path string: (\S+)"
    r"|(Multiple subclasses with name .+?)\.(?:  |$)"
)
REQUIRED = re.compile(r"(?:[Kk]ey \"|required: )(?:\w+\.)?([\w.]+)(?:\" is required|,|$)")


def explain(message: str, known: Mapping[str, Sequence[str]], given: Mapping[str, Any]) -> str:
    """Say what ``message`` says, shorter.

    Args:
        message: As the parser puts it, on many lines.
        known: The options that there are, each with its choices.
        given: The settings that were given, by the names that are typed, the last one first.
    """
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    keys, values, expected = KEY.findall(text), VALUE.findall(text), EXPECTED.findall(text)
    value = values[-1] if values else ""
    unknown = [
        next(filter(None, found)).replace(".init_args", "") for found in IGNORE_INDEX.findall(text)
    ]
    if unknown and unknown[0] not in keys:
        name = _full(unknown[0], given)
        # Few know every option, or want to: of many, the nearest or none.
        return f"{name}: no such option{did_you_mean(name, known)}"
    if found := REQUIRED.search(text):
        if found[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = _full(found[1], known)
        return f"{name} is required: --{name}=VALUE"
    if keys and (found := CLASS.search(text)):
        path, reason, other, base, short, several = found.groups()
        named = path or other or short or value
        why = f"it is no {base}" if base else f"name its module too, package.{short}"
        return f"{_full(keys[-1], given)}={named}: no such class; {reason or several or why}"
    option = _full(_full(keys[-1], given), known) if keys else ""
    if choices := known.get(option):
        value = value or str(given.get(option))
        return f"{option}={value}: no such choice{did_you_mean(value, choices)}"
    if option and values and expected:
        kinds = sorted({_plain(kind) for kind in expected}, key=lambda kind: (kind == "null", kind))
        return f"{option}={value}: expected {' or '.join(kinds)}"
    return _plain(text)


def _full(key: str, known: Collection[str]) -> str:
    """The whole name of an option that the parser names by its last part."""
    return key if key in known else next((o for o in known if o.endswith(f".{key}")), key)


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"\1", text)
    return text.replace("NoneType", "null").replace("Sequence", "list").replace("'", "")
