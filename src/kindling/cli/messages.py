"""The argument parser's messages, in one line with the option that was probably meant."""

import re
from argparse import Action
from collections.abc import Mapping

from kindling.cli.settings import PARTS
from kindling.errors import did_you_mean

# As jsonargparse 4.39 and 4.53 put it.
KEY = re.compile(r"(?:Parser key|Group) [\"']([\w.]+)[\"']")
UNKNOWN = re.compile(
    r"(?:[Uu]nrecognized arguments: -*|(?:[Oo]ption|(?<!Parser )[Kk]ey) ')([^\s=']+)"
)
REQUIRED = re.compile(r"(?:[Kk]ey \"|required: )([\w.]+)(?:\" is required|,|  |$)")
CLASS = re.compile(
    r"(?:Problem with given class_path \S+:  (?!Parser|Option|Key|Group|Validation)"
    r"|(?=Import path|Expected a dot import|Unexpected import))(.+?)(?:  |$)"
)
# Of a setting inside of a class, the parser tells the whole as it has it, in its own terms.
VALUE = re.compile(r"(?:Got value|Given value): (?!NestedArg\()(.+?)(?:  |$)")
EXPECTED = re.compile(
    r"(?:Expected an?|valid subclass of) (?!(?:config )?path)(.+?)(?:\. Got|  |$)"
)


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
        if (name := named.replace(".init_args", "")) not in keys:
            name = ".".join([*keys, name])
            # Few know every option, or want to: of many, the nearest or none.
            return f"{name}: no such option{did_you_mean(name, known)}"
    if found := REQUIRED.search(text):
        if found[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = ".".join([*keys, found[1]])
        return f"{name} is required: --{name}=VALUE"
    told = VALUE.findall(text)[-1:]
    if keys and (found := CLASS.search(text)):
        return f"{'='.join([option, *told])}: no such class; {found[1]}"
    value = told[0] if told else given.get(option)
    typed = option if value is None else f"{option}={value}"
    choices = str(getattr(known.get(option), "metavar", ""))
    if choices.startswith("{"):
        return f"{typed}: no such choice{did_you_mean(str(value), choices[1:-1].split(','))}"
    expected = {_plain(kind) for kind in EXPECTED.findall(text)}
    kinds = sorted(expected, key=lambda kind: (kind == "null", kind))
    return f"{typed}: expected {' or '.join(kinds)}" if kinds else _plain(text)


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"\1", text)
    return text.replace("NoneType", "null").replace("Sequence", "list").replace("'", "")
