"""What the tools' command lines share. Nothing here imports torch."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from kindling.data import paths
from kindling.errors import UserError

WIDTH = 160
"""Columns of what is no terminal."""


def parser(about: str | None, runs: bool = True) -> argparse.ArgumentParser:
    """The parser of a command.

    Args:
        about: The docstring of the command, whose first line the help begins with.
        runs: Whether it makes runs, several at once.
    """
    line = (about or "").partition("\n")[0]
    made = argparse.ArgumentParser(description=line, allow_abbrev=False)
    made.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    if runs:
        made.add_argument("--jobs", type=int, help="runs at once; as many as there are cores")
    return made


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
