"""Identifiers, columns that reveal the target, bad targets, and rows that are in two splits.

N: rows, K: classes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from kindling.data.datamodule import DataModule
from kindling.tables.columns import related_rows
from kindling.tables.read import read_table
from kindling.tools.check.samples import Finding, Samples

FEWEST = 20  # rows below which a column tells nothing
NAMES = 0.95  # share of different values above which a category names its row
FEW = {"train": 10, "val": 1, "test": 1}  # samples of a class below which it is rare
NEAR = 1e-3  # interquartile ranges to which numbers are rounded to compare rows
CHANCE = 0.02  # pairs of equal rows to expect by chance, above which equal rows mean little
BINS = 20  # of a column; also the classes that are scored
LEAK = {"class": 0.95, "number": 0.99, "missing": 0.7}
"""AUROC of one column above which it probably follows from the target: from its class, from the
larger half of its numbers, or in which cells of the column are missing."""
FINE = 0.5  # share of different values in a column that two rows are unlikely to share


def findings(samples: Samples) -> Iterator[Finding]:
    for look in (_identifiers, _leaks, _targets, _repeated):
        yield from look(samples)


def _identifiers(samples: Samples) -> Iterator[Finding]:
    """Columns that name or count their rows: text that hardly repeats, numbers that rise."""
    for name, column in samples.inputs.items():
        known = column.dropna()
        if is_numeric_dtype(known):
            train = known[samples.split == "train"]  # in the file's order
            rises = train.is_monotonic_increasing or train.is_monotonic_decreasing
            dense = bool((known % 1 == 0).all()) and np.ptp(known) < 2 * len(known)
            identifies = (rises or dense) and known.is_unique
        else:
            identifies = known.nunique() > NAMES * len(known)
        if len(known) >= FEWEST and identifies:
            what = "looks like an identifier or a time"
            yield Finding("warn", f"{name}: {what}, but is learned from")


def _leaks(samples: Samples) -> Iterator[Finding]:
    """Columns that alone almost reveal a target, by their values or missing cells."""
    # Without the test split, so that nobody chooses columns by it.
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
                text = f"{column_name} alone nearly predicts {name}: AUROC {score:.3f}"
                yield Finding("warn", f"{text}; is it known before the target is?")
            enough = FEWEST <= missing.sum() <= len(missing) - FEWEST
            if enough and (score := auroc(missing, truth)) > LEAK["missing"]:
                text = f"{column_name}: its missing cells predict {name}: AUROC {score:.3f}"
                yield Finding("warn", f"{text} by that alone; is it filled in after the target?")


def auroc(bins: "pd.Series[Any]", truth: pd.DataFrame, folds: int = 5) -> float:
    """How well the bins of one column, ``(N,)``, predict the classes, ``(N, K)``.

    The chance that a positive has a higher mean of its bin than a negative, the means taken from
    the other folds; averaged over the classes.
    """
    codes = bins.factorize()[0]
    fold = np.random.default_rng(0).permutation(len(bins)) % folds
    total, count = (
        truth.groupby(codes).transform(how) - truth.groupby([codes, fold]).transform(how)
        for how in ("sum", "count")
    )
    # One more row of the mean in each bin, so that an empty one predicts the mean.
    predicted = (total + truth.mean()) / (count + 1)
    positive = truth.sum()
    above = (predicted.rank() * truth).sum() - positive * (positive + 1) / 2
    return float((above / (positive * (len(truth) - positive))).mean())


def related(data: DataModule) -> Iterator[Finding]:
    """Columns that group rows, unless the splits already keep a group together."""
    settings = getattr(data, "missing", ()), getattr(data, "decimal", None)
    for source in data.sources().tables:
        if not source.groups and len(source.splits) > 1:
            table = read_table(source.path, *settings, typed=True)
            yield from (Finding("note", text) for text in related_rows(table, source.targets))


def _targets(samples: Samples) -> Iterator[Finding]:
    """Targets without values, without a second class, or with rare classes in a split."""
    for name, target in samples.targets.items():
        known = target.dropna()
        if unknown := len(target) - len(known):
            yield Finding("note", f"{name}: unknown in {unknown:,} of {len(target):,} rows")
        if known.nunique() == 1:
            yield Finding("warn", f"{name}: the same everywhere, {known.iloc[0]}")
        elif not is_numeric_dtype(known):
            counts = pd.crosstab(known, samples.split).reindex(columns=[*FEW], fill_value=0)
            for split, least in FEW.items():
                if rare := [f"{k}, {n}" for k, n in counts[split].items() if n < least]:
                    what = f"{name}: classes with fewer than {least} samples in {split}"
                    yield Finding("note", what, rare, 3)


def _repeated(samples: Samples) -> Iterator[Finding]:
    """Rows nearly equal to one in an earlier split, unless that happens by chance."""
    numbers = samples.inputs.select_dtypes("number")
    spread = numbers.quantile(0.75) - numbers.quantile(0.25)
    near = (numbers / (spread.where(spread > 0, numbers.std()) * NEAR)).round() + 0.0
    key = samples.inputs.assign(**near)
    fine = numbers.nunique() > FINE * numbers.count()
    if not fine.any() or _by_chance(key) > CHANCE:
        return
    if samples.photos is not None:
        key = key.join(pd.DataFrame(samples.photos.numpy()).add_prefix("photo "))
    code = pd.util.hash_pandas_object(key, index=False)
    first = pd.Series(range(len(key))).groupby(code).transform("first")  # splits are in order
    split, names = samples.split, samples.names
    pairs = [(a, b) for b, a in enumerate(first) if split[a] != split[b]]
    if pairs:
        same = [f"{names[a]} ({split[a]}) = {names[b]} ({split[b]})" for a, b in pairs]
        yield Finding("warn", "rows nearly equal to one in an earlier split", same)


def _by_chance(key: pd.DataFrame) -> float:
    """The number of pairs of equal rows to expect if the columns were independent."""
    pairs = len(key) * (len(key) - 1) / 2
    counts = [key[name].value_counts(dropna=False) for name in key]
    shares = [max((c * (c - 1) / 2).sum() / max(pairs, 1), len(key) ** -2) for c in counts]
    return pairs * float(np.prod(shares))
