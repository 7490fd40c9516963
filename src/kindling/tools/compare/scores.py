"""Statistics of variants: scores over runs, and paired differences to the first of them."""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import pandas as pd

from kindling.api.record import Record
from kindling.errors import UserError

LEVEL = 0.95
COSTS = ["parameters", "training_s"]  # of a run; there is no time of one that was resumed
Variants = Mapping[str, Sequence[Record]]  # runs that differ in seed or fold alone, by its name


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
        self.metrics = [name for name in self.table if name not in about] + COSTS
        pair = self.table["seed"].astype(str) + " " + self.table["fold"].astype(str)
        long = self.table.assign(pair=pair).melt(["variant", "pair"], self.metrics, "metric")
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
