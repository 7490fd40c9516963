"""Statistics of variants: scores over runs, and paired differences to the first of them."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from kindling.api.record import Record
from kindling.errors import UserError

LEVEL = 0.95

COSTS = ["parameters", "training_s"]
"""What a run costs."""

Variants = Mapping[str, Sequence[Record]]
"""Runs that differ in seed or fold alone, by the name of their variant."""


class Comparison:
    """The scores of at least one variant; those of test beside the baseline's.

    Args:
        variants: The first is what others are compared with.
        test: Whether scores are of the test split, or of validation at the epoch that the best
            checkpoint is of.
        over: What the runs of a variant differ in: ``seed`` or ``fold``.

    Raises:
        UserError: Runs of a variant do not belong together.
    """

    def __init__(self, variants: Variants, test: bool, over: str = "seed") -> None:
        self.variants, self.test, self.over = variants, test, over
        for name, records in variants.items():
            _check(name, records, test)
        self.records = [record for records in variants.values() for record in records]
        runs = [(n, r, r.scores(test)) for n, records in variants.items() for r in records]
        # Validation has no baseline, nor have a plain LightningModule's runs.
        first = [record for record in next(iter(variants.values())) if test and record.baseline[0]]
        beaten = [(record.baseline[0], record, record.baseline[1]) for record in first]
        # A single variant has only the baseline to differ from.
        every = [*beaten, *runs] if len(variants) == 1 else [*runs, *beaten]
        self.names = list(dict.fromkeys(name for name, *_ in every))
        longer = aliases({metric for *_, scores in every for metric in scores})
        scored = [{longer.get(m, m): value for m, value in s.items()} for *_, s in every]
        self.metrics = list(dict.fromkeys(metric for scores in scored for metric in scores))
        columns = ["variant", "seed", "fold", *self.metrics, *COSTS, "run"]
        self.table = pd.DataFrame(
            [
                {"variant": n, "seed": r.pair[0], "fold": r.pair[1], **s, **_costs(n, r, variants)}
                for (n, r, _), s in zip(every, scored, strict=True)
            ],
            columns=columns,
        ).astype(dict.fromkeys(COSTS, float))
        """A row for each run, with its scores, costs and folder, and for each run's baseline."""
        paired = self.table.assign(pair=[str(record.pair) for _, record, _ in every])
        long = paired.melt(["variant", "pair"], self.metrics, "metric")
        self.values = long.dropna(subset="value").astype({"value": float})
        shared = statistics.fmean(r.share(test) for r in self.records) if over == "fold" else 0.0
        self.by_score = compared(self.values, self.names[0], shared)


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


def _costs(name: str, record: Record, variants: Variants) -> dict[str, object]:
    """None for a baseline, and no time for a run that was resumed."""
    if name not in variants:
        return {}
    parameters = record.provenance.get("parameters")
    seconds = None if record.resumed else record.seconds
    return {"parameters": parameters, "training_s": seconds, "run": str(record.folder)}


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
