"""The comparison as tables, and the files in its folder."""

import math
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from kindling.api.record import differing, show_alone
from kindling.cli.settings import shown
from kindling.errors import short
from kindling.runs.folder import shown as place
from kindling.tools.command import ABSENT, Grid, markdown, show
from kindling.tools.compare import figures
from kindling.tools.compare.scores import Comparison

COLUMNS = 7
"""Variants in a table, at most; more of them have rows."""

COSTS = {"parameters": "{:,.0f}", "training_s": "{:,.1f}"}
"""How the costs of a variant are written."""


def report(comparison: Comparison, folder: Path, console: Console) -> None:
    """Write tables and charts into ``folder``, made if need be, and show the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    grids = [_grid(table) for table in (_settings(comparison), *_scores(comparison)) if len(table)]
    for grid in grids:
        show(grid, console)
    explained, origin = _explained(comparison), _origin(comparison)
    listed = "".join(f"- {name}: {line}\n" for name, line in origin.items())
    text = "\n".join(map(markdown, grids))
    (folder / "compare.md").write_text(f"{text}\n{explained}\n\n{listed}")
    comparison.by_score.to_csv(folder / "scores.csv", index=False)
    comparison.table.dropna(subset="run").to_csv(folder / "runs.csv", index=False)
    figures.draw(comparison).savefig(folder / "compare.png", dpi=120)
    over = comparison.over
    linked = {
        f"{name.replace(' ', '_')}/{over}_{record.pair[over == 'fold']}": record.folder
        for name, records in comparison.variants.items()
        for record in records
    }
    console.print(explained, style="dim")
    files = {
        "files": f"{place(folder)}/compare.md, compare.png, scores.csv, runs.csv",
        "curves": show_alone(folder, linked),
    }
    for name, line in {**origin, **files}.items():
        console.print(f"{name:<12} {line}")


def _settings(comparison: Comparison) -> pd.DataFrame:
    """A row a setting in which the variants differ, and nothing else; a column a variant."""
    made = {name: records[0].settings for name, records in comparison.variants.items()}
    names = differing(list(made.values()))
    cells = {variant: [shown(run.get(n)) for n in names] for variant, run in made.items()}
    return pd.DataFrame(cells, index=pd.Index(names, name="setting"))


def _scores(comparison: Comparison) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and costs, a row each; and by how much the other variants differ from the first."""
    table, names = comparison.by_score, comparison.names
    table = table.assign(score=table.apply(_spread, axis=1), apart=table.apply(_difference, axis=1))

    def wide(cell: str) -> pd.DataFrame:
        cells = table.pivot(index="metric", columns="variant", values=cell)
        return cells.reindex(comparison.metrics)

    groups = comparison.table.groupby("variant")
    costs = {
        cost: groups[cost]
        .agg(lambda values: values.mean(skipna=False))
        .map(written.format, "ignore")
        for cost, written in COSTS.items()
    }
    runs = pd.DataFrame({"runs": groups.size().astype(str)}).T
    scores = pd.concat([runs, wide("score"), pd.DataFrame(costs).T.dropna(how="all")])[names]
    others = [name for name in comparison.variants if name != names[0]]
    apart = wide("apart").reindex(columns=others).dropna(how="all")
    label = "test" if comparison.test else "validation"
    return scores.rename_axis(label), apart.rename_axis(f"minus {names[0]}")


def _grid(table: pd.DataFrame) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    whole = (table.T if table.shape[1] > COLUMNS else table).fillna(ABSENT)
    return [[str(table.index.name), *whole], *([name, *row] for name, *row in whole.itertuples())]


def _spread(score: Any) -> str:
    """Mean ± standard deviation, as many digits as the deviation tells."""
    mean, deviation = score["mean"], score["deviation"]
    if not deviation > 0:  # one run has none, which is NaN
        return short(mean)
    digits = _digits(deviation)
    return f"{mean:,.{digits}f} ± {deviation:,.{digits}f}"


def _difference(score: Any) -> str | None:
    difference, low, high = score["difference"], score["low"], score["high"]
    if math.isnan(difference):
        return None
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
    if max(map(len, comparison.variants.values())) < 2:
        return f"one run each: no spread and no interval; they need several {over}s"
    return (
        f"mean ± standard deviation over {over}s; differences paired by "
        f"{over}, with a 95 % interval (see docs/compare.md)"
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
