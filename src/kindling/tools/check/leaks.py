"""Columns that give the target away.

N: rows, K: classes.
"""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from kindling.tools.check.report import Report
from kindling.tools.check.samples import Samples

FEWEST = 20  # rows below which a column tells nothing
BINS = 20  # of a column; also the classes that are scored
LEAK = {"class": 0.95, "number": 0.99, "missing": 0.7}
"""AUROC of one column above which it rather follows from the target: from its class, from the
larger half of numbers, or in which of its cells are missing."""


def check_leaks(samples: Samples, report: Report) -> None:
    """Add the columns that tell a target almost alone, by their values or by what is missing."""
    # The test is left out, so that nobody chooses columns by it.
    for name, target in samples.targets[samples.split != "test"].items():
        known = target.dropna()
        kind = "number" if is_numeric_dtype(known) else "class"
        classes = known if kind == "class" else (known > known.median()).astype(str)
        frequent = classes.isin(classes.value_counts().index[:BINS])
        truth = pd.get_dummies(classes[frequent], dtype=float)
        if len(truth) < FEWEST or truth.shape[1] < 2:
            continue
        for column_name, column in samples.inputs.loc[truth.index].items():
            missing = column.isna()
            if is_numeric_dtype(column):
                column = (column.rank(pct=True) * min(BINS, len(truth) // 10)).round()
            if (score := auroc(column, truth)) > LEAK[kind]:
                text = f"{column_name} tells {name} almost alone: AUROC {score:.3f} by this column"
                report.add("warn", f"{text}; is it known before the target is?")
            enough = FEWEST <= missing.sum() <= len(missing) - FEWEST
            if enough and (score := auroc(missing, truth)) > LEAK["missing"]:
                text = f"{column_name}: that it is missing tells {name}: AUROC {score:.3f}"
                report.add("warn", f"{text} by that alone; is it filled in after the target?")


def auroc(bins: "pd.Series[Any]", truth: pd.DataFrame, folds: int = 5) -> float:
    """How well the bins of one column, ``(N,)``, tell what is true, ``(N, K)``.

    The chance that a positive has a higher mean of its bin than a negative, the means taken from
    the other folds; averaged over the classes.
    """
    codes = bins.factorize()[0]
    fold = np.random.default_rng(0).permutation(len(bins)) % folds
    total, count = (
        truth.groupby(codes).transform(how) - truth.groupby([codes, fold]).transform(how)
        for how in ("sum", "count")
    )
    # One more row of the mean in each bin: an empty one says the mean.
    predicted = (total + truth.mean()) / (count + 1)
    positive = truth.sum()
    above = (predicted.rank() * truth).sum() - positive * (positive + 1) / 2
    return float((above / (positive * (len(truth) - positive))).mean())
