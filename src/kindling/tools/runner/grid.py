"""Tables of words: in the terminal, and in Markdown."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

ABSENT = "–"  # noqa: RUF001 (a dash, not a minus)

UNLIMITED = 10_000
"""Columns."""

Grid = list[list[str]]
"""Rows, the header first."""


def show(grid: Grid, console: Console, left: bool = False) -> None:
    """Print a grid of numbers, or of text if it is to stand on the left."""
    header, *rows = grid
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(header[0], no_wrap=True)
    for name in header[1:]:
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # What is cut off would be worse than lines that a narrow terminal wraps.
    wide = Console(file=console.file, width=UNLIMITED, highlight=False, markup=False, emoji=False)
    wide.print(table)


def markdown(grid: Grid) -> str:
    header, *rows = grid
    rule = ["---", *("---:" for _ in header[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))
