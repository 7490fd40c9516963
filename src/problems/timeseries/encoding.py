"""Numbers as several inputs, so that a net may treat each part of their range on its own."""

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
