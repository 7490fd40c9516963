"""What training a net on prices lessens."""

from typing import Literal

import torch
from torch import Tensor, nn

from kindling.errors import UserError

Loss = Literal["l1", "huber", "mse"]


class QuantileLoss(nn.Module):
    """Mean size of the error, too low counting ``quantile / (1 - quantile)`` times as much.

    It is least where the share ``quantile`` of targets lies below the estimate. At 0.5, the median,
    it is the mean absolute error; elsewhere it is twice what is called pinball loss. The relative
    error is least somewhat below the median, since too low an estimate errs by 100 % at most.

    Args:
        quantile: Between 0 and 1.

    Shape:
        Estimates and targets ``(B,)`` to a scalar.

    References:
        Koenker and Bassett, Regression Quantiles, 1978, doi:10.2307/1913643
    """

    def __init__(self, quantile: float) -> None:
        super().__init__()
        self.quantile = quantile

    def forward(self, estimate: Tensor, target: Tensor) -> Tensor:
        gap = target - estimate
        return 2 * torch.maximum(self.quantile * gap, (self.quantile - 1) * gap).mean()


def make_loss(kind: Loss, quantile: float) -> nn.Module:
    """The loss of that name.

    Raises:
        UserError: There is no such quantile, or the loss does not aim at one.
    """
    if not 0 < quantile < 1:
        raise UserError(f"model.quantile={quantile}: must be between 0 and 1")
    if kind == "l1":
        return QuantileLoss(quantile)
    if quantile != 0.5:
        raise UserError(f"model.quantile={quantile}: only model.loss=l1 aims at one, not {kind}")
    return nn.HuberLoss() if kind == "huber" else nn.MSELoss()
