"""Layers for windows of a series.

B: batch, T: time steps, F: inputs of a step, V: columns to forecast.
"""

import numpy as np
import torch
from torch import Tensor, nn

OUTERMOST = 0.002  # share of the training numbers below the first edge, and above the last
NARROWEST = 1e-6  # bin, in the numbers' own units


class PiecewiseLinear(nn.Module):
    """How far a number has come through each of its bins, from 0 to 1.

    The bins' edges are quantiles of the training numbers, so that there are as many in each bin. A
    linear layer on top is any function that is linear within the bins, and constant beyond what
    training has seen.

    Args:
        bins: Bins, which all features share.

    Shape:
        ``(..., F)`` to ``(..., F * bins)``.

    References:
        Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning, 2022,
        arXiv:2203.05556
    """

    edges: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.register_buffer("edges", torch.linspace(0, 1, bins + 1))

    def fit(self, values: Tensor) -> None:
        """Take the edges from training numbers of any shape, but for the outermost of them."""
        shares = np.linspace(OUTERMOST, 1 - OUTERMOST, len(self.edges))
        edges = np.quantile(values.detach().cpu().double().numpy(), shares)
        self.edges.copy_(torch.from_numpy(edges))

    def forward(self, values: Tensor) -> Tensor:
        low, width = self.edges[:-1], self.edges.diff()
        # Where a number is so common that a bin has no width, it is a step.
        parts = (values.unsqueeze(-1) - low) / width.clamp(min=NARROWEST)
        return parts.clamp(0, 1).flatten(-2)


class LinearNet(nn.Module):
    """One linear layer from a column's last values to its next ones, the same for all columns.

    Of values relative to the last one it is NLinear. What else is known of the steps is added by
    another linear layer. It starts at zero, which forecasts the last value.

    Args:
        window: Steps, T.
        columns: Columns to forecast, V, of which each has its values and those of its lags.
        values: All these together.
        others: Further inputs of a step.
        outputs: Numbers to forecast of each column.

    Shape:
        ``(B, T, F)`` to ``(B, V * outputs)``.

    References:
        Zeng et al., Are Transformers Effective for Time Series Forecasting?, 2023, arXiv:2205.13504
    """

    def __init__(self, window: int, columns: int, values: int, others: int, outputs: int) -> None:
        super().__init__()
        self.columns, self.values, self.outputs = columns, values, outputs
        self.own = nn.Linear(window * values // columns, outputs)
        self.rest = nn.Linear(window * others, columns * outputs) if others else None
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        values, others = x.tensor_split([self.values], -1)
        own = values.reshape(*values.shape[:-1], -1, self.columns)
        own = own.permute(0, 3, 1, 2)  # (B, V, T, 1 + lags)
        found = self.own(own.flatten(2)).flatten(1)
        if self.rest is not None:
            found = found + self.rest(others.flatten(1))
        return found  # type: ignore[no-any-return]
