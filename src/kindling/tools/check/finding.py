"""What an examination comes down to: findings by level, and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from kindling.errors import short

Level = Literal["stop", "warn", "note"]
LEVELS: tuple[Level, ...] = ("stop", "warn", "note")

SHOWN = 3
"""Examples that one finding names, unless each of them has to be looked at."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        level: ``stop`` is refused by training, ``warn`` makes its scores doubtful or asks for a
            look at the file, ``note`` is good to know.
        text: What and where.
        each: Lines below it, such as the files concerned.
    """

    level: Level
    text: str
    each: Sequence[str] = ()


@dataclass
class Section:
    """What one part of the examination has to show."""

    findings: list[Finding] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def add(self, level: Level, text: str, each: Iterable[str] = ()) -> None:
        self.findings.append(Finding(level, text, list(each)))


def drawn(count: int, most: int, what: str, section: Section) -> NDArray[np.int64]:
    """Places of all of them, or of as many as are looked at; the section says so then."""
    if count <= most:
        return np.arange(count)
    section.add("note", f"{most:,} of {count:,} {what} were looked at, drawn by seed 0")
    return np.sort(np.random.default_rng(0).choice(count, most, replace=False))


QUANTILES = {
    "least": 0,
    "5 %": 0.05,
    "25 %": 0.25,
    "median": 0.5,
    "75 %": 0.75,
    "95 %": 0.95,
    "most": 1,
}


def spread_table(
    name: str, columns: Mapping[str, NDArray[np.floating]], above: Mapping[str, Sequence[str]] = {}
) -> Table:
    """How numbers are spread, a column for each split or file.

    Args:
        name: What the numbers are.
        columns: The numbers, NaN where missing.
        above: What else there is to say of each, a row each.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(name, overflow="ellipsis", max_width=20, no_wrap=True)
    for column in columns:
        table.add_column(column or "left out", justify="right", overflow="fold")
    known = [values[~np.isnan(values)] for values in columns.values()]
    for title, cells in above.items():
        table.add_row(title, *cells)
    table.add_row("known", *(f"{len(values):,}" for values in known))
    for title, place in QUANTILES.items():
        table.add_row(title, *(_quantile(values, place) for values in known))
    return table


def _quantile(values: NDArray[np.floating], place: float) -> str:
    return short(float(np.quantile(values, place))) if len(values) else ""


def examples(names: Sequence[str], most: int = SHOWN) -> str:
    """The first of several names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def limited(names: Sequence[str], most: int = 30) -> list[str]:
    """Names that are to be looked at one by one, unless there are too many for that."""
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return [*names[:most], *more]
