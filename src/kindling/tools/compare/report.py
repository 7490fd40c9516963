"""The comparison's statistics and tables, and the files in its folder."""

import math
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from kindling.api.record import Record, differing
from kindling.cli.settings import shown
from kindling.errors import UserError, short
from kindling.runs.folder import shown as place
from kindling.tools.command import ABSENT, Grid, markdown

LEVEL = 0.95
COSTS = ["parameters", "training_s"]  # of a run; there is no time of one that was resumed
Variants = Mapping[str, Sequence[Record]]  # runs that differ in seed or fold alone, by its name
COLUMNS = 7  # variants in a table, at most; more of them have rows


class Comparison:
    """The scores of at least one variant, of which the first is what others are compared with.

    Scores of ``test`` are beside the baseline's; others are of validation at the epoch that the
    best checkpoint is of. The runs of a variant differ in ``over``: ``seed`` or ``fold``.

    Raises:
        UserError: Runs of a variant do not belong together.
    """

    def __init__(self, variants: Variants, test: bool, over: str) -> None:
        self.variants, self.test, self.over = variants, test, over
        for name, records in variants.items():
            _check(name, records, test)
        self.records = [record for records in variants.values() for record in records]
        runs = [_row(name, record, test) for name in variants for record in variants[name]]
        # Validation has no baseline, nor have a plain LightningModule's runs.
        first = [record for record in next(iter(variants.values())) if test and record.baseline[0]]
        beaten = [_pair(record.baseline[0], record) | record.baseline[1] for record in first]
        # A single variant has only the baseline to differ from.
        self.table = one_name(
            pd.DataFrame([*beaten, *runs] if len(variants) == 1 else runs + beaten)
        )
        """A row for each run, with its scores, costs and folder, and for each run's baseline."""
        self.names = list(self.table["variant"].unique())
        about = {"variant", "seed", "fold", "run", *COSTS}
        self.metrics = [str(name) for name in self.table if name not in about]
        pair = self.table["seed"].astype(str) + " " + self.table["fold"].astype(str)
        scored = [*self.metrics, *COSTS]
        long = self.table.assign(pair=pair).melt(["variant", "pair"], scored, "metric")
        values = long.dropna(subset="value").astype({"value": float})
        shared = fmean(record.share(test) for record in self.records) if over == "fold" else 0.0
        self.by_score = compared(values, self.names[0], shared)


def _check(name: str, records: Sequence[Record], test: bool) -> None:
    """Raise a UserError where two runs of a variant are the same, or are of different data."""
    if len({record.pair for record in records}) < len(records):
        raise UserError(f"{name}: two runs have the same seed and the same settings; name one")
    if len({record.data(test).get("sha256") for record in records}) > 1:
        places = ", ".join(str(record.folder) for record in records)
        raise UserError(
            f"{name}: the data have changed between these runs: {places}; remove the older ones, "
            "or give the comparison another NAME"
        )


def _pair(name: str, record: Record) -> dict[str, object]:
    return {"variant": name, "seed": record.pair[0], "fold": record.pair[1]}


def _row(name: str, record: Record, test: bool) -> dict[str, object]:
    seconds = None if record.resumed else record.seconds
    costs = {"parameters": record.provenance.get("parameters"), "training_s": seconds}
    return _pair(name, record) | record.scores(test) | costs | {"run": str(record.folder)}


def one_name(table: pd.DataFrame) -> pd.DataFrame:
    """With short names of metrics replaced by the only long name that they can stand for.

    A model of one head says ``mae`` where one of two says ``age/mae``.
    """
    names = [str(name) for name in table]
    for name in names:
        longer = [long for long in names if long.endswith(f"/{name}")]
        if len(longer) == 1:
            table[longer[0]] = table[longer[0]].fillna(table.pop(name))
    return table


