"""How well one column alone tells the target, cross-validated.

N: rows, K: classes, B: bins.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FOLDS = 5
BINS = 20
LARGEST = 20
"""Classes that are scored, the most frequent ones."""


@dataclass(frozen=True)
class Target:
    """What is to be told.

    Args:
        values: Places of classes, or numbers, ``(N,)``.
        known: Where there is one, ``(N,)``.
        classes: Names; none of a number.
    """

    values: NDArray[np.float64]
    known: NDArray[np.bool_]
    classes: Sequence[str] = ()

    @property
    def metric(self) -> str:
        return "AUROC" if self.classes else "R2 of ranks"


def one_column(
    column: NDArray[np.generic], target: Target, known: NDArray[np.bool_], categories: bool
) -> float:
    """AUROC, a mean over the classes, or R2 of the ranks, of held-out means by bins.

    A number is cut into bins by its quantiles, a missing one being a bin of its own. Ranks keep a
    few large targets from deciding everything.

    Args:
        column: Numbers, or places of categories, ``(N,)``; NaN or -1 where missing.
        target: What is to be told.
        known: The rows to look at.
        categories: Whether ``column`` holds places.
    """
    x = column[known].astype(np.float64)
    y = _indicators(target, known)
    fold = np.random.default_rng(0).permutation(len(x)) % FOLDS
    predicted = np.empty_like(y)
    for k in range(FOLDS):
        rest = fold != k
        codes = x.astype(np.int64) + 1 if categories else _bins(x, x[rest])
        size = int(codes.max()) + 1
        count = np.bincount(codes[rest], minlength=size)
        for j in range(y.shape[1]):
            total = np.bincount(codes[rest], weights=y[rest, j], minlength=size)
            # One more row of the mean in each bin: an empty one says the mean.
            predicted[~rest, j] = ((total + y[rest, j].mean()) / (count + 1))[codes[~rest]]
    if target.classes:
        scores = [auroc(predicted[:, j], y[:, j] > 0) for j in range(y.shape[1])]
        return float(np.mean(scores)) if scores else 0.5
    left = float(((y - predicted) ** 2).sum())
    return 1 - left / max(float(((y - y.mean()) ** 2).sum()), 1e-12)


def _indicators(target: Target, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What bins have means of: of two classes the second, of several each, of a number its rank."""
    values = target.values[known]
    if not target.classes:
        return ranks(values)[:, None]
    there, counts = np.unique(values, return_counts=True)
    there = there[np.argsort(-counts, kind="stable")][:LARGEST]
    if len(there) == 2:
        there = there[:1]
    indicators: NDArray[np.float64] = (values[:, None] == there).astype(np.float64)
    return indicators


def _bins(x: NDArray[np.float64], training: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places from 1 on; 0 where missing."""
    there = training[~np.isnan(training)]
    if not len(there):
        return np.zeros(len(x), np.int64)
    count = max(2, min(BINS, len(there) // 10))
    edges = np.unique(np.quantile(there, np.linspace(0, 1, count + 1)[1:-1]))
    return np.where(np.isnan(x), 0, np.searchsorted(edges, x, side="right") + 1)


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 to 1, equal values sharing the mean of theirs."""
    rank = pd.Series(values).rank().to_numpy(np.float64)
    return (rank - 1) / max(len(values) - 1, 1)


def auroc(predicted: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """The chance that a positive is ranked above a negative, ties counting a half."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not (positive and negative):
        return 0.5
    rank = ranks(predicted) * max(len(predicted) - 1, 1)
    above = rank[truth].sum() - positive * (positive - 1) / 2
    return float(above / (positive * negative))


def auroc_noise(missing: NDArray[np.bool_]) -> float:
    """Four standard deviations of the AUROC of a yes or no that says nothing."""
    yes, no = int(missing.sum()), int((~missing).sum())
    return 4 * float(np.sqrt((yes + no + 1) / (12 * yes * no)))
