"""Intervals of a mean over few runs.

n: runs.
"""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean and the interval that it lies in; the same number three times if there is none."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float], shared: float = 0.0) -> Estimate | None:
    """Student's 95 % interval of the mean; none of fewer than two values.

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
    n = len(values)
    if n < 2:
        return None
    mean = statistics.fmean(values)
    error = statistics.stdev(values) * math.sqrt(1 / n + shared)
    reach = quantile(n - 1) * error
    return Estimate(mean, mean - reach, mean + reach)


def quantile(freedom: int, level: float = LEVEL) -> float:
    """The t that a share ``level`` of Student's distribution lies within, on both sides."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """The share of Student's distribution between ``-t`` and ``t``.

    References:
        Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 26.7.3 and 26.7.4
    """
    angle = math.atan(t / math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term = total = math.cos(angle) if odd else 1.0
    # Each term is the one before it by cos² and k / (k + 1), with k odd or even.
    for k in range(1 + odd, freedom - 2, 2):
        term *= square * k / (k + 1)
        total += term
    if not odd:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if freedom > 1 else 0.0))
