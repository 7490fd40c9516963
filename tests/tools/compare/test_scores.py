"""Intervals cover the truth as often as they say."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from kindling.tools.compare.interval import mean_interval, quantile

# From the tables in any textbook: 95 % on both sides.
TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042}


@pytest.mark.parametrize(("freedom", "value"), TABLE.items())
def test_quantiles_are_those_of_the_tables(freedom: int, value: float) -> None:
    assert quantile(freedom) == pytest.approx(value, abs=5e-4)


def test_many_runs_are_as_good_as_normal() -> None:
    assert quantile(5000) == pytest.approx(1.96, abs=1e-3)
    assert quantile(4, 0.99) == pytest.approx(4.604, abs=5e-4)


def test_by_hand() -> None:
    estimate = mean_interval([1.0, 2.0, 3.0])
    assert estimate is not None
    reach = 4.302653 / math.sqrt(3)
    assert estimate == pytest.approx((2.0, 2.0 - reach, 2.0 + reach))


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_run_has_no_interval(values: list[float]) -> None:
    assert mean_interval(values) is None


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_difference_of_two_variants_is_covered_95_times_of_100(seeds: int) -> None:
    """Scores of two models on the same seeds, which make both of them better or worse."""
    rng = np.random.default_rng(seeds)
    truth, repeats = 0.02, 4000
    luck = rng.normal(0, 0.05, (repeats, seeds))
    first = 0.7 + luck + rng.normal(0, 0.01, (repeats, seeds))
    second = 0.7 + truth + luck + rng.normal(0, 0.015, (repeats, seeds))
    estimates = [mean_interval(row.tolist()) for row in second - first]
    covered = np.mean([e is not None and e.low <= truth <= e.high for e in estimates])
    # Four standard errors of a share of 0.95 among so many.
    assert covered == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / repeats))


def test_pairs_make_the_interval_shorter() -> None:
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 0.05, 8)
    first, second = luck + rng.normal(0, 0.005, 8), luck + rng.normal(0, 0.005, 8)
    paired = mean_interval((second - first).tolist())
    shuffled = mean_interval((rng.permutation(second) - first).tolist())
    assert paired is not None
    assert shuffled is not None
    assert paired.high - paired.low < 0.5 * (shuffled.high - shuffled.low)


def errors_of_folds(
    features: int, rng: np.random.Generator, repeats: int, rows: int, folds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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
    pairs = [errors_of_folds(n, np.random.default_rng(0), repeats, 50, folds) for n in (5, 20)]
    differences = pairs[1][0] - pairs[0][0]
    truth = (pairs[1][1] - pairs[0][1]).mean()

    def coverage(shared: float) -> float:
        found = [mean_interval(row.tolist(), shared) for row in differences]
        return float(np.mean([e is not None and e.low <= truth <= e.high for e in found]))

    assert coverage(0.0) < 0.91
    assert 0.93 < coverage(1 / (folds - 1)) < 0.98
