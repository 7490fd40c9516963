"""The parser's messages in one line, with the option that was probably meant."""

import re
from argparse import Action
from collections.abc import Mapping

from kindling.cli.settings import PARTS
from kindling.errors import did_you_mean

# The messages of jsonargparse 4.42 to 4.53.
KEY = re.compile(r"(?:Parser key|Group) [\"']([\w.]+)[\"']")
UNKNOWN = re.compile(
    r"(?:[Uu]nrecognized arguments: -*|(?:[Oo]ption|(?<!Parser )[Kk]ey) ')([^\s=']+)"
)
REQUIRED = re.compile(r"(?:[Kk]ey \"|required: )([\w.]+)(?:\" is required|,|  |$)")
CLASS = re.compile(
    r"(?:Problem with given class_path \S+:  (?!Parser|Option|Key|Group|Validation)"
    r"|(?=Import path|Expected a dot import|Unexpected import))(.+?)(?:  |$)"
)
# Not of a setting inside of a class, where the parser shows its own representation of the whole.
VALUE = re.compile(r"(?:Got value|Given value): (?!NestedArg\()(.+?)(?:  |$)")
EXPECTED = re.compile(
    r"(?:Expected an?|valid subclass of) (?!(?:config )?path)(.+?)(?:\. Got|  |$)"
)


def explain(message: str, options: Mapping[str, Action], values: Mapping[str, object]) -> str:
    """The parser's message in one line; options and the given values are by their names."""
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    keys = list(dict.fromkeys(KEY.findall(text)))  # the outermost first
    option = ".".join(keys)
    for named in UNKNOWN.findall(text):
        if (name := named.replace(".init_args", "")) not in keys:
            name = ".".join([*keys, name])
            return f"{name}: no such option{did_you_mean(name, options)}"
    if found := REQUIRED.search(text):
        if found[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = ".".join([*keys, found[1]])
        return f"{name} is required: --{name}=VALUE"
    shown = VALUE.findall(text)[-1:]
    if keys and (found := CLASS.search(text)):
        return f"{'='.join([option, *shown])}: no such class; {found[1]}"
    value = shown[0] if shown else values.get(option)
    typed = option if value is None else f"{option}={value}"
    choices = str(getattr(options.get(option), "metavar", ""))
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
