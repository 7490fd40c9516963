"""Scores with intervals, and what they are worth beside a baseline."""

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
"""Groups of samples, at most, that are drawn where a sample has many targets."""

BUDGET = 50_000_000
"""Samples that all resamples together may draw: large splits need fewer for the same interval."""


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
    """Score the predictions that are not NaN where the target is known, by the name of the metric.

    Intervals are percentiles of a bootstrap. Where neighbouring samples depend on one another, as
    steps of a series do, whole blocks of neighbours are drawn, so that the interval does not
    pretend to more information than there is. Of several targets a sample, all are drawn together.

    References:
        Künsch, The Jackknife and the Bootstrap for General Stationary Observations, 1989,
        Annals of Statistics 17(3)
    """
    head = metrics if isinstance(metrics, Head) else Head(metrics)
    there = _there(prediction, target)
    rows = there.reshape(len(there), -1).any(1)
    prediction, target, unit = prediction[rows], target[rows], None if unit is None else unit[rows]
    size, scored = len(target), int(there.sum())
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
    """The metrics of what can be scored; none where nothing can."""
    there = _there(prediction, target)
    head.metrics.reset()
    update(head, head.metrics, prediction, target, unit, None if there.all() else there)
    found = head.metrics.compute().items() if there.any() else ()
    return {name: float(value) for name, value in found}


class _Sums:
    """Metrics of groups of neighbouring samples, whose states add up to those of all.

    Samples of many targets each are drawn so in a fraction of the time.
    """

    def __init__(self, head: Head, prediction: Tensor, target: Tensor, unit: Tensor | None) -> None:
        self.head, self.each = head, -(-len(target) // GROUPS)
        self.metrics = {str(k): metric for k, metric in head.metrics.items(keep_base=True)}
        for metric in self.metrics.values():
            metric.compute_with_cache = False  # or it would not see other states
        states: list[dict[str, dict[str, Any]]] = []
        for start in range(0, len(target), self.each):
            part = slice(start, start + self.each)
            values(head, prediction[part], target[part], None if unit is None else unit[part])
            states.append({k: dict(m.metric_state) for k, m in self.metrics.items()})
        self.size, self.states = len(states), states

    def __len__(self) -> int:
        return self.size

    def add_up_to(self, whole: Mapping[str, float]) -> bool:
        """Whether these are metrics of sums, such as means; and not of a list of all."""
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


def _there(prediction: Tensor, target: Tensor) -> Tensor:
    """Where there is a target, and a prediction that is not NaN."""
    # Of the prediction's dimensions, those beyond the target's are classes or quantiles.
    parts = prediction.reshape(*target.shape, prediction.numel() // max(1, target.numel()))
    return target_mask(target) & ~torch.isnan(parts).any(-1)


def skill(metric: nn.Module, model: float, baseline: float) -> float:
    """Share of what the baseline leaves to be gained: 0 is the baseline, 1 is perfect."""
    if metric.higher_is_better:
        return (model - baseline) / (1 - baseline) if baseline != 1 else 0.0
    return 1 - model / baseline if baseline != 0 else 0.0


def _interval(value: float, draws: list[float]) -> Interval:
    tail = (1 - LEVEL) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return {"value": value, "low": float(low), "high": float(high)}
