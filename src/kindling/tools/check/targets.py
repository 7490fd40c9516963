"""Targets that are hard to learn, or that a single column tells.

N: rows, K: classes.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from kindling.errors import short
from kindling.tools.check.report import Report, examples
from kindling.tools.check.tables import FEWEST, Rows

Series: TypeAlias = "pd.Series[Any]"
MANY = 20  # values that may be classes; bins of a column; classes that are scored
FEW = 10  # training samples of a class from which little can be learned
ONE_SIDED = 0.9  # share of one class above which always predicting it looks good
FAR = 50  # interquartile ranges from the median beyond which a number decides a squared loss
ALMOST_ALONE = 0.95  # AUROC of one column above which it rather follows from the classes
FOLLOWS = 0.99  # the same, where the larger half of numbers is told from the smaller one
BY_ABSENCE = 0.7  # AUROC that a column reaches by what is missing in it


def check_targets(rows: Rows, classified: Mapping[str, bool], report: Report) -> None:
    """Add what is wrong with each target of a table, and the columns that tell it.

    ``classified`` says whether one is of classes, as far as there is a model that knows.
    """
    for name in rows.kinds["targets"]:
        cells = rows.cells[name]
        number = pd.to_numeric(cells.str.replace(",", "."), errors="coerce")
        looks = number[cells.notna()].hasnans or cells.nunique() <= MANY
        target = cells if classified.get(name, looks) else number
        check_target(name, target, rows.split, report)
        # Without the test, if there is one.
        cut = bool(rows.split.any())
        learned = rows.split.isin(["train", "val"]) if cut else rows.split == ""
        _check_leaks(name, rows, target, target.notna() & learned, report)


def check_target(name: str, target: Series, split: Series, report: Report) -> None:
    """Add what a target lacks, and what is far too frequent or too far away in it."""
    known = target.dropna()
    if unknown := len(target) - len(known):
        report.add("note", f"{name}: unknown in {unknown:,} of {len(target):,} rows")
    if known.nunique() == 1:
        report.add("warn", f"{name}: the same everywhere, {known.iloc[0]}")
    elif is_numeric_dtype(known):
        _check_numbers(name, known, report)
    elif len(known):
        _check_classes(name, pd.crosstab(known, split), report)


def _check_numbers(name: str, known: Series, report: Report) -> None:
    low, median, high = known.quantile([0.25, 0.5, 0.75])
    away = (known - median).abs()
    far = away > FAR * (high - low or np.inf)
    if far.any():
        text = f"{far.sum():,} of {len(known):,} lie more than {FAR} interquartile ranges away"
        worst = short(float(known.iloc[int(away.argmax())]))
        report.add("warn", f"{name}: {text}, such as {worst}: they decide a squared loss")


def _check_classes(name: str, counts: pd.DataFrame, report: Report) -> None:
    """Classes that are too frequent or too rare, by their counts ``(K, splits)``."""
    whole = counts.sum(axis=1)
    if (share := whole.max() / whole.sum()) > ONE_SIDED:
        text = f"{share:.1%} are {whole.idxmax()}; who always says so is right as often"
        report.add("warn", f"{name}: {text}")
    for part, least in (("train", FEW), ("val", 1), ("test", 1)) if "train" in counts else ():
        here = counts.get(part, 0 * whole)
        if few := [f"{label}, {n}" for label, n in here.items() if n < least]:
            text = "no sample" if least == 1 else f"fewer than {least} samples"
            listed = f"{len(few)} ({examples(few)})"
            report.add("note", f"{name}: classes with {text} in {part}: {listed}")


def _check_leaks(
    target_name: str, rows: Rows, target: Series, known: "pd.Series[bool]", report: Report
) -> None:
    """Add the columns that tell a target almost alone, by their values or by what is missing."""
    truth = _truth(target[known])
    if len(truth) < FEWEST or not truth.any(axis=None):
        return
    limit = FOLLOWS if is_numeric_dtype(target) else ALMOST_ALONE
    count = min(MANY, len(truth) // 10)
    for name, whole in rows.used().items():
        column = whole[known]
        missing = column.isna()
        bins = (column.rank(pct=True) * count).round() if is_numeric_dtype(column) else column
        if (score := auroc(bins, truth)) > limit:
            text = f"{name} tells {target_name} almost alone: AUROC {score:.3f} by this column"
            report.add("warn", f"{text}; is it known before the target is?")
        enough = FEWEST <= missing.sum() <= len(missing) - FEWEST
        if enough and (score := auroc(missing, truth)) > BY_ABSENCE:
            text = f"{name}: that it is missing tells {target_name}: AUROC {score:.3f}"
            report.add("warn", f"{text} by that alone; is it filled in after the target?")


def _truth(target: Series) -> pd.DataFrame:
    """What is to be told: the larger half of numbers, or whether it is a class, ``(N, K)``."""
    if is_numeric_dtype(target):
        return (target > target.median()).to_frame()
    labels = target.value_counts().index[:MANY]
    return pd.DataFrame({k: target == k for k in (labels[:1] if len(labels) == 2 else labels)})


def auroc(bins: Series, truth: pd.DataFrame, folds: int = 5) -> float:
    """How well the bins of one column, ``(N,)``, tell what is true, by cross-validated means.

    The chance that a positive has a higher one than a negative; a mean over the classes.
    """
    truth, codes = truth.astype(np.float64), bins.factorize()[0]
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
