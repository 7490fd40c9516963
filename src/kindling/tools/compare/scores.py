"""Statistics of variants: scores over runs, and paired differences to the first of them.

n: runs.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from kindling.errors import UserError
from kindling.tools.runner.record import Record

LEVEL = 0.95

Scored = dict[str, Any]
"""A metric of a variant, as a row of ``scores.csv``."""


@dataclass(frozen=True)
class Variant:
    """Runs that differ in seed or fold alone, and what they take.

    Raises:
        UserError: They were made on different data, or two have the same seed and fold.
    """

    name: str
    records: list[Record]
    costs: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len({record.pair for record in self.records}) < len(self.records):
            same = "two runs have the same seed and the same settings; name one"
            raise UserError(f"{self.name}: {same}")
        if len({record.results.get("data", {}).get("sha256") for record in self.records}) > 1:
            places = ", ".join(str(record.folder) for record in self.records)
            raise UserError(
                f"{self.name}: the data have changed between these runs: {places}; remove the "
                "older ones, or give the comparison another NAME"
            )


class Comparison:
    """Variants, at least one, and the scores of them and of what they have to beat.

    Args:
        variants: The first is what others are compared with.
        over: What the runs of a variant differ in: ``seed`` or ``fold``.
    """

    def __init__(self, variants: Sequence[Variant], over: str = "seed") -> None:
        self.variants, self.over = variants, over
        runs = [(v.name, r.pair, r.scores) for v in variants for r in v.records]
        beaten = [(r.baseline[0], r.pair, r.baseline[1]) for r in variants[0].records]
        # A single variant has only the baseline to differ from.
        every = [*beaten, *runs] if len(variants) == 1 else [*runs, *beaten]
        # A plain LightningModule's runs have no baseline.
        self.names = list(dict.fromkeys(name for name, *_ in every if name))
        self._whole = aliases({metric for *_, scores in every for metric in scores})
        rows = [(n, str(pair), *item) for n, pair, s in every for item in self._named(s).items()]
        self.values = pd.DataFrame(rows, columns=["variant", "pair", "metric", "value"])
        self.metrics = list(self.values["metric"].unique())
        shares = [_share(record) for variant in variants for record in variant.records]
        shared = statistics.fmean(shares) if over == "fold" else 0.0
        rows_of = [row for metric in self.metrics for row in self._score(metric, shared)]
        self.scores = {(row["metric"], row["variant"]): row for row in rows_of}

    def by_score(self) -> pd.DataFrame:
        """A row a metric and variant, all digits."""
        return pd.DataFrame(self.scores.values())

    def by_run(self) -> pd.DataFrame:
        """A row a run: its scores, what it took and where it lies."""
        rows = []
        for variant, record in ((v, r) for v in self.variants for r in v.records):
            seed, fold = record.pair
            rows.append(
                {
                    "variant": variant.name,
                    "seed": seed,
                    **({"fold": fold} if record.settings.get("data.folds") else {}),
                    **self._named(record.scores),
                    "parameters": record.provenance.get("parameters"),
                    "training_s": record.seconds,
                    "run": str(record.folder),
                }
            )
        return pd.DataFrame(rows)

    def _named(self, scores: dict[str, float]) -> dict[str, float]:
        """With one name for one metric."""
        return {self._whole.get(metric, metric): value for metric, value in scores.items()}

    def _score(self, metric: str, shared: float) -> list[Scored]:
        """A metric of each variant that has it; the difference is over runs that have a pair."""
        values, first = self.values[self.values["metric"] == metric], self.names[0]
        table = values.pivot(index="pair", columns="variant", values="value")
        scored = []
        for name in (name for name in self.names if name in table):
            column, apart = table[name].dropna(), pd.Series(dtype=float)
            if name != first and first in table:
                apart = (column - table[first]).dropna()
            counted = {"runs": len(column), "mean": column.mean(), "deviation": column.std()}
            ends = zip(
                ("difference", "low", "high"), mean_interval(list(apart), shared), strict=True
            )
            scored.append(
                {"variant": name, "metric": metric, **counted, "minus": first, **dict(ends)}
            )
        return scored


def mean_interval(values: Sequence[float], shared: float = 0.0) -> tuple[float, float, float]:
    """The mean and Student's 95 % interval of it; NaN where there are too few values.

    Of paired differences it is the paired t interval: what a seed does to both variants alike is
    gone before the spread is taken.

    Args:
        values: A score, or a difference of two scores, of each run, ``(n,)``.
        shared: Test samples over training samples where the values are of cross-validation's
            folds. Those share most of their training samples, so that their spread says too
            little; the correction of Nadeau and Bengio adds this to ``1 / n``.

    References:
        Student, The Probable Error of a Mean, 1908, Biometrika 6(1)
        Nadeau and Bengio, Inference for the Generalization Error, 2003, Machine Learning 52
    """
    from scipy.stats import t  # an extra

    n = len(values)
    mean = statistics.fmean(values) if n else math.nan
    if n < 2:
        return mean, math.nan, math.nan
    error = statistics.stdev(values) * math.sqrt(1 / n + shared)
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    return mean, mean - reach, mean + reach


def aliases(names: set[str]) -> dict[str, str]:
    """Short names of metrics by the only long name that they can stand for.

    A model of one head says ``mae`` where one of two says ``age/mae``.
    """
    short = [name for name in names if "/" not in name]
    longer = {name: [long for long in names if long.endswith(f"/{name}")] for name in short}
    return {name: found[0] for name, found in longer.items() if len(found) == 1}


def _share(record: Record) -> float:
    """Test samples over training samples."""
    samples = record.provenance.get("data", {}).get("samples", {})
    return float(samples["test"] / samples["train"]) if {"test", "train"} <= set(samples) else 0.0
