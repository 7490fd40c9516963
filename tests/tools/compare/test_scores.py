"""Intervals cover the truth as often as they say, and scores are over runs that belong together."""

import csv
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from kindling.errors import UserError
from kindling.tools.compare.scores import Comparison, Variant, aliases, mean_interval

Make = Any
LSTM = {0: 0.5, 1: 0.6, 2: 0.55}
GRU = {0: 0.4, 1: 0.52, 2: 0.43, 3: 9.0}


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [0.1, 0.4], [0.0] * 4 + [1.0], [2.0, 2.0]])
def test_the_interval_is_that_of_the_t_test(values: list[float]) -> None:
    mean, low, high = mean_interval(values)
    assert mean == pytest.approx(np.mean(values))
    if low < high:
        ends = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
        assert (low, high) == pytest.approx((ends.low, ends.high))
    else:
        assert set(values) == {low}, "no spread, no width"


def test_by_the_tables_of_any_textbook() -> None:
    reach = 4.302653 / math.sqrt(3)
    assert mean_interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 2.0 - reach, 2.0 + reach))
    wider = reach * math.sqrt(3) * math.sqrt(1 / 3 + 0.25)
    assert mean_interval([1.0, 2.0, 3.0], 0.25)[2] == pytest.approx(2.0 + wider)


def test_one_run_has_no_interval() -> None:
    assert mean_interval([1.0]) == pytest.approx((1.0, math.nan, math.nan), nan_ok=True)
    assert all(map(math.isnan, mean_interval([])))


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_difference_of_two_variants_is_covered_95_times_of_100(seeds: int) -> None:
    """Scores of two models on the same seeds, which make both of them better or worse."""
    rng = np.random.default_rng(seeds)
    truth, repeats = 0.02, 1000
    luck = rng.normal(0, 0.05, (repeats, seeds))
    first = 0.7 + luck + rng.normal(0, 0.01, (repeats, seeds))
    second = 0.7 + truth + luck + rng.normal(0, 0.015, (repeats, seeds))
    # Four standard errors of a share of 0.95 among so many.
    assert covered(second - first, truth) == pytest.approx(
        0.95, abs=4 * math.sqrt(0.95 * 0.05 / repeats)
    )


def covered(differences: NDArray[np.float64], truth: float, shared: float = 0.0) -> float:
    ends = [mean_interval(row.tolist(), shared) for row in differences]
    return float(np.mean([low <= truth <= high for _, low, high in ends]))


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
    assert covered(differences, truth) < 0.91
    assert 0.93 < covered(differences, truth, 1 / (folds - 1)) < 0.98


def test_scores_are_over_all_runs_and_differences_over_pairs(compared: Comparison) -> None:
    lstm, gru = (compared.scores["mse", name] for name in ("lstm", "gru"))
    assert lstm["mean"] == pytest.approx(statistics.mean(LSTM.values()))
    assert lstm["deviation"] == pytest.approx(statistics.stdev(LSTM.values()))
    assert math.isnan(lstm["difference"])
    assert gru["runs"] == 4
    paired = mean_interval([GRU[seed] - LSTM[seed] for seed in LSTM])
    assert [gru[name] for name in ("difference", "low", "high")] == pytest.approx(paired)
    assert compared.scores["mse", "last value"]["mean"] == 1.0


def test_folds_share_samples(make: Make) -> None:
    runs = {c: [make(f"{c}{k}", {"mse": k + (c == "b")}, fold=k) for k in (0, 1)] for c in "ab"}
    runs["b"][1] = make("b2", {"mse": 4.0}, fold=1)
    variants = [Variant(name, records) for name, records in runs.items()]
    ends = Comparison(variants, "fold").scores["mse", "b"]
    assert (ends["low"], ends["high"]) == pytest.approx(mean_interval([1.0, 3.0], 20 / 80)[1:])


def test_a_single_variant_differs_from_what_it_has_to_beat(make: Make) -> None:
    runs = [make(f"{seed}", {"mse": 0.5 + seed}, seed=seed) for seed in (0, 1)]
    alone = Comparison([Variant("default", runs)])
    assert alone.names == ["last value", "default"]
    assert alone.scores["mse", "default"]["difference"] == pytest.approx(0.0)


def test_one_metric_has_one_name_whatever_the_heads(make: Make) -> None:
    names = {"identity/accuracy", "age/mae", "age/rmse", "accuracy", "mae", "r2"}
    assert aliases(names) == {"accuracy": "identity/accuracy", "mae": "age/mae"}
    assert aliases({"a/mae", "b/mae", "mae"}) == {}, "which of the two is not known"
    both, age = make("both", {"age/mae": 1.0}), make("age", {"mae": 2.0})
    found = Comparison([Variant("both", [both]), Variant("age", [age])])
    assert found.metrics == ["age/mae"]
    assert found.scores["age/mae", "age"]["mean"] == 2.0


def test_runs_that_cannot_be_one_variant(make: Make) -> None:
    same = [make("version_0", {"mse": 1.0}), make("version_1", {"mse": 2.0})]
    with pytest.raises(UserError, match="two runs have the same seed"):
        Variant("lstm", same)
    other = [make("version_2", {"mse": 1.0}), make("version_3", {"mse": 2.0}, seed=1, sha256="e")]
    with pytest.raises(UserError, match="the data have changed between these runs"):
        Variant("lstm", other)


def test_files_hold_every_digit(compared: Comparison, tmp_path: Path) -> None:
    compared.by_score().to_csv(tmp_path / "scores.csv", index=False)
    compared.by_run().to_csv(tmp_path / "runs.csv", index=False)
    with (tmp_path / "scores.csv").open() as stream:
        rows = {row["variant"]: row for row in csv.DictReader(stream)}
    assert list(rows["gru"]) == [
        *("variant", "metric", "runs", "mean", "deviation", "minus", "difference", "low", "high")
    ]
    assert float(rows["gru"]["difference"]) == pytest.approx(-0.1)
    assert float(rows["gru"]["low"]) < float(rows["gru"]["high"]) < 0
    assert rows["lstm"]["difference"] == ""
    with (tmp_path / "runs.csv").open() as stream:
        runs = list(csv.DictReader(stream))
    assert len(runs) == 7
    assert [row["seed"] for row in runs if row["variant"] == "gru"] == ["0", "1", "2", "3"]
    assert all(Path(row["run"]).is_dir() for row in runs)
