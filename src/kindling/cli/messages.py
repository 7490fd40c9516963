"""The parser's messages in one line, with the option or the class that was probably meant."""

import re
from argparse import Action
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from kindling.cli.settings import PARTS

# The messages of jsonargparse 4.42 to 4.53.
KEY = re.compile(r"(?:Parser key|Group) [\"']([\w.]+)[\"']")
UNKNOWN = re.compile(
    r"(?:[Uu]nrecognized arguments: -*|(?:[Oo]ption|(?<!Parser )[Kk]ey) ')([^\s=']+)"
)
REQUIRED = re.compile(r"(?:[Kk]ey \"|required: )([\w.]+)(?:\" is required|,|  |$)")
UNNAMED = re.compile("Expected a dot import path")
NO_CLASS = re.compile(
    r"(?:Problem with given class_path \S+:  (?!Parser|Option|Key|Group|Validation)"
    r"|(?=Import path|Unexpected import))(.+?)(?:  |$)"
)
# Not of a setting inside of a class, where the parser shows its own representation of the whole.
VALUE = re.compile(r"(?:Got value|Given value): (?!NestedArg\()(.+?)(?:  |$)")
EXPECTED = re.compile(
    r"(?:Expected an?|valid subclass of) (?!(?:config )?path|dot import)(.+?)(?:\. Got|  |$)"
)


def explain(message: str, options: Mapping[str, Action], flags: Iterable[str]) -> str:
    """The parser's message in one line that begins with the option's name."""
    if message.endswith("expected one argument"):  # it names the class, not the class's argument
        bare = next(flag for flag in flags if "=" not in flag)
        return f"{bare} needs a value: {bare}=VALUE"
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    keys = list(dict.fromkeys(KEY.findall(text)))  # the outermost first
    for found in UNKNOWN.findall(text):
        if (name := found.replace(".init_args", "")) not in keys:
            name = ".".join([*keys, name])
            return f"{name}: no such option; {_near_option(name, options)}"
    if required := REQUIRED.search(text):
        if required[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = ".".join([*keys, required[1]])
        return f"{name} is required: --{name}=VALUE"
    return _of_value(text, ".".join(keys), options)


def _of_value(text: str, option: str, options: Mapping[str, Action]) -> str:
    shown = VALUE.findall(text)[-1:]
    typed = "=".join([option, *shown])
    kinds = [*dict.fromkeys(map(_plain, EXPECTED.findall(text)))]
    if option and (reason := NO_CLASS.search(text)):
        return f"{typed}: no such class; {reason[1]}"
    if shown and UNNAMED.search(text) and not {"int", "float"} & {*kinds}:
        hint = getattr(options.get(option), "_typehint", None)
        return f"{typed}: no such class; {near_class(shown[0], hint)}"
    choices = str(getattr(options.get(option), "metavar", ""))
    if choices.startswith("{"):  # jsonargparse 4.42 does not say them
        kinds = choices[1:-1].split(",")
    return f"{typed}: expected {' or '.join(kinds)}" if kinds else _plain(text)


def _near_option(name: str, options: Iterable[str]) -> str:
    """The options that were probably meant: of the same last name, a longer or a similar one."""
    part, last = name.partition(".")[0], name.rpartition(".")[2]
    known = {option: option.rpartition(".")[2] for option in sorted({*options, "run", "ckpt_path"})}
    longer = [own for own in known.values() if {last} & {own.split("_")[0], own.split("_")[-1]}]
    for names in ([last], longer, get_close_matches(last, known.values(), 1, 0.75)):
        if meant := [option for option, own in known.items() if own in names]:
            meant = [option for option in meant if option.startswith(f"{part}.")] or meant
            return f"did you mean {' or '.join(sorted(meant, key=len)[:2])}?"
    return "a task's options are listed by: kindling train --config TASK --help"


def near_class(name: str, hint: Any) -> str:
    """The class of a type hint that was probably meant, or how to name another."""
    near = get_close_matches(name, {kind.__name__ for kind in classes(hint)}, 1)
    return f"did you mean {near[0]}?" if near else "name it with its module: package.module.Class"


def classes(hint: Any) -> Iterator[type]:
    """The classes in a type hint but for Python's own, and all imported ones that derive."""
    for part in get_args(hint):
        yield from classes(part)
    if isinstance(hint, type) and hint.__module__ != "builtins":
        yield hint
        derived: list[type] = hint.__subclasses__()
        for kind in derived:
            yield from classes(kind)


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"\1", text)
    return text.replace("NoneType", "null").replace("Sequence", "list").replace("'", "")
