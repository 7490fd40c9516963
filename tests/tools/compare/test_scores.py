"""Intervals cover the truth as often as they say."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from numpy.typing import NDArray

from kindling.tools.compare.scores import aliases, compared

Values = NDArray[np.float64]


def interval(first: Values, second: Values, shared: float = 0.0) -> Values:
    """Ends of the interval of second minus first, each row a comparison: ``(2, repeats)``."""
    rows, pairs = np.indices(first.shape).reshape(2, -1)
    table = pd.DataFrame({"metric": rows, "pair": pairs})
    both = [table.assign(variant=n, value=v.ravel()) for n, v in (("a", first), ("b", second))]
    scores = compared(pd.concat(both), "a", shared)
    return scores.loc[scores["variant"] == "b", ["low", "high"]].to_numpy().T


def test_the_interval_is_that_of_the_paired_t_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 3, 5))
    ends = scipy.stats.ttest_rel(second, first, axis=1).confidence_interval(0.95)
    np.testing.assert_allclose(interval(first, second), [ends.low, ends.high])


def test_by_the_tables_of_any_textbook() -> None:
    first, second = np.zeros((1, 3)), np.array([[1.0, 2.0, 3.0]])
    reach = 4.302653 / math.sqrt(3)
    assert interval(first, second).ravel() == pytest.approx([2.0 - reach, 2.0 + reach])
    wider = reach * math.sqrt(3) * math.sqrt(1 / 3 + 0.25)
    assert interval(first, second, 0.25).ravel() == pytest.approx([2.0 - wider, 2.0 + wider])


def test_one_run_has_no_interval_and_no_spread_no_width() -> None:
    assert np.isnan(interval(np.zeros((1, 1)), np.ones((1, 1)))).all()
    assert interval(np.zeros((1, 2)), np.ones((1, 2))).ravel().tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_difference_of_two_variants_is_covered_95_times_of_100(seeds: int) -> None:
    """Scores of two models on the same seeds, which make both of them better or worse."""
    rng = np.random.default_rng(seeds)
    truth, repeats = 0.02, 1000
    luck = rng.normal(0, 0.05, (repeats, seeds))
    first = 0.7 + luck + rng.normal(0, 0.01, (repeats, seeds))
    second = 0.7 + truth + luck + rng.normal(0, 0.015, (repeats, seeds))
    # Four standard errors of a share of 0.95 among so many.
    tolerance = 4 * math.sqrt(0.95 * 0.05 / repeats)
    assert covered(interval(first, second), truth) == pytest.approx(0.95, abs=tolerance)


def covered(ends: Values, truth: float) -> float:
    return float(np.mean((ends[0] <= truth) & (truth <= ends[1])))


def errors_of_folds(
    features: int, rng: np.random.Generator, repeats: int, rows: int, folds: int
) -> tuple[Values, Values]:
    """Least squares on the first features of 20, over many data sets.

    Shape:
        Squared errors on each fold, and what they would be on endless data, ``(repeats, folds)``.
    """
    weight = np.where(np.arange(20) < 5, 0.5, 0)
    x = rng.normal(size=(repeats, rows, 20))
    y = x @ weight + rng.normal(size=(repeats, rows))
    seen, endless = [], []
    for part in np.split(np.arange(rows), folds):
        rest = np.setdiff1d(np.arange(rows), part)
        a, b = x[:, rest, :features], y[:, rest, None]
        t = a.swapaxes(-1, -2)
        found = np.zeros((repeats, 20))
        found[:, :features] = np.linalg.solve(t @ a, t @ b)[..., 0]
        fitted = (x[:, part] @ found[..., None])[..., 0]
        seen.append(((y[:, part] - fitted) ** 2).mean(1))
        endless.append(1 + ((found - weight) ** 2).sum(1))
    return np.stack(seen, 1), np.stack(endless, 1)


def test_folds_need_the_correction() -> None:
    """A model with fifteen features too many beside one with none: folds tell on one another."""
    repeats, folds = 1500, 5
    few, many = (errors_of_folds(n, np.random.default_rng(0), repeats, 50, folds) for n in (5, 20))
    truth = (many[1] - few[1]).mean()
    assert covered(interval(few[0], many[0]), truth) < 0.91
    assert 0.93 < covered(interval(few[0], many[0], 1 / (folds - 1)), truth) < 0.98


def test_one_metric_has_one_name_whatever_the_heads() -> None:
    names = {"identity/accuracy", "age/mae", "age/rmse", "accuracy", "mae", "r2"}
    assert aliases(names) == {"accuracy": "identity/accuracy", "mae": "age/mae"}
    assert aliases({"a/mae", "b/mae", "mae"}) == {}, "which of the two is not known"
