"""The argument parser's messages, in one line with the option that was probably meant."""

import re
from argparse import Action
from collections.abc import Mapping

from kindling.cli.settings import PARTS
from kindling.errors import did_you_mean

# As jsonargparse 4.39 and 4.53 put it.
KEY = re.compile(r"(?:Parser key|Group) [\"']([\w.]+)[\"']")
UNKNOWN = re.compile(
    r"[Uu]nrecognized arguments: -*([^\s=]+)"
    r"|(?:[Oo]ption|[Kk]ey) '([\w.+-]+)'(?: is not (?:accepted|expected)|  |$)"
)
REQUIRED = re.compile(r"(?:[Kk]ey \"|required: )([\w.]+)(?:\" is required|,|  |$)")
CLASS = re.compile(
    r"Problem with given class_path '([^']+)':  (?!Parser|Option|Key|Group|Validation)(.+?)(?:  |$)"
    r"|Import path (?:(\S+) )?does not correspond to a subclass of (\w+)"
    r"|(?:Expected a dot|Unexpected) import path (?:string|format): (\S+)"
)
# Of a setting inside of a class, the parser tells the whole as it has it, in its own terms.
VALUE = re.compile(r"(?:Got value|Given value): (?!NestedArg\()(.+?)(?:  |$)")
EXPECTED = re.compile(r"Expected an? (?!\w+ import|(?:config )?path)(.+?)(?:\. Got|  |$)")


def choices(action: Action | None) -> list[str]:
    """What an option can be set to, where that is a closed choice."""
    names = str(action.metavar) if action else ""
    return names[1:-1].split(",") if names.startswith("{") else []


def explain(message: str, known: Mapping[str, Action], given: Mapping[str, object]) -> str:
    """Say what ``message`` says, shorter.

    Args:
        message: As the parser puts it, on many lines.
        known: The options that there are.
        given: The settings that were given, by the names that are typed.
    """
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    keys = list(dict.fromkeys(KEY.findall(text)))  # from the outside in
    option = ".".join(keys)
    for named in UNKNOWN.findall(text):
        if (name := "".join(named).replace(".init_args", "")) not in keys:
            name = ".".join([*keys, name])
            # Few know every option, or want to: of many, the nearest or none.
            return f"{name}: no such option{did_you_mean(name, known)}"
    if found := REQUIRED.search(text):
        if found[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = ".".join([*keys, found[1]])
        return f"{name} is required: --{name}=VALUE"
    value = (VALUE.findall(text) or [given.get(option)])[-1]
    if keys and (found := CLASS.search(text)):
        path, reason, other, base, short = found.groups()
        why = f"it is no {base}" if base else f"name its module too, package.{short}"
        return f"{option}={path or other or short or value}: no such class; {reason or why}"
    typed = option if value is None else f"{option}={value}"
    if closed := choices(known.get(option)):
        return f"{typed}: no such choice{did_you_mean(str(value), closed)}"
    expected = {_plain(kind) for kind in EXPECTED.findall(text)}
    if expected == {"null"}:
        expected.update(re.findall(r"Not a valid subclass of (\w+)", text))
    kinds = sorted(expected, key=lambda kind: (kind == "null", kind))
    return f"{typed}: expected {' or '.join(kinds)}" if kinds else _plain(text)


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"\1", text)
    return text.replace("NoneType", "null").replace("Sequence", "list").replace("'", "")
