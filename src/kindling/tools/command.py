"""What the tools' command lines share. Nothing here imports torch."""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

from rich.console import Console

from kindling.data import paths
from kindling.errors import UserError

WIDTH = 160
"""Columns of what is no terminal."""

Words = Sequence[str] | None


def parser(about: str | None, jobs: bool = True) -> argparse.ArgumentParser:
    """A command's parser.

    Args:
        about: What the command does, in the first line.
        jobs: Whether it makes several runs at once.
    """
    line = (about or "").partition("\n")[0]
    made = argparse.ArgumentParser(description=line, allow_abbrev=False)
    made.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    if jobs:
        made.add_argument("--jobs", type=int, help="runs at once; as many as there are cores")
    return made


def entry(command: Callable[[Words], None]) -> Callable[..., int]:
    """A command that ends with its exit status."""

    @wraps(command)
    def main(argv: Words = None) -> int:
        return ended(lambda: command(argv))

    return main


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


def console() -> Console:
    terminal = sys.stdout.isatty()
    return Console(highlight=False, soft_wrap=True, width=None if terminal else WIDTH)
