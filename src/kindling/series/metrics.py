"""Scores of forecasts beyond errors in the units of the series.

Q: quantiles.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torchmetrics import (
    MeanAbsoluteError,
    MeanSquaredError,
    MetricCollection,
    SymmetricMeanAbsolutePercentageError,
)

from kindling.errors import UserError
from kindling.tables.scores import MeanScore


class MeanAbsoluteScaledError(MeanScore):
    """Mean absolute error, in units of the seasonal naive forecast's error in training.

    References:
        Hyndman and Koehler, Another Look at Measures of Forecast Accuracy, 2006, International
        Journal of Forecasting 22(4)
    """

    def update(self, preds: Tensor, target: Tensor, unit: Tensor) -> None:
        scaled = (preds - target).abs() / unit
        self.count(scaled[scaled.isfinite()])


class WeightedQuantileLoss(MeanScore):
    """Twice the pinball loss, averaged over the quantiles, by the sum of absolute targets."""

    def __init__(self, levels: Sequence[float]) -> None:
        super().__init__()
        self.levels = tuple(levels)

    def update(self, preds: Tensor, target: Tensor, quantiles: Tensor) -> None:
        loss = pinball(quantiles, target.unsqueeze(-1), self.levels).mean(-1)
        self.count(2 * loss.flatten(), target.abs())


class Coverage(MeanScore):
    """Share of targets that lie in the interval between two of the quantiles."""

    higher_is_better: bool | None = None  # it should equal the nominal share

    def __init__(self, levels: Sequence[float], low: float) -> None:
        super().__init__()
        self.low, self.high, self.share = interval(levels, low)

    def update(self, preds: Tensor, target: Tensor, quantiles: Tensor) -> None:
        low, high = quantiles[..., self.low], quantiles[..., self.high]
        self.count(((low <= target) & (target <= high)).flatten().double())


class IntervalScore(Coverage):
    """Width of the interval plus a penalty for targets outside, larger for surer intervals.

    References:
        Gneiting and Raftery, Strictly Proper Scoring Rules, Prediction, and Estimation, 2007,
        Journal of the American Statistical Association 102(477)
    """

    higher_is_better = False

    def update(self, preds: Tensor, target: Tensor, quantiles: Tensor) -> None:
        low, high = quantiles[..., self.low], quantiles[..., self.high]
        outside = (low - target).clamp(min=0) + (target - high).clamp(min=0)
        self.count((high - low + 2 / (1 - self.share) * outside).flatten())


def pinball(quantiles: Tensor, target: Tensor, levels: Sequence[float]) -> Tensor:
    """The loss whose minimum is the quantile, ``(..., Q)`` of targets ``(..., 1)``.

    References:
        Koenker and Bassett, Regression Quantiles, 1978, Econometrica 46(1)
    """
    level = torch.tensor(levels, dtype=quantiles.dtype, device=quantiles.device)
    error = target - quantiles
    return torch.maximum(level * error, (level - 1) * error)


def interval(levels: Sequence[float], low: float) -> tuple[int, int, float]:
    """The positions of a central interval's ends among the levels, and its share."""
    high = next(k for k, level in enumerate(levels) if abs(level - (1 - low)) < 1e-9)
    return list(levels).index(low), high, 1 - 2 * low


def forecast_metrics(extended: bool, quantiles: Sequence[float] = ()) -> MetricCollection:
    """MSE, RMSE and MAE; MASE and sMAPE of more than one value a step ahead; and of quantiles.

    Args:
        extended: Whether more than one value a step ahead is forecast.
        quantiles: Which are forecast.
    """
    found: dict[str, Any] = {
        "mse": MeanSquaredError(),
        "rmse": MeanSquaredError(squared=False),
        "mae": MeanAbsoluteError(),
    }
    if extended:
        found |= {
            "mase": MeanAbsoluteScaledError(),
            "smape": SymmetricMeanAbsolutePercentageError(),
        }
    if quantiles:
        found["wql"] = WeightedQuantileLoss(quantiles)
    for low in quantiles:
        if low < 0.5 and any(abs(high - (1 - low)) < 1e-9 for high in quantiles):
            share = f"{100 * (1 - 2 * low):g}"
            found[f"coverage_{share}"] = Coverage(quantiles, low)
            found[f"interval_score_{share}"] = IntervalScore(quantiles, low)
    # torchmetrics would merge metrics whose sums are equal at first, such as two coverages.
    return MetricCollection(found, compute_groups=len(found) == 3)


def check_quantiles(quantiles: Sequence[float]) -> tuple[float, ...]:
    """Rising numbers between 0 and 1, the median among them; or none."""
    rising = all(a < b for a, b in pairwise(quantiles))
    if quantiles and not (rising and quantiles[0] > 0 and quantiles[-1] < 1 and 0.5 in quantiles):
        fault = f"model.quantiles={list(quantiles)}: must rise between 0 and 1, with 0.5 among them"
        raise UserError(f"{fault}, such as [0.1,0.5,0.9]")
    return tuple(quantiles)
