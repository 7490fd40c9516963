"""Scores of an epoch: losses and metrics by head, exact over all its batches.

B: batch, H: heads, C: classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from kindling.data.targets import target_mask

Heads = dict[str, Tensor]

PENDING = 64
"""Batches whose metrics are updated in one call, which costs hardly more than for one batch, and
for one batch about as much as a small net's whole step."""

MANY_CLASSES = 30
"""Classes above which predictions list the likeliest, and figures the most confused."""


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Args:
        metrics: Of predictions and targets as a step returns them.
        classes: Names, where predictions are probabilities: ``(B, C)``, or ``(B,)`` of the second
            of two classes. Targets are indices of this list.
        per_class: Metrics that yield ``(C,)``, reported by the name of the class.
        optional: Whether samples may lack the target, or some of several; those are not scored.
        quantiles: The quantiles that are predicted, ``(..., Q)``, with the median. Metrics get the
            median, and all of them as ``quantiles``.
        likeliest: How many classes predictions.csv lists; 0 is a column for each class.
        multilabel: Whether a sample has any number of the classes: targets are ``(B, C)``, 0 or 1.
    """

    metrics: MetricCollection
    classes: Sequence[str] = ()
    per_class: MetricCollection | None = None
    optional: bool = False
    quantiles: Sequence[float] = ()
    likeliest: int = 0
    multilabel: bool = False

    def point(self, prediction: Tensor) -> Tensor:
        """The prediction, or the median of several quantiles."""
        return prediction[..., self.quantiles.index(0.5)] if self.quantiles else prediction


class StepOutput(NamedTuple):
    """What a step returns: predictions and targets by head, as the metrics take them.

    ``losses`` are those of several heads: means over the samples that have the head's target, 0 if
    none has. Metrics with an argument ``unit`` divide errors by ``units`` ``(B,)`` of their head.
    """

    loss: Tensor
    predictions: Heads
    targets: Heads
    losses: Heads = {}
    units: Heads = {}


class EpochMetrics(nn.Module):
    """Losses and metrics of one stage."""

    def __init__(self, heads: Mapping[str, Head]) -> None:
        super().__init__()
        self.heads = heads
        self.metrics = nn.ModuleDict({name: head.metrics.clone() for name, head in heads.items()})
        for metric in self.modules():
            if isinstance(metric, Metric):
                # Targets were checked when they were read; another check would make a GPU wait.
                metric.validate_args = False
        self._pending: list[StepOutput] = []
        self._losses: list[Tensor] = []

    def update(self, step: StepOutput) -> None:
        """Add a batch."""
        loss, predictions, targets, losses, units = step
        predictions = {head: value.detach() for head, value in predictions.items()}
        losses = {head: value.detach() for head, value in losses.items()}
        self._pending.append(StepOutput(loss.detach(), predictions, targets, losses, units))
        if len(self._pending) >= PENDING:
            self._update()

    def compute(self, strategy: Strategy) -> dict[str, Tensor]:
        """Scores over all batches and processes: ``loss``, ``age/loss``, ``age/mae``; then reset.

        A head without any target is left out; without a batch, there are no scores.
        """
        self._update()
        if not self._losses:
            return {}
        # Summed only here: sums of parts would depend on where a resume split the epoch.
        total = strategy.reduce(torch.cat(self._losses).sum(0), reduce_op="sum")
        self._losses.clear()
        names = ["loss", *(f"{head}/loss" for head in self.heads)]
        means = zip(names, total.unbind(), strict=False)
        values = {name: loss / samples for name, (loss, samples) in means if samples > 0}
        for head, metrics in self._collections():
            if self._has_targets(head, metrics, strategy):
                values |= {named(self.heads, head, k): v for k, v in metrics.compute().items()}
            metrics.reset()
        return values

    def state(self) -> dict[str, Any]:
        """The state of the epoch so far, for a checkpoint."""
        states: dict[str, dict[str, Any]] = {}
        for head, metrics in self._collections():
            items = [(str(k), metric) for k, metric in metrics.items(keep_base=True)]
            states[head] = {k: dict(m.metric_state) for k, m in items if m.update_called}
        pending = [list(step) for step in self._pending]
        return {"pending": pending, "losses": list(self._losses), "metrics": states}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state``."""
        self._pending = [StepOutput(*step) for step in state["pending"]]
        self._losses = list(state["losses"])
        for head, metrics in self._collections():
            for name, values in state["metrics"][head].items():
                for attribute, value in values.items():
                    setattr(metrics[name], attribute, value)

    def _collections(self) -> list[tuple[str, MetricCollection]]:
        return list(self.metrics.items())  # type: ignore[arg-type]

    def _update(self) -> None:
        steps = self._pending
        if not steps:
            return
        for head, metrics in self._collections():
            prediction = float32(torch.cat([step.predictions[head] for step in steps]))
            target = torch.cat([step.targets[head] for step in steps])
            units = [step.units[head] for step in steps if head in step.units]
            unit = torch.cat(units) if units else None
            mask = target_mask(target) if self.heads[head].optional else None
            update(self.heads[head], metrics, prediction, target, unit, mask)
        self._losses.append(_weighted_losses(steps))
        steps.clear()

    def _has_targets(self, head: str, metrics: MetricCollection, strategy: Strategy) -> bool:
        """Whether any process has a target of this head."""
        if not self.heads[head].optional:
            return True
        seen = any(metric.update_called for metric in metrics.values())
        number = torch.tensor(float(seen), device=strategy.root_device)
        return bool(strategy.reduce(number, reduce_op="sum") > 0)


def update(
    head: Head,
    metrics: MetricCollection,
    prediction: Tensor,
    target: Tensor,
    unit: Tensor | None = None,
    mask: Tensor | None = None,
) -> None:
    """Update a head's metrics by the predictions whose target is in ``mask``, by default by all."""
    kwargs: Heads = {}
    if unit is not None:
        kwargs["unit"] = unit.reshape(-1, *[1] * (target.ndim - 1)).expand_as(target)
    if mask is not None:
        prediction, target = prediction[mask], target[mask]
        kwargs = {name: value[mask] for name, value in kwargs.items()}
    if head.quantiles:
        kwargs["quantiles"] = prediction
    if len(target):
        metrics.update(head.point(prediction), target, **kwargs)


def named(heads: Mapping[str, Head], head: str, metric: str) -> str:
    """The name that logs and results use: ``mse``, or ``age/mae`` of several heads."""
    return f"{head}/{metric}" if len(heads) > 1 else metric


def detach_float32(heads: Heads) -> Heads:
    """Without gradients, and in single precision at least, for scores and files."""
    return {head: float32(value.detach()) for head, value in heads.items()}


def float32(value: Tensor) -> Tensor:
    """A floating-point tensor in single precision at least."""
    kind = torch.promote_types(value.dtype, torch.float32)
    return value.to(kind) if value.is_floating_point() else value


def _weighted_losses(steps: Sequence[StepOutput]) -> Tensor:
    """Each step's loss times its samples, and the samples: in all, then by head.

    Shape:
        ``(steps, 1 + H, 2)``.
    """
    size = torch.tensor([len(next(iter(step.targets.values()))) for step in steps])
    columns = [_weighted([step.loss for step in steps], size)]
    for head in steps[0].losses:
        size = torch.stack([target_mask(step.targets[head]).sum() for step in steps])
        columns.append(_weighted([step.losses[head] for step in steps], size))
    return torch.stack(columns, 1)


def _weighted(losses: list[Tensor], size: Tensor) -> Tensor:
    loss = float32(torch.stack(losses))
    weight = size.to(loss)
    return torch.stack([loss * weight, weight], 1)
