"""Intervals are Student's, paired, and one metric has one name."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from numpy.typing import NDArray

from kindling.tools.compare.report import compared, one_name

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


def test_one_metric_has_one_name_whatever_the_heads() -> None:
    table = pd.DataFrame({"age/mae": [1.0, np.nan], "mae": [np.nan, 2.0], "r2": [0.1, 0.2]})
    assert one_name(table.copy()).to_dict("list") == {"age/mae": [1.0, 2.0], "r2": [0.1, 0.2]}
    several = table.assign(**{"both/mae": 3.0})
    assert list(one_name(several.copy())) == list(several), "which of the two is not known"
