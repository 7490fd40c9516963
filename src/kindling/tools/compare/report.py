"""The comparison as tables, and the files in its folder."""

import math
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from kindling.api.record import differing
from kindling.cli.settings import shown
from kindling.errors import short
from kindling.runs.folder import shown as place
from kindling.tools.command import ABSENT, Grid, markdown
from kindling.tools.compare.scores import Comparison

COLUMNS = 7  # variants in a table, at most; more of them have rows


def report(comparison: Comparison, folder: Path) -> None:
    """Write the tables into ``folder``, made if need be, and show them."""
    folder.mkdir(parents=True, exist_ok=True)
    grids = [_grid(table) for table in (_settings(comparison), *_scores(comparison)) if len(table)]
    tables = "\n".join(map(markdown, grids))
    print(tables)
    origin = _origin(comparison)
    listed = "".join(f"- {name}: {line}\n" for name, line in origin.items())
    (folder / "compare.md").write_text(f"{tables}\n{listed}")
    comparison.by_score.to_csv(folder / "scores.csv", index=False)
    comparison.table.dropna(subset="run").to_csv(folder / "runs.csv", index=False)
    files = {"files": f"{place(folder)}/compare.md, scores.csv, runs.csv"}
    for name, line in {**origin, **files}.items():
        print(f"{name:<12} {line}")


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

    def wide(cell: str, variants: list[str]) -> pd.DataFrame:
        cells = table.pivot(index="metric", columns="variant", values=cell)
        return cells.reindex(index=comparison.metrics, columns=variants).dropna(how="all")

    counts = comparison.table.groupby("variant").size().astype(str)
    scores = pd.concat([counts.to_frame("runs").T, wide("score", names)])[names]
    label = "test" if comparison.test else "validation"
    others = [name for name in comparison.variants if name != names[0]]
    return scores.rename_axis(label), wide("apart", others).rename_axis(f"minus {names[0]}")


def _grid(table: pd.DataFrame) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    whole = (table.T if table.shape[1] > COLUMNS else table).fillna(ABSENT)
    return [[str(table.index.name), *whole], *([name, *row] for name, *row in whole.itertuples())]


def _spread(score: Any) -> str:
    """Mean ± standard deviation, which one run has none of."""
    deviation = f" ± {short(score['deviation'])}" if score["deviation"] > 0 else ""
    return short(score["mean"]) + deviation


def _difference(score: Any) -> str | None:
    difference, low, high = (
        "+" * (score[name] >= 0) + short(score[name]) for name in ("difference", "low", "high")
    )
    if math.isnan(score["difference"]):
        return None
    return difference if math.isnan(score["low"]) else f"{difference} ({low} to {high})"


def _origin(comparison: Comparison) -> dict[str, str]:
    """What the numbers are, on what data, when, at which commit and by which command."""
    test, records, over = comparison.test, comparison.records, comparison.over
    data = records[0].data(test)
    origin = data["root"] or "as its data module reads them"  # of a plain LightningDataModule
    origin = "the generated sample: not a score on real data" if data["sample"] else origin
    counts = [count for record in records if (count := record.samples(test))]
    several = f" to {max(counts):,}" if len({*counts}) > 1 else ""
    split = "test split" if test else "validation split, best epoch"
    paired = f"mean ± standard deviation over {over}s; differences paired by {over}"
    if max(map(len, comparison.variants.values())) < 2:
        explained = f"one run each: no spread and no interval; they need several {over}s"
    else:
        explained = f"{paired}, with a 95 % interval (see docs/compare.md)"
    return {
        "scores": explained,
        "data": f"{origin}; {split}" + (f", {min(counts):,}{several} samples" if counts else ""),
        "made": f"{datetime.now(UTC):%Y-%m-%d}, commit "
        + " and ".join(dict.fromkeys(record.commit for record in records)),
        "command": shlex.join(["kindling", *sys.argv[1:]]),
    }
