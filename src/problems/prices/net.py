"""A branch for photos and one for the table, merged and read out to one number; loss and metric.

B: batch, V: photos of a row, F: numbers, C: categories, H: height, W: width.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from kindling.errors import UserError
from kindling.images import ConvBlocks, ImageSize, Pixels
from kindling.images.frozen import FrozenFeatures
from kindling.tables.layers import MLP, TableNet

Merge = Literal["average", "concatenate"]
Loss = Literal["l1", "huber", "mse"]

BEYOND = 2.0
"""Deviations beyond the training prices that a prediction may go."""

SMALLEST = 1.17e-06
"""Targets nearer to 0 count as this far from it, as in torchmetrics' mean of the same errors."""


class PhotoBranch(nn.Module):
    """Convolutional blocks that all photos of a row share, then each channel's mean.

    Args:
        views: Photos of a row, V.
        image_size: Pixels on a side.
        channels: Of each block.
        merge: Average the photos' features, or keep each photo's own.

    Shape:
        ``(B, V, 3, H, W)`` uint8 to ``(B, width)``.
    """

    def __init__(
        self, views: int, image_size: ImageSize, channels: Sequence[int], merge: Merge
    ) -> None:
        super().__init__()
        self.merge, self.pixels = merge, Pixels()
        self.blocks = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)
        self.width = channels[-1] * (views if merge == "concatenate" else 1)

    def forward(self, photos: Tensor) -> Tensor:
        means: Tensor = self.blocks(self.pixels(photos.flatten(0, 1))).mean((2, 3))
        features = means.reshape(*photos.shape[:2], -1)  # (B, V, channels)
        return features.mean(1) if self.merge == "average" else features.flatten(1)


class PricesNet(nn.Module):
    """Photos, numbers and categories to one number; a branch without input is left out.

    Learned features of the photos stand beside the table's features. The few components of a
    frozen net's are numbers like the table's, and go through its layers.

    Shape:
        Features of the photos ``(B, width)``, numbers ``(B, F)`` and codes ``(B, C)`` int64 to
        ``(B,)``.
    """

    def __init__(
        self, photos: PhotoBranch | FrozenFeatures | None, features: int,
        vocabularies: Sequence[int], embedding: int, hidden: Sequence[int], readout: int,
        dropout: float, hide: float,
    ) -> None:  # fmt: skip
        super().__init__()
        self.photos, self.table = photos, None
        width = photos.width if photos is not None else 0
        inside = width if isinstance(photos, FrozenFeatures) else 0
        if features or vocabularies:
            inputs = features + inside
            self.table = TableNet(inputs, vocabularies, embedding, hidden, 0, dropout, hide)
            width += self.table.width - inside
        self.readout = MLP(width, [readout], 1, dropout)

    def encode(self, photos: Tensor) -> Tensor:
        """Features of the photos, ``(B, V, 3, H, W)`` uint8 to ``(B, width)``."""
        if self.photos is None:
            kind = next(self.readout.parameters()).dtype
            return photos.new_zeros(photos.shape[0], 0, dtype=kind)
        return self.photos(photos)  # type: ignore[no-any-return]

    def forward(self, features: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        if self.table is None:
            inputs = features
        elif isinstance(self.photos, FrozenFeatures):
            inputs = self.table(torch.cat([numbers, features], 1), codes)
        else:
            inputs = torch.cat([features, self.table(numbers, codes)], 1)
        return self.readout(inputs).squeeze(-1)  # type: ignore[no-any-return]


class PriceScale(nn.Module):
    """Prices, or their logarithms, in deviations from the mean of the training prices.

    Shape:
        Prices ``(B,)`` to the same.
    """

    center: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    median: Tensor

    def __init__(self, log: bool) -> None:
        super().__init__()
        self.log = log
        for name in ("center", "scale", "low", "high", "median"):
            self.register_buffer(name, torch.full((), torch.nan))

    def fit(self, price: Tensor) -> None:
        price = price.double()
        value = price.log() if self.log else price
        scale = value.std(correction=0)
        scale = scale if scale > 0 else torch.ones_like(scale)
        self.center.copy_(value.mean())
        self.scale.copy_(scale)
        self.low.copy_(value.min() - BEYOND * scale)
        self.high.copy_(value.max() + BEYOND * scale)
        self.median.copy_(price.quantile(0.5))

    def forward(self, price: Tensor) -> Tensor:
        return ((price.log() if self.log else price) - self.center) / self.scale

    def price(self, value: Tensor) -> Tensor:
        """The price of a standardized value, clamped: an exponential would overflow."""
        value = torch.clamp(self.center + self.scale * value, self.low, self.high)
        return value.exp() if self.log else value


class QuantileLoss(nn.Module):
    """Mean size of the error, too low counting ``quantile / (1 - quantile)`` times as much.

    It is least where the share ``quantile`` of targets lies below the estimate. At 0.5, the median,
    it is the mean absolute error; elsewhere it is twice what is called pinball loss. The relative
    error is least somewhat below the median, since too low an estimate errs by 100 % at most.

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
    """The loss of that name; a UserError if there is no such quantile, or it aims at none."""
    if not 0 < quantile < 1:
        raise UserError(f"model.quantile={quantile}: must be between 0 and 1")
    if kind == "l1":
        return QuantileLoss(quantile)
    if quantile != 0.5:
        raise UserError(f"model.quantile={quantile}: only model.loss=l1 aims at one, not {kind}")
    return nn.HuberLoss() if kind == "huber" else nn.MSELoss()


class MedianAbsolutePercentageError(Metric):
    """Median of ``|prediction - target| / |target|``, which a few wild errors do not move."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    errors: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("errors", default=[], dist_reduce_fx="cat")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Keep the relative errors of a batch, ``(B,)`` each."""
        self.errors.append((prediction - target).abs() / target.abs().clamp(min=SMALLEST))

    def compute(self) -> Tensor:
        """The middle error, or the mean of the two in the middle."""
        errors = torch.sort(dim_zero_cat(self.errors)).values
        size = len(errors)
        return (errors[(size - 1) // 2] + errors[size // 2]) / 2
