"""What the tools' command lines share. Nothing here imports torch."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from kindling.data import paths
from kindling.errors import UserError

WIDTH = 160
"""Columns of what is no terminal."""

Words = Sequence[str]


class Parser(argparse.ArgumentParser):
    """A tool's parser, which answers a mistake in one line.

    Args:
        main: Of the tool; its docstring begins with what the tool does.
    """

    def __init__(self, main: Callable[..., None]) -> None:
        about = (main.__doc__ or "").partition("\n")[0]
        prog = f"kindling {main.__module__.rpartition('.')[2]}"
        super().__init__(prog, description=about, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; the options are listed by: {self.prog} --help")


def parser(main: Callable[..., None], jobs: bool = True) -> Parser:
    """The parser of a tool that works on runs.

    Args:
        main: Of the tool.
        jobs: Whether it makes several runs at once.
    """
    made = Parser(main)
    made.add_argument("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
    if jobs:
        made.add_argument("--jobs", type=int, help="runs at once; default: as many as fit")
        places = ("local", "slurm", "ray")
        made.add_argument("--executor", choices=places, default="local", help="where runs start")
        made.add_argument("--address", help="Ray cluster: auto, or ray://host:10001")
        made.add_argument("--slurm", type=Path, help="file of what a run requests from SLURM")
    return made


def console() -> Console:
    terminal = sys.stdout.isatty()
    width = None if terminal else WIDTH
    # Names of classes and columns may have brackets and colons, which rich would take for its own.
    return Console(highlight=False, soft_wrap=True, width=width, markup=False, emoji=False)
