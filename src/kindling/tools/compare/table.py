"""The comparison as tables of words."""

import math

from kindling.cli.settings import shown
from kindling.errors import short
from kindling.tools.compare.costs import WRITTEN
from kindling.tools.compare.scores import Comparison, Scored
from kindling.tools.runner.grid import ABSENT, Grid
from kindling.tools.runner.settings import differing

COLUMNS = 8
"""Of a table, at most; more variants than that have rows."""


def tables(comparison: Comparison) -> list[Grid]:
    """The settings that differ, the scores and the differences, as far as there are any."""
    found = settings(comparison), scores(comparison), differences(comparison)
    return [fitted(grid) for grid in found if len(grid) > 1]


def settings(comparison: Comparison) -> Grid:
    """A row a setting in which the variants differ, and nothing else."""
    made = {variant.name: variant.records[0].settings for variant in comparison.variants}
    names = differing(list(made.values()))
    return [
        ["setting", *made],
        *([n, *(shown(run.get(n)) for run in made.values())] for n in names),
    ]


def scores(comparison: Comparison) -> Grid:
    """A row a metric, then what each variant takes."""
    names, known = comparison.names, {variant.name: variant for variant in comparison.variants}
    counts = [str(len(known[name].records)) if name in known else "" for name in names]
    rows = [["", *names], ["runs", *counts]]
    for metric in comparison.metrics:
        rows.append([metric, *(_spread(comparison.scores.get((metric, n))) for n in names)])
    for cost, written in WRITTEN.items():
        values = [known[name].costs.get(cost) if name in known else None for name in names]
        if any(value is not None for value in values):
            rows.append([cost, *(ABSENT if v is None else written(v) for v in values)])
    return rows


def differences(comparison: Comparison) -> Grid:
    """A row a metric: by how much each further variant differs from the first."""
    first = comparison.names[0]
    others = [variant.name for variant in comparison.variants if variant.name != first]
    rows = [
        [metric, *(_difference(comparison.scores.get((metric, name))) for name in others)]
        for metric in comparison.metrics
    ]
    return [[f"minus {first}", *others], *(row for row in rows if set(row[1:]) - {ABSENT})]


def fitted(grid: Grid) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    return [list(row) for row in zip(*grid, strict=True)] if len(grid[0]) > COLUMNS else grid


def _spread(score: Scored | None) -> str:
    """Mean ± standard deviation, as many digits as the deviation tells."""
    if score is None:
        return ABSENT
    mean, deviation = score["mean"], score["deviation"]
    if math.isnan(deviation) or not deviation:
        return short(mean)
    digits = _digits(deviation)
    return f"{mean:,.{digits}f} ± {deviation:,.{digits}f}"


def _difference(score: Scored | None) -> str:
    if score is None or math.isnan(score["difference"]):
        return ABSENT
    difference, low, high = score["difference"], score["low"], score["high"]
    if math.isnan(low):
        return f"{difference:+.3g}"
    digits = _digits((high - low) / 2)
    return f"{difference:+,.{digits}f} ({low:+,.{digits}f} to {high:+,.{digits}f})"


def _digits(spread: float) -> int:
    """Decimals that leave two digits of the spread."""
    if spread <= 0 or not math.isfinite(spread):
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(spread))))
