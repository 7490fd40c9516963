"""The argument parser's messages, in one line with the option that was probably meant."""

import re
from collections.abc import Sequence

from kindling.words import did_you_mean

UNKNOWN = re.compile(
    r"[Uu]nrecognized arguments: -*([^\s=]+)"
    r"|[Oo]ption '([\w.]+)' is not accepted"
    r"|does not accept (?:nested key|option) '([\w.]+)'"
    r"|[Kk]ey '([\w.]+)' is not expected"
)
KEY = re.compile(r'Parser key "([\w.]+)"')
VALUE = re.compile(r"(?:Got value|Given value|but got|Got): *(.+?)(?:  |$)")
EXPECTED = re.compile(r"Expected (?:an? )?(?:value: )?(.+?)(?:\. Got|, but| - |  |$)")
REQUIRED = re.compile(r"required: (?:\w+\.)?(model|data)\b")


def explain(message: str, known: Sequence[str]) -> str:
    """Say what ``message`` says, shorter.

    Args:
        message: As the parser puts it, on many lines.
        known: The options that there are.
    """
    text = "  ".join(line.strip() for line in message.splitlines() if line.strip())
    if found := UNKNOWN.search(text):
        return _unknown(next(filter(None, found.groups())), known)
    if REQUIRED.search(text):
        return "what to train? name a task: --config TASK (kindling --help lists them)"
    keys, value, expected = KEY.findall(text), VALUE.findall(text), EXPECTED.findall(text)
    if keys and value and expected:
        kinds = sorted({_plain(kind) for kind in expected}, key=lambda kind: (kind == "null", kind))
        return f"{_full(keys[-1], known)}={value[-1]}: expected {' or '.join(kinds)}"
    return _plain(text)


def _unknown(name: str, known: Sequence[str]) -> str:
    if "." in name:
        return f"{name}: no such option{did_you_mean(name.replace('.init_args', ''), known)}"
    ends = {option.rpartition(".")[2]: option for option in known}
    meant = did_you_mean(name, ends) if len(ends) > 20 else ""
    return f"{name}: no such option{meant}"


def _full(key: str, known: Sequence[str]) -> str:
    """The whole name of an option that the parser names by its last part."""
    return next((option for option in known if option.endswith(f".{key}")), key)


def _plain(text: str) -> str:
    """Types by the names that YAML has for them."""
    text = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", text).strip(" .")
    text = re.sub(r"(?:typing\.)?Literal\[([^\]]*)\]", lambda m: m[1].replace("'", ""), text)
    return text.replace("NoneType", "null").replace("Sequence", "list")
