"""Options and tables that the tools' command lines share. Nothing here imports torch."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from kindling.data import paths
from kindling.data.numbers import MOST, at_least
from kindling.errors import UserError

ABSENT = "–"  # noqa: RUF001 (a dash, not a minus)

Grid = list[list[str]]  # rows, the header first
Words = Sequence[str]


class Failed(UserError):
    """Something that was asked for failed, though it was asked for rightly."""

    status = 1


class Parser(argparse.ArgumentParser):
    """The parser of a tool that works on runs, or makes several; a mistake is one line.

    The docstring of the tool's ``main`` begins with what the tool does.
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


def markdown(grid: Grid) -> str:
    """A table in Markdown, aligned for a terminal as well."""
    widths = [max(map(len, cells)) for cells in zip(*grid, strict=True)]
    header, *rows = [[f"{cell:{w}}" for cell, w in zip(r, widths, strict=True)] for r in grid]
    rule = ["-" * width for width in widths]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))
