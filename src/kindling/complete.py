"""Completes what is typed in a shell; ``scripts/completion.sh`` tells bash and zsh of it.

Nothing here imports torch: a person is waiting.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from kindling import arguments, checks, help, paths, runs, signatures
from kindling.errors import UserError


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the word under the cursor may become, a line each, as ``complete -C`` asks for."""
    _, current, _ = [*(sys.argv[1:] if argv is None else argv), "", "", ""][:3]
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", 0))]
    words = line.split()
    last = words.pop() if line and not line[-1].isspace() else ""
    # To the shell, what stands behind an equals sign is a word of its own.
    known = last.removesuffix(current.lstrip("="))
    try:
        found = candidates(words[1:], last)
    except UserError:  # of a line that is wrong already
        return 0
    print("\n".join(word.removeprefix(known) for word in found))
    return 0


def candidates(words: Sequence[str], current: str) -> list[str]:
    """What ``current`` may become.

    Args:
        words: Behind ``kindling`` and before the current one.
        current: As far as it is typed.
    """
    if not words:
        return _starting(current, arguments.COMMANDS)
    name, equals, value = current.partition("=")
    if equals:
        return [f"{name}={v}" for v in _starting(value, _values(name, words))]
    if words[-1].startswith("--") and "=" not in words[-1] and not current.startswith("-"):
        return _starting(current, _values(words[-1], words))
    shared = [option.partition(" ")[0] for option in help.SHARED]
    trainer = [f"--trainer.{option}" for option in help.TRAINER]
    own = [f"--{option}" for option in checks.options(_configs(words))]
    return _starting(current, [*own, *shared, *trainer])


def _values(option: str, words: Sequence[str]) -> list[str]:
    """What an option can be set to, where that is known."""
    if option in ("--config", "-c"):
        return [*arguments.names(paths.CONFIGS), *arguments.names(paths.PRESETS)]
    if option == "--run":
        return [runs.shown(run) for run in paths.LOGS.glob("*/*") if (run / runs.CONFIG).exists()]
    part, _, name = option.removeprefix("--").partition(".")
    merged = signatures.merged(_configs(words))
    if part not in checks.PARTS or part not in merged:
        return []
    for setting in signatures.settings(merged[part]["class_path"]):
        if setting.name == name:
            boolean = isinstance(setting.default, bool)
            return ["true", "false"] if boolean else list(setting.choices)
    return []


def _configs(words: Sequence[str]) -> list[Path]:
    joined = arguments.join_values(list(words[1:]), "--config", "-c")
    named = [word.partition("=")[2] for word in joined if word.startswith("--config=")]
    return [arguments.find_config(name) for name in named]


def _starting(text: str, words: Iterable[str]) -> list[str]:
    return sorted(word for word in words if word.startswith(text))


if __name__ == "__main__":
    sys.exit(main())
