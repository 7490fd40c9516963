"""Statistics of variants: scores over runs, and paired differences to the first of them."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from kindling.api.record import Record, Scores
from kindling.errors import UserError

LEVEL = 0.95

PARAMETERS = "parameters"
TRAINING = "training, s"


@dataclass(frozen=True)
class Variant:
    """Runs that differ in seed or fold alone."""

    name: str
    records: list[Record]

    @property
    def costs(self) -> dict[str, float | None]:
        """Means over the runs; nothing where a run does not tell."""
        return {
            PARAMETERS: _mean([record.provenance.get("parameters") for record in self.records]),
            TRAINING: _mean([None if r.resumed else r.seconds for r in self.records]),
        }

    def check(self, test: bool) -> None:
        """Raise a UserError where two runs are the same, or are of different data."""
        if len({record.pair for record in self.records}) < len(self.records):
            same = "two runs have the same seed and the same settings; name one"
            raise UserError(f"{self.name}: {same}")
        if len({record.data(test).get("sha256") for record in self.records}) > 1:
            places = ", ".join(str(record.folder) for record in self.records)
            raise UserError(
                f"{self.name}: the data have changed between these runs: {places}; remove the "
                "older ones, or give the comparison another NAME"
            )


class Comparison:
    """Variants, at least one, and their scores; those of test beside what they have to beat.

    Args:
        variants: The first is what others are compared with.
        test: Whether scores are of the test split, or of validation at the epoch that the best
            checkpoint is of.
        over: What the runs of a variant differ in: ``seed`` or ``fold``.

    Raises:
        UserError: Runs of a variant do not belong together.
    """

    def __init__(self, variants: Sequence[Variant], test: bool, over: str = "seed") -> None:
        self.variants, self.test, self.over = variants, test, over
        for variant in variants:
            variant.check(test)
        self.records = [record for variant in variants for record in variant.records]
        runs = [(v.name, r.pair, r.scores(test)) for v in variants for r in v.records]
        # Validation has no baseline, nor have a plain LightningModule's runs.
        beaten = [(*r.baseline, r.pair) for r in variants[0].records if test and r.baseline[0]]
        known = [(name, pair, scores) for name, scores, pair in beaten]
        # A single variant has only the baseline to differ from.
        every = [*known, *runs] if len(variants) == 1 else [*runs, *known]
        self.names = list(dict.fromkeys(name for name, *_ in every))
        self._longer = aliases({metric for *_, scores in every for metric in scores})
        rows = [(n, str(pair), *item) for n, pair, s in every for item in self._named(s).items()]
        table = pd.DataFrame(rows, columns=["variant", "pair", "metric", "value"])
        self.values = table.astype({"value": float})
        self.metrics = list(self.values["metric"].unique())
        shared = statistics.fmean(r.share(test) for r in self.records) if over == "fold" else 0.0
        self.by_score = compared(self.values, self.names[0], shared)

    def by_run(self) -> pd.DataFrame:
        """A row a run: its scores, what it took and where it lies."""
        rows = [
            {
                "variant": variant.name,
                "seed": record.pair[0],
                **({"fold": record.pair[1]} if record.settings.get("data.folds") else {}),
                **self._named(record.scores(self.test)),
                "parameters": record.provenance.get("parameters"),
                "training_s": record.seconds,
                "run": str(record.folder),
            }
            for variant in self.variants
            for record in variant.records
        ]
        return pd.DataFrame(rows)

    def _named(self, scores: Scores) -> Scores:
        """With one name for one metric."""
        return {self._longer.get(metric, metric): value for metric, value in scores.items()}


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


def aliases(names: Iterable[str]) -> dict[str, str]:
    """Short names of metrics by the only long name that they can stand for.

    A model of one head says ``mae`` where one of two says ``age/mae``.
    """
    names = set(names)
    longer = {n: [long for long in names if long.endswith(f"/{n}")] for n in names if "/" not in n}
    return {name: found[0] for name, found in longer.items() if len(found) == 1}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if len(known) == len(values) else None
