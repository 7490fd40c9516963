"""Normalization that belongs to the model, so that a checkpoint predicts from raw measurements.

N: rows, F: features.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from kindling.errors import UserError


class Normalize(nn.Module):
    """Fills in missing values with the centre of their feature, then centres and scales.

    ``standard`` takes mean and deviation, ``robust`` median and inter-quartile range, both from
    the rows given to :meth:`fit`. Until then the statistics are NaN and so is every output.

    Args:
        indicators: Append a column per feature that is 1 where its value is missing. It stays 0
            for a feature that was never missing in the training rows, since nothing can be
            learned about it there.

    Shape:
        ``(..., F)`` with NaN where missing, to ``(..., F)`` or, with indicators, ``(..., 2F)``.
    """

    center: Tensor
    scale: Tensor
    indicated: Tensor

    def __init__(
        self,
        features: int,
        method: Literal["standard", "robust"] = "standard",
        indicators: bool = False,
    ) -> None:
        super().__init__()
        self.features, self.method, self.indicators = features, method, indicators
        self.out_features = (1 + indicators) * features
        for name in ("center", "scale", "indicated"):
            self.register_buffer(name, torch.full((features,), torch.nan))

    def fit(self, values: Tensor, names: Sequence[str] | None = None) -> None:
        """Take the statistics of the training rows ``(N, F)``.

        Raises:
            UserError: A feature has no value in any row; ``names`` are what it is called.
        """
        rows = values.detach().cpu().double().numpy()
        if rows.shape[1:] != (self.features,):
            raise ValueError(f"expected (N, {self.features}) values, got {rows.shape}")
        for index in np.flatnonzero(np.isnan(rows).all(axis=0)).tolist():
            name = repr(names[index]) if names else f"number {index + 1}"
            raise UserError(f"feature {name} has no value in the training rows: leave it out")
        scale = np.nanstd(rows, axis=0)
        if self.method == "standard":
            center = np.nanmean(rows, axis=0)
        else:
            low, center, high = np.nanquantile(rows, (0.25, 0.5, 0.75), axis=0)
            # If most values are equal, the range is 0 although others differ.
            scale = np.where(high > low, high - low, scale)
        varies = np.nanmax(rows, axis=0) > np.nanmin(rows, axis=0)
        self.center.copy_(torch.from_numpy(center))
        self.scale.copy_(torch.from_numpy(np.where(varies, scale, 1.0)))
        self.indicated.copy_(torch.from_numpy(np.isnan(rows).any(axis=0)))

    def forward(self, values: Tensor) -> Tensor:
        missing = values.isnan()
        normal = (torch.where(missing, self.center, values) - self.center) / self.scale
        return torch.cat((normal, missing * self.indicated), -1) if self.indicators else normal


class Logarithms(nn.Module):
    """Takes the logarithm of features that it makes less skewed, such as areas and incomes.

    Such a feature is above 0 in all rows given to :meth:`fit`; what is below its least value there
    counts as that. Until then no feature is changed.

    Shape:
        ``(..., F)`` with NaN where missing, to the same.
    """

    least: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("least", torch.zeros(features))  # 0 for unchanged features

    def fit(self, values: Tensor) -> None:
        """Choose the features by the training rows ``(N, F)``."""
        rows = values.detach().cpu().double()
        least = torch.where(rows.isnan(), torch.inf, rows).amin(0)
        logarithms = torch.where(least > 0, rows, torch.nan).log()
        better = _skew(logarithms).abs() < _skew(rows).abs()
        self.least.copy_(torch.where(better, least, 0))

    def forward(self, values: Tensor) -> Tensor:
        chosen = self.least > 0
        # 1 for the others, so that no gradient is of a logarithm of 0.
        positive = torch.where(chosen, values.clamp(min=self.least), 1)
        return torch.where(chosen, positive.log(), values)


def _skew(rows: Tensor) -> Tensor:
    """The third moment of each feature, ``(N, F)`` to ``(F,)``; NaN where it has no spread."""
    gaps = rows - rows.nanmean(0)
    return gaps.pow(3).nanmean(0) / gaps.square().nanmean(0).pow(1.5)
