"""What an examination found, the gravest first, as a person reads it."""

from collections.abc import Sequence
from typing import Literal

from rich.table import Table
from rich.text import Text

from kindling.errors import UserError

Level = Literal["stop", "warn", "note"]
COLORS: dict[Level, str] = {"stop": "bold red", "warn": "yellow", "note": "dim"}
LISTED = 30  # lines below one finding, of files or rows that have to be looked at


class Report:
    """Findings: what and where, and below each the files or rows concerned.

    ``stop`` is refused by training, ``warn`` makes its scores doubtful or asks for a look at the
    file, ``note`` is good to know.
    """

    def __init__(self) -> None:
        self.found: dict[Level, dict[str, list[str]]] = {level: {} for level in COLORS}

    def add(self, level: Level, text: str, *each: str) -> None:
        """Add a finding, or further lines to one that is there already."""
        self.found[level].setdefault(text, []).extend(each)

    def refuse(self, error: UserError) -> None:
        """Add what training ends with, unless it was found already."""
        message = " ".join(str(error).split())
        known = (line for text, each in self.found["stop"].items() for line in (text, *each))
        if not any(line in message for line in known):
            self.add("stop", message)

    def __rich__(self) -> Table:
        """A line for each, wrapped below itself where the terminal is narrow."""
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for level, found in self.found.items():
            for text, each in found.items():
                count = f"{text}: {len(each):,}" if each else text
                more = [f"and {len(each) - LISTED:,} more"] if len(each) > LISTED else []
                lines = "\n".join([count, *each[:LISTED], *more])
                table.add_row(Text(level, style=COLORS[level]), Text(lines))
        return table


def examples(names: Sequence[str], most: int = 3) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
