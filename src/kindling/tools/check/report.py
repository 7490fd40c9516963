"""The findings of an examination."""

from collections.abc import Sequence
from typing import Literal

Level = Literal["stop", "warn", "note"]
LISTED = 30  # lines below one finding


class Report:
    """Findings, the most serious first.

    ``stop`` is refused by training, ``warn`` makes its scores doubtful, ``note`` is good to know.
    """

    def __init__(self) -> None:
        self.found: dict[Level, list[str]] = {"stop": [], "warn": [], "note": []}

    def add(self, level: Level, text: str, each: Sequence[str] = (), most: int = LISTED) -> None:
        """Add a finding, with the rows or photos concerned, as many as are listed."""
        more = [f"and {len(each) - most:,} more"] if len(each) > most else []
        first = f"{level} {text}: {len(each):,}" if each else f"{level} {text}"
        self.found[level].append("\n     ".join([first, *each[:most], *more]))

    def __str__(self) -> str:
        return "\n".join(finding for found in self.found.values() for finding in found)


def examples(names: Sequence[str], most: int = 3) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
