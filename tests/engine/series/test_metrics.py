"""What forecasts are scored by, beside sums written out in numpy."""

import numpy as np
import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy

from kindling.errors import UserError
from kindling.evaluation import bootstrap
from kindling.evaluation.bootstrap import score, values
from kindling.series.metrics import check_quantiles, forecast_metrics
from kindling.training.metrics import EpochMetrics, Head, StepOutput

LEVELS = (0.1, 0.25, 0.5, 0.9)


def test_metrics_are_what_their_formulas_say() -> None:
    rng = np.random.default_rng(0)
    target = rng.normal(10, 3, (50, 4))
    target[3, 2] = target[7, 0] = np.nan
    quantiles = np.sort(rng.normal(10, 3, (50, 4, len(LEVELS))), -1)
    unit = rng.uniform(1, 2, 50)
    head = Head(forecast_metrics(True, LEVELS), optional=True, quantiles=LEVELS)
    tensors = [torch.from_numpy(part) for part in (quantiles, target, unit)]
    found = values(head, *tensors)

    there = ~np.isnan(target)
    y, q = target[there], quantiles[there]
    error, scale = q[:, 2] - y, np.broadcast_to(unit[:, None], target.shape)[there]
    losses = [
        np.where(y > q[:, k], p * (y - q[:, k]), (1 - p) * (q[:, k] - y))
        for k, p in enumerate(LEVELS)
    ]
    low, high = q[:, 0], q[:, 3]
    outside = np.where(y < low, low - y, 0) + np.where(y > high, y - high, 0)
    expected = {
        "mse": np.mean(error**2),
        "rmse": np.sqrt(np.mean(error**2)),
        "mae": np.mean(np.abs(error)),
        "mase": np.mean(np.abs(error) / scale),
        "smape": np.mean(2 * np.abs(error) / (np.abs(y) + np.abs(q[:, 2]))),
        "wql": np.mean([2 * loss.sum() / np.abs(y).sum() for loss in losses]),
        "coverage_80": np.mean((low <= y) & (y <= high)),
        "interval_score_80": np.mean(high - low + 2 / 0.2 * outside),
    }
    assert found == pytest.approx(expected, rel=1e-5)
    metrics = EpochMetrics({"value": head})
    for part in zip(*(tensor.split(20) for tensor in tensors), strict=True):
        q, t, u = part
        metrics.update(StepOutput(torch.zeros(()), {"value": q}, {"value": t}, {}, {"value": u}))
    streamed = metrics.compute(SingleDeviceStrategy("cpu"))
    assert {name: float(streamed[name]) for name in expected} == pytest.approx(expected, rel=1e-5)


def test_intervals_of_many_steps_are_those_of_drawing_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Samples are drawn in groups, whose sums add up; of each head's metrics at once."""
    monkeypatch.setattr(bootstrap, "RESAMPLES", 400)
    rng = np.random.default_rng(0)
    target = torch.from_numpy(rng.normal(size=(500, 3)))
    error = torch.from_numpy(rng.normal(size=(500, 1)))  # shared by the steps of a sample
    found = score(
        Head(forecast_metrics(True), optional=True), target + error, target, unit=torch.ones(500)
    )
    draws = [error[rng.integers(0, 500, 500)].abs().mean() for _ in range(2000)]
    low, high = np.quantile(draws, [0.025, 0.975])
    mae = found["mae"]
    assert mae["value"] == pytest.approx(float(error.abs().mean()), rel=1e-6)
    assert mae["high"] - mae["low"] == pytest.approx(high - low, rel=0.25)


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.5, 0.1), (0.0, 0.5), (0.5, 0.5)])
def test_quantiles_rise_and_have_the_median(levels: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match=r"model.quantiles=.*with 0.5 among them"):
        check_quantiles(levels)
