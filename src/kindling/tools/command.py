"""Options and tables that the tools' command lines share. Nothing here imports torch."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kindling.data import paths
from kindling.data.numbers import MOST, at_least
from kindling.errors import UserError

WIDTH = 160
"""Columns where the output is not a terminal."""

ABSENT = "–"  # noqa: RUF001 (a dash, not a minus)

UNLIMITED = 10_000
"""Columns."""

Grid = list[list[str]]
"""Rows, the header first."""

Words = Sequence[str]


class Parser(argparse.ArgumentParser):
    """A tool's parser, which reports a mistake in one line.

    Args:
        main: The tool's entry; its docstring begins with what the tool does.
        logs: Whether it works on runs.
        jobs: Whether it makes several runs at once.
    """

    def __init__(self, main: Callable[..., None], logs: bool = False, jobs: bool = False) -> None:
        about = (main.__doc__ or "").partition("\n")[0]
        prog = f"kindling {main.__module__.rpartition('.')[2]}"
        super().__init__(prog, description=about, allow_abbrev=False)
        add = self.add_argument
        if logs or jobs:
            add("--logs", type=Path, default=paths.LOGS, help="folder of the runs")
        if jobs:
            add("--jobs", type=whole("jobs"), help="runs at once; default: as many as fit")
            places = ("local", "slurm", "ray")
            add("--executor", choices=places, default="local", help="where runs start")
            add("--address", help="Ray cluster: auto, or ray://host:10001")
            add("--slurm", type=Path, help="file of what a run requests from SLURM")

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; the options are listed by: {self.prog} --help")


def whole(name: str, least: int = 1, most: int = MOST) -> Callable[[str], int]:
    """The type of an option that is a whole number in a range."""

    def read(word: str) -> int:
        try:
            value = int(word)
        except ValueError as error:
            raise UserError(f"{name}={word}: must be a whole number") from error
        return at_least(name, value, least, most)

    return read


def console() -> Console:
    terminal = sys.stdout.isatty()
    width = None if terminal else WIDTH
    # Names of classes and columns may hold brackets and colons, which rich would interpret.
    return Console(highlight=False, soft_wrap=True, width=width, markup=False, emoji=False)


def show(grid: Grid, console: Console, left: bool = False) -> None:
    """Print a grid of numbers, or of text, which is aligned to the left."""
    header, *rows = grid
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(header[0], no_wrap=True)
    for name in header[1:]:
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # A narrow terminal wraps long lines; cutting them off would be worse.
    wide = Console(file=console.file, width=UNLIMITED, highlight=False, markup=False, emoji=False)
    wide.print(table)


def markdown(grid: Grid) -> str:
    header, *rows = grid
    rule = ["---", *("---:" for _ in header[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))
