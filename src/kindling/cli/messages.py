"""The parser's messages in one line, with the option that was probably meant."""

import difflib
import importlib
import re
from argparse import Action
from collections.abc import Callable, Iterable, Mapping

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
    r"(?:Expected an?|valid subclass of) (?!(?:config )?path|dot import)(.+?)(?:\. Got|  |$)"
)


UNNAMED = re.compile("Expected a dot import path")
"""Of a word that is no class which is known by its name alone."""

HOMES = {
    "optimizer": "torch.optim",
    "lr_scheduler": "torch.optim.lr_scheduler",
    "trainer.callbacks": "lightning.pytorch.callbacks",
    "trainer.logger": "lightning.pytorch.loggers",
    "trainer.profiler": "lightning.pytorch.profilers",
    "trainer.plugins": "lightning.pytorch.plugins",
    "trainer.strategy": "lightning.pytorch.strategies",
}
"""Modules whose classes are known by their names alone."""


def explain(message: str, options: Mapping[str, Action], values: Mapping[str, object]) -> str:
    """The parser's message in one line; options and the given values are by their names."""
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    keys = list(dict.fromkeys(KEY.findall(text)))  # the outermost first
    option = ".".join(keys)
    for named in UNKNOWN.findall(text):
        if (name := named.replace(".init_args", "")) not in keys:
            name = ".".join([*keys, name])
            return f"{name}: no such option; {_near_option(name, options)}"
    if found := REQUIRED.search(text):
        if found[1] in PARTS:
            return "what to train? name a task: --config TASK (kindling --help lists them)"
        name = ".".join([*keys, found[1]])
        return f"{name} is required: --{name}=VALUE"
    shown = VALUE.findall(text)[-1:]
    if keys and (found := CLASS.search(text)) and (option in HOMES or not UNNAMED.search(text)):
        advice = _near_class(option, *shown) if UNNAMED.search(text) else found[1]
        return f"{'='.join([option, *shown])}: no such class; {advice}"
    value = shown[0] if shown else values.get(option)
    typed = option if value is None else f"{option}={value}"
    choices = str(getattr(options.get(option), "metavar", ""))
    if choices.startswith("{"):
        return f"{typed}: no such choice{did_you_mean(str(value), choices[1:-1].split(','))}"
    expected = {_plain(kind) for kind in EXPECTED.findall(text)}
    kinds = sorted(expected, key=lambda kind: (kind == "null", kind))
    return f"{typed}: expected {' or '.join(kinds)}" if kinds else _plain(text)


def _near_option(name: str, options: Iterable[str]) -> str:
    """The option that was probably meant, by the last part of its name first."""
    known, last = {*options, "config", "run", "ckpt_path", "from_run"}, name.rpartition(".")[2]
    lasts = {option: option.rpartition(".")[2] for option in sorted(known)}
    close = difflib.get_close_matches(last, lasts.values(), 1, 0.75)

    def named(fits: Callable[[str], bool]) -> list[str]:
        return [option for option, own in lasts.items() if fits(own)]

    meant = (
        named(lambda own: own == last)
        or named(lambda own: last in (own.split("_")[0], own.split("_")[-1]))
        or named(lambda own: own in close)
    )
    # Of several, those of the part that was named, and of the fewest words.
    meant = [o for o in meant if o.partition(".")[0] == name.partition(".")[0]] or meant
    meant = [o for o in meant if o.count("_") == min(other.count("_") for other in meant)]
    if 0 < len(meant) <= 3:
        return f"did you mean {' or '.join(meant)}?"
    return "a task's options are listed by: kindling train --config TASK --help"


def _near_class(option: str, name: str) -> str:
    """The class that was probably meant, or where such classes are."""
    home = importlib.import_module(HOMES[option])
    kinds = [kind for kind in vars(home).values() if isinstance(kind, type)]
    known = [kind.__name__ for kind in kinds if kind.__module__.startswith(home.__name__)]
    begun = [word for word in known if word.lower().startswith(name.lower())]
    if meant := begun[:3] or difflib.get_close_matches(name, known, n=1):
        return f"did you mean {' or '.join(meant)}?"
    return f"name one of {home.__name__}, or your own as package.module.{name}"


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", r"\1", text)
    return text.replace("NoneType", "null").replace("Sequence", "list").replace("'", "")
