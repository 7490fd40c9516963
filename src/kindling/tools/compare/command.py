"""What the scripts of this package share: where they write, and errors as one line."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from kindling.errors import UserError
from kindling.tools.compare.plan import check_name

WIDTH = 160
"""Columns of what is no terminal."""


def console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=True, width=None if terminal else WIDTH)


def ended(command: Callable[[], int | None]) -> int:
    """The exit status of a command, after a line for an error that a person can mend."""
    try:
        return command() or 0
    except UserError as error:
        print(f"kindling: {' '.join(str(error).split())}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        print("kindling: stopped", file=sys.stderr)
        return 130


def folder(logs: Path, task: str, kind: str, name: str | None, flags: Sequence[str]) -> Path:
    """``logs/<task>/<kind>/<name>``; unnamed ones are told apart by their data."""
    roots = [flag.partition("=")[2] for flag in flags if flag.startswith("--data.root=")]
    default = Path(roots[-1]).name if roots and roots[-1] != "null" else "sample"
    return logs.absolute() / task / kind / check_name(name or default)
