"""The comparison as tables of words, and what it leaves in its folder."""

import math
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from kindling.api.record import differing, show_alone
from kindling.cli.settings import shown
from kindling.errors import short
from kindling.runs.folder import shown as place
from kindling.tools.command import ABSENT, Grid, markdown, show
from kindling.tools.compare import figures
from kindling.tools.compare.scores import MEMORY, PARAMETERS, TRAINING, Comparison

COLUMNS = 8
"""Of a table, at most; more variants than that have rows."""

COSTS = {PARAMETERS: "{:,.0f}", TRAINING: "{:,.1f}", MEMORY: "{:,.0f}"}
"""What a variant takes, as it is written."""


def report(comparison: Comparison, folder: Path, console: Console) -> None:
    """Write tables and charts into ``folder``, made if need be, and show the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    grids = [_fitted(grid) for grid in (_settings(comparison), *_scores(comparison)) if grid[1:]]
    for grid in grids:
        show(grid, console)
    explained, origin = _explained(comparison), _origin(comparison)
    listed = "".join(f"- {name}: {line}\n" for name, line in origin.items())
    text = "\n".join(map(markdown, grids))
    (folder / "compare.md").write_text(f"{text}\n{explained}\n\n{listed}")
    comparison.by_score.to_csv(folder / "scores.csv", index=False)
    comparison.by_run().to_csv(folder / "runs.csv", index=False)
    figures.draw(comparison).savefig(folder / "compare.png", dpi=120)
    over = comparison.over
    linked = {
        f"{variant.name.replace(' ', '_')}/{over}_{record.pair[over == 'fold']}": record.folder
        for variant in comparison.variants
        for record in variant.records
    }
    console.print(explained, style="dim")
    files = {
        "files": f"{place(folder)}/compare.md, compare.png, scores.csv, runs.csv",
        "curves": show_alone(folder, linked),
    }
    for name, line in {**origin, **files}.items():
        console.print(f"{name:<12} {line}")


def _settings(comparison: Comparison) -> Grid:
    """A row a setting in which the variants differ, and nothing else."""
    made = {variant.name: variant.records[0].settings for variant in comparison.variants}
    rows = [
        [name, *(shown(run.get(name)) for run in made.values())]
        for name in differing(list(made.values()))
    ]
    return [["setting", *made], *rows]


def _scores(comparison: Comparison) -> tuple[Grid, Grid]:
    """A row a metric, then what each variant takes; and by how much further variants differ."""
    names, known = comparison.names, {variant.name: variant for variant in comparison.variants}
    first, others = names[0], [name for name in known if name != names[0]]
    counts = [str(len(known[name].records)) if name in known else "" for name in names]
    scores = [["test" if comparison.test else "validation", *names], ["runs", *counts]]
    scores += _cells(comparison, names, _spread)
    for cost, written in COSTS.items():
        values = [known[name].costs.get(cost) if name in known else None for name in names]
        if any(value is not None for value in values):
            scores.append([cost, *(ABSENT if v is None else written.format(v) for v in values)])
    apart = _cells(comparison, others, _difference)
    return scores, [[f"minus {first}", *others], *(r for r in apart if {*r[1:]} - {ABSENT})]


def _cells(comparison: Comparison, names: Sequence[str], told: Callable[[Any], str]) -> Grid:
    """A row a metric, a cell a variant."""
    found = comparison.by_score.set_index(["metric", "variant"])
    return [
        [m, *(told(found.loc[m, n]) if (m, n) in found.index else ABSENT for n in names)]
        for m in comparison.metrics
    ]


def _fitted(grid: Grid) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    return [list(row) for row in zip(*grid, strict=True)] if len(grid[0]) > COLUMNS else grid


def _spread(score: Any) -> str:
    """Mean ± standard deviation, as many digits as the deviation tells."""
    mean, deviation = score["mean"], score["deviation"]
    if not deviation > 0:  # one run has none, which is NaN
        return short(mean)
    digits = _digits(deviation)
    return f"{mean:,.{digits}f} ± {deviation:,.{digits}f}"


def _difference(score: Any) -> str:
    difference, low, high = score["difference"], score["low"], score["high"]
    if math.isnan(difference):
        return ABSENT
    if math.isnan(low):
        return f"{difference:+.3g}"
    digits = _digits((high - low) / 2)
    return f"{difference:+,.{digits}f} ({low:+,.{digits}f} to {high:+,.{digits}f})"


def _digits(spread: float) -> int:
    """Decimals that leave two digits of the spread."""
    if spread <= 0 or not math.isfinite(spread):
        return 4
    return min(8, max(0, 1 - math.floor(math.log10(spread))))


def _explained(comparison: Comparison) -> str:
    over = comparison.over
    if max(len(variant.records) for variant in comparison.variants) < 2:
        return f"one run each: no spread and no interval; they need several {over}s"
    return (
        f"mean ± standard deviation over {over}s; differences paired by "
        f"{over}, with a 95 % interval (docs/compare.md says of what)"
    )


def _origin(comparison: Comparison) -> dict[str, str]:
    """On what data, when, at which commit and by which command."""
    test, records = comparison.test, comparison.records
    data = records[0].data(test)
    origin = data["root"] or "as its data module reads them"  # of a plain LightningDataModule
    origin = "the generated sample: not a score on real data" if data["sample"] else origin
    counts = [count for record in records if (count := record.samples(test))]
    several = f" to {max(counts):,}" if len({*counts}) > 1 else ""
    split = "test split" if test else "validation split, best epoch"
    return {
        "data": f"{origin}; {split}" + (f", {min(counts):,}{several} samples" if counts else ""),
        "made": f"{datetime.now(UTC):%Y-%m-%d}, commit "
        + " and ".join(dict.fromkeys(record.commit for record in records)),
        "command": shlex.join(["kindling", *sys.argv[1:]]),
    }
