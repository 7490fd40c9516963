"""Scores that are defined for any split, even with few rows or without some classes."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class MeanScore(Metric):
    """A sum divided by another; the first grows with the errors."""

    higher_is_better: bool | None = False
    full_state_update = False
    total: Tensor
    weight: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("total", "weight"):
            self.add_state(name, torch.zeros(()), dist_reduce_fx="sum")

    def count(self, values: Tensor, weights: Tensor | None = None) -> None:
        """Add values, which count alike unless they have weights."""
        self.total += values.sum()
        self.weight += len(values) if weights is None else weights.sum()

    def compute(self) -> Tensor:
        return self.total / self.weight


class LogLoss(MeanScore):
    """Mean negative logarithm of the probability of the true class.

    Shape:
        Probabilities ``(B, K)`` and class indices ``(B,)``.
    """

    is_differentiable = True

    def update(self, prediction: Tensor, target: Tensor) -> None:
        true = prediction.gather(1, target[:, None]).clamp(min=torch.finfo(torch.float32).tiny)
        self.count(-true[:, 0].log())


class WholeSplitScore(Metric):
    """A score of all samples at once, which are kept until it is computed."""

    full_state_update = False
    predicted: list[Tensor]
    true: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("predicted", "true"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        self.predicted.append(prediction)
        self.true.append(target)

    def samples(self) -> tuple[Tensor, Tensor]:
        """Predictions and targets of all samples."""
        return dim_zero_cat(self.predicted), dim_zero_cat(self.true)


class R2(WholeSplitScore):
    """Share of the target's variance that the predictions explain; 0 if it has none.

    Shape:
        Predictions and targets ``(B,)``.
    """

    is_differentiable, higher_is_better = True, True

    def compute(self) -> Tensor:
        predicted, true = self.samples()
        variance = (true - true.mean()).square().mean()
        error = (predicted - true).square().mean()
        varies = true.min() < true.max()
        return torch.where(varies, 1 - error / torch.where(varies, variance, 1), 0)
