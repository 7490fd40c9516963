"""Scores with intervals, and what they are worth beside a baseline."""

from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from kindling.data.targets import target_mask

LEVEL = 0.95
RESAMPLES = 400
BUDGET = 50_000_000
"""Samples that all resamples together may draw: large splits need fewer for the same interval."""


class Interval(TypedDict):
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float


def score(
    metrics: MetricCollection, prediction: Tensor, target: Tensor, block: int = 1, seed: int = 0
) -> dict[str, Interval]:
    """Score the predictions that are not NaN where the target is known, by the name of the metric.

    Intervals are percentiles of a bootstrap. Where neighbouring samples depend on one another, as
    steps of a series do, whole blocks of neighbours are drawn, so that the interval does not
    pretend to more information than there is.

    References:
        Künsch, The Jackknife and the Bootstrap for General Stationary Observations, 1989,
        Annals of Statistics 17(3)
    """
    there = target_mask(target) & ~torch.isnan(prediction.reshape(len(prediction), -1)).any(1)
    prediction, target = prediction[there], target[there]
    size = len(target)
    if size == 0:
        return {}
    whole = _values(metrics, prediction, target)
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(int(np.clip(BUDGET // size, 50, RESAMPLES))):
        # As many samples as there are, in blocks that wrap around at the end.
        starts = generator.integers(0, size, (-(-size // block), 1))
        index = torch.from_numpy((starts + np.arange(block)).ravel()[:size] % size)
        draws.append(_values(metrics, prediction[index], target[index]))
    return {name: _interval(whole[name], [draw[name] for draw in draws]) for name in whole}


def skill(metric: nn.Module, model: float, baseline: float) -> float:
    """Share of what the baseline leaves to be gained: 0 is the baseline, 1 is perfect."""
    if metric.higher_is_better:
        return (model - baseline) / (1 - baseline) if baseline != 1 else 0.0
    return 1 - model / baseline if baseline != 0 else 0.0


def _values(metrics: MetricCollection, prediction: Tensor, target: Tensor) -> dict[str, float]:
    metrics.reset()
    metrics.update(prediction, target)
    return {name: float(value) for name, value in metrics.compute().items()}


def _interval(value: float, draws: list[float]) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}