def compared(values: pd.DataFrame, first: str, shared: float = 0.0) -> pd.DataFrame:
    """Mean and deviation of each metric and variant, and how much it differs from the first.

    The interval of the difference is Student's, paired: what a seed does to both variants alike
    is gone before the spread is taken. It is NaN where there are fewer than two pairs.

    Args:
        values: A row a ``variant``, ``pair`` and ``metric``, with its ``value``.
        first: The variant that the others are compared with.
        shared: Scored samples over training samples where pairs are folds. Those share most of
            their training samples, so that their spread says too little; the correction of
            Nadeau and Bengio adds this to one over the number of pairs.

    References:
        Student, The Probable Error of a Mean, 1908, Biometrika 6(1)
        Nadeau and Bengio, Inference for the Generalization Error, 2003, Machine Learning 52
    """
    from scipy.stats import t  # an extra

    def spread(table: pd.DataFrame) -> pd.DataFrame:
        groups = table.groupby(["metric", "variant"], sort=False)["value"]
        return pd.DataFrame(groups.agg(runs="count", mean="mean", deviation="std"))

    scores, base = spread(values), values[values["variant"] == first]
    paired = values[values["variant"] != first].merge(
        base[["pair", "metric", "value"]], on=["pair", "metric"], suffixes=("", "_first")
    )
    apart = spread(paired.assign(value=paired["value"] - paired["value_first"]))
    error = apart["deviation"] * np.sqrt(1 / apart["runs"] + shared)
    reach = t.ppf((1 + LEVEL) / 2, apart["runs"] - 1) * error
    ends = {"low": apart["mean"] - reach, "high": apart["mean"] + reach}
    rows = scores.assign(minus=first, difference=apart["mean"], **ends).reset_index()
    return rows.reindex(columns=["variant", "metric", *rows.columns[2:]])


def report(variants: Variants, test: bool, over: str, folder: Path) -> None:
    """Write the tables into ``folder``, made if need be, and show them: see ``Comparison``."""
    comparison = Comparison(variants, test, over)
    folder.mkdir(parents=True, exist_ok=True)
    grids = [_grid(table) for table in (_settings(comparison), *_scores(comparison)) if len(table)]
    tables = "\n".join(map(markdown, grids))
    print(tables)
    origin = _origin(comparison)
    listed = "".join(f"- {name}: {line}\n" for name, line in origin.items())
    (folder / "compare.md").write_text(f"{tables}\n{listed}")
    scores = comparison.by_score[~comparison.by_score["metric"].isin(COSTS)]
    scores.to_csv(folder / "scores.csv", index=False)
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
    table, names, metrics = comparison.by_score, comparison.names, comparison.metrics
    table = table.assign(score=table.apply(_spread, axis=1), apart=table.apply(_difference, axis=1))

    def wide(cell: str, variants: list[str], rows: list[str]) -> pd.DataFrame:
        cells = table.pivot(index="metric", columns="variant", values=cell)
        return cells.reindex(index=rows, columns=variants).dropna(how="all")

    counts = comparison.table.groupby("variant").size().astype(str)
    scores = pd.concat([counts.to_frame("runs").T, wide("score", names, [*metrics, *COSTS])])[names]
    label = "test" if comparison.test else "validation"
    others = [name for name in comparison.variants if name != names[0]]
    return scores.rename_axis(label), wide("apart", others, metrics).rename_axis(
        f"minus {names[0]}"
    )


def _grid(table: pd.DataFrame) -> Grid:
    """With a row for each variant where there are too many of them for columns."""
    whole = (table.T if table.shape[1] > COLUMNS else table).fillna(ABSENT)
    return [[str(table.index.name), *whole], *([name, *row] for name, *row in whole.itertuples())]


def _spread(score: Any) -> str:
    """Mean ± standard deviation, which one run has none of."""
    deviation = f" ± {_rounded(score['deviation'], 2)}" if score["deviation"] > 0 else ""
    return short(score["mean"]) + deviation


def _difference(score: Any) -> str | None:
    difference, low, high = (
        "+" * (score[n] >= 0) + _rounded(score[n], 3) for n in ("difference", "low", "high")
    )
    if math.isnan(score["difference"]):
        return None
    return difference if math.isnan(score["low"]) else f"{difference} ({low} to {high})"


def _rounded(value: float, digits: int) -> str:
    return short(float(f"{value:.{digits}g}"))


def _origin(comparison: Comparison) -> dict[str, str]:
    """What the numbers are, on what data, when, at which commit and by which command."""
    test, records, over = comparison.test, comparison.records, comparison.over
    data = records[0].data(test)
    origin = "the generated sample: not a score on real data" if data["sample"] else data["root"]
    counts = sorted({f"{count:,}" for record in records if (count := record.samples(test))})
    samples = f", {' or '.join(counts)} samples" if counts else ""
    paired = f"mean ± standard deviation over {over}s; differences paired by {over}"
    explained = f"{paired}, with a 95 % interval (see docs/compare.md)"
    if max(map(len, comparison.variants.values())) < 2:
        explained = f"one run each: no spread and no interval; they need several {over}s"
    return {
        "scores": explained,
        "data": f"{origin}; {'test split' if test else 'validation split, best epoch'}{samples}",
        "made": f"{datetime.now(UTC):%Y-%m-%d}, commit "
        + " and ".join(dict.fromkeys(record.commit for record in records)),
        "command": shlex.join(["kindling", *sys.argv[1:]]),
    }
