"""The middle of the relative errors, which a few wild ones do not move.

B: batch.
"""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

SMALLEST = 1.17e-06
"""Truths nearer to 0 count as this far from it, as in torchmetrics' mean of the same errors."""


class MedianAbsolutePercentageError(Metric):
    """Median of ``|prediction - target| / |target|``, as a share: 0.2 is 20 %.

    Shape:
        ``(B,)`` and ``(B,)``.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    errors: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("errors", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep the relative errors of a batch."""
        self.errors.append((prediction - target).abs() / target.abs().clamp(min=SMALLEST))

    def compute(self) -> Tensor:
        """The middle error, or the mean of the two in the middle."""
        errors = torch.sort(dim_zero_cat(self.errors)).values
        size = len(errors)
        return (errors[(size - 1) // 2] + errors[size // 2]) / 2
