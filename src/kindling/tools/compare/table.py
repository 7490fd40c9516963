"""The comparison as tables: in the terminal, in Markdown and as CSV."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from kindling.errors import short
from kindling.tools.compare.costs import COSTS
from kindling.tools.compare.interval import Estimate
from kindling.tools.compare.scores import Score, Variant

ABSENT = "–"  # noqa: RUF001 (a dash, not a minus)

COLUMNS = 8
"""Of a table, at most; more variants than that have rows."""

UNLIMITED = 10_000
"""Columns."""

Grid = list[list[str]]
"""Rows of cells, the header first."""


@dataclass(frozen=True)
class Comparison:
    """Variants, and their statistics by metric and variant."""

    variants: Sequence[Variant]
    scores: Mapping[str, Mapping[str, Score]]
    unit: str = "seed"

    @property
    def names(self) -> list[str]:
        return [variant.name for variant in self.variants]


def scores(comparison: Comparison) -> Grid:
    """A row a metric, then what each variant takes."""
    rows = [["", *comparison.names]]
    rows.append(["runs", *(str(len(v.records)) if v.records else "" for v in comparison.variants)])
    for metric, by_variant in comparison.scores.items():
        rows.append([metric, *(_spread(by_variant.get(name)) for name in comparison.names)])
    for cost, written in COSTS.items():
        values = [variant.costs.get(cost) for variant in comparison.variants]
        if any(value is not None for value in values):
            rows.append([cost, *(ABSENT if v is None else written(v) for v in values)])
    return rows


def differences(comparison: Comparison) -> Grid:
    """A row a metric: by how much each further variant differs from the first."""
    others = [variant.name for variant in comparison.variants[1:] if variant.records]
    rows = [[f"minus {comparison.names[0]}", *others]]
    for metric, by_variant in comparison.scores.items():
        cells = [_difference(by_variant.get(name)) for name in others]
        if any(cell != ABSENT for cell in cells):
            rows.append([metric, *cells])
    return rows if others else []


def fitted(grid: Grid) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    return [list(row) for row in zip(*grid, strict=True)] if len(grid[0]) > COLUMNS else grid


def tidy(comparison: Comparison) -> pd.DataFrame:
    """A row a variant and metric, all digits."""
    rows = []
    for metric, by_variant in comparison.scores.items():
        for name, score in by_variant.items():
            difference = score.difference
            if not isinstance(difference, Estimate):
                difference = Estimate(*(math.nan if difference is None else difference,) * 3)
            known = isinstance(score.difference, Estimate)
            rows.append(
                {
                    "variant": name,
                    "metric": metric,
                    "runs": score.runs,
                    "mean": score.mean,
                    "deviation": score.deviation,
                    "minus": comparison.names[0],
                    "difference": difference.mean,
                    "low": difference.low if known else None,
                    "high": difference.high if known else None,
                }
            )
    return pd.DataFrame(rows)


def by_run(comparison: Comparison) -> pd.DataFrame:
    """A row a run: its scores, what it took and where it lies."""
    rows = []
    for variant in comparison.variants:
        for record in variant.records:
            seed, fold = record.pair
            rows.append(
                {
                    "variant": variant.name,
                    "seed": seed,
                    **({"fold": fold} if record.settings.get("data.folds") else {}),
                    **variant.scores[record.pair],
                    "parameters": record.parameters,
                    "training_s": record.seconds,
                    "run": str(record.folder),
                }
            )
    return pd.DataFrame(rows)


def markdown(grid: Grid) -> str:
    header, *rows = grid
    rule = ["---", *("---:" for _ in header[1:])]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def show(grid: Grid, console: Console, left: bool = False) -> None:
    """Print a grid; its cells are numbers, or text if they are to stand on the left."""
    header, *rows = grid
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(header[0], no_wrap=True)
    for name in header[1:]:
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    # Cells that are cut off would be worse than lines that a narrow terminal wraps.
    needed = console.measure(table, options=console.options.update(width=UNLIMITED)).maximum
    wide = Console(file=console.file, width=max(console.width, needed), highlight=False)
    wide.print(table)


def write(comparison: Comparison, folder: Path) -> None:
    """``scores.csv`` and ``runs.csv``."""
    tidy(comparison).to_csv(folder / "scores.csv", index=False)
    by_run(comparison).to_csv(folder / "runs.csv", index=False)


def _spread(score: Score | None) -> str:
    """Mean ± standard deviation, as many digits as the deviation tells."""
    if score is None:
        return ABSENT
    if not score.deviation:
        return short(score.mean)
    digits = _digits(score.deviation)
    return f"{score.mean:,.{digits}f} ± {score.deviation:,.{digits}f}"


def _difference(score: Score | None) -> str:
    if score is None or score.difference is None:
        return ABSENT
    if not isinstance(score.difference, Estimate):
        return f"{score.difference:+.3g}"
    mean, low, high = score.difference
    digits = _digits((high - low) / 2)
    return f"{mean:+,.{digits}f} ({low:+,.{digits}f} to {high:+,.{digits}f})"


def _digits(spread: float) -> int:
    """Decimals that leave two digits of the spread."""
    if spread <= 0 or not math.isfinite(spread):
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(spread))))
