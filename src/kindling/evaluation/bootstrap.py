"""Scores with bootstrap intervals, and skill against a baseline."""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from kindling.data.targets import target_mask
from kindling.training.metrics import Head, update

LEVEL = 0.95
RESAMPLES = 400
GROUPS = 250
"""Groups of samples that are drawn, at most, where a sample has many targets."""

BUDGET = 50_000_000
"""Samples that all resamples may draw together: a large split needs fewer resamples."""


class Interval(TypedDict):
    """A score and its 95 % interval."""

    value: float
    low: float
    high: float


def score(
    metrics: MetricCollection | Head,
    prediction: Tensor,
    target: Tensor,
    block: int = 1,
    seed: int = 0,
    unit: Tensor | None = None,
) -> dict[str, Interval]:
    """Scores by metric, of predictions that are not NaN and have a target.

    Intervals are percentiles of a bootstrap. Where neighbouring samples depend on one another, as
    steps of a series do, whole blocks of them are drawn, or the interval would be too narrow. All
    targets of a sample are drawn together.

    References:
        Künsch, The Jackknife and the Bootstrap for General Stationary Observations, 1989,
        Annals of Statistics 17(3)
    """
    head = metrics if isinstance(metrics, Head) else Head(metrics)
    mask = _scored(prediction, target)
    rows = mask.reshape(len(mask), -1).any(1)
    prediction, target, unit = prediction[rows], target[rows], None if unit is None else unit[rows]
    size, scored = len(target), int(mask.sum())
    if size == 0:
        return {}
    whole = values(head, prediction, target, unit)
    several = target.ndim > 1 and not head.multilabel
    sums = _Sums(head, prediction, target, unit) if several else None
    if sums is not None and sums.add_up_to(whole):
        draw, block, size, scored = sums.values, -(-block // sums.each), len(sums), len(sums)
    else:
        parts = (prediction, target, *([] if unit is None else [unit]))
        draw = lambda index: values(head, *(part[index] for part in parts))  # noqa: E731
    generator = np.random.default_rng(seed)
    draws = []
    for _ in range(int(np.clip(BUDGET // scored, 50, RESAMPLES))):
        # As many samples as there are, in blocks that wrap around at the end.
        starts = generator.integers(0, size, (-(-size // block), 1))
        index = torch.from_numpy((starts + np.arange(block)).ravel()[:size] % size)
        draws.append(draw(index))
    return {name: _interval(whole[name], [draw[name] for draw in draws]) for name in whole}


def values(
    head: Head, prediction: Tensor, target: Tensor, unit: Tensor | None = None
) -> dict[str, float]:
    """The metrics without intervals; none where no prediction can be scored."""
    mask = _scored(prediction, target)
    head.metrics.reset()
    update(head, head.metrics, prediction, target, unit, None if mask.all() else mask)
    found = head.metrics.compute().items() if mask.any() else ()
    return {name: float(value) for name, value in found}


class _Sums:
    """States of metrics of groups of neighbouring samples, which add up to those of all.

    To draw groups takes a fraction of the time where samples have many targets each.
    """

    def __init__(self, head: Head, prediction: Tensor, target: Tensor, unit: Tensor | None) -> None:
        self.head, self.each = head, -(-len(target) // GROUPS)
        self.metrics = {str(k): metric for k, metric in head.metrics.items(keep_base=True)}
        for metric in self.metrics.values():
            metric.compute_with_cache = False  # or it would ignore changed states
        states: list[dict[str, dict[str, Any]]] = []
        for start in range(0, len(target), self.each):
            part = slice(start, start + self.each)
            values(head, prediction[part], target[part], None if unit is None else unit[part])
            states.append({k: dict(m.metric_state) for k, m in self.metrics.items()})
        self.size, self.states = len(states), states

    def __len__(self) -> int:
        return self.size

    def add_up_to(self, whole: Mapping[str, float]) -> bool:
        """Whether the metrics' states are sums, and not lists of all samples."""
        tensors = all(isinstance(s, Tensor) for m in self.states[0].values() for s in m.values())
        if not tensors:
            return False
        self.sums = {
            name: {k: torch.stack([of[name][k] for of in self.states]) for k in first}
            for name, first in self.states[0].items()
        }
        found = self.values(torch.arange(len(self)))
        return all(np.isclose(found[name], value, rtol=1e-3) for name, value in whole.items())

    def values(self, index: Tensor) -> dict[str, float]:
        """The metrics of these groups together."""
        for name, metric in self.metrics.items():
            for state, sums in self.sums[name].items():
                setattr(metric, state, sums[index].sum(0))
        return {name: float(value) for name, value in self.head.metrics.compute().items()}


def _scored(prediction: Tensor, target: Tensor) -> Tensor:
    """The mask of targets that exist and have a prediction that is not NaN."""
    # Dimensions of the prediction beyond the target's are classes or quantiles.
    parts = prediction.reshape(*target.shape, prediction.numel() // max(1, target.numel()))
    return target_mask(target) & ~torch.isnan(parts).any(-1)


def skill(metric: nn.Module, model: float, baseline: float) -> float:
    """The improvement on the baseline: 0 is the baseline, 1 is perfect."""
    if metric.higher_is_better:
        return (model - baseline) / (1 - baseline) if baseline != 1 else 0.0
    return 1 - model / baseline if baseline != 0 else 0.0


def _interval(value: float, draws: list[float]) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}
