"""Layers for a table's columns.

B: batch, F: numbers, C: categories.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from kindling.data.numbers import at_least, below_one
from kindling.tables.normalize import Normalize

Activation = Literal["relu", "elu", "silu", "tanh", "sigmoid"]
ACTIVATIONS = {kind.__name__.lower(): kind for kind in
               (nn.ReLU, nn.ELU, nn.SiLU, nn.Tanh, nn.Sigmoid)}  # fmt: skip


EMBEDDING = 8
"""Width of a category."""


class MLP(nn.Sequential):
    """Linear layers, each followed by an activation, and a linear output.

    Args:
        outputs: Width of the output; 0 ends with the last hidden layer.
        dropout: Share of each hidden layer that is dropped in training.
        batch_norm: Batch normalization between a hidden layer and its activation.
        init: Weights of the hidden layers, by PyTorch's default or by He et al.

    Shape:
        ``(B, inputs)`` to ``(B, width)``.

    References:
        He et al., Delving Deep into Rectifiers, 2015, arXiv:1502.01852
        Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int = 0,
        dropout: float = 0.0,
        activation: Activation = "silu",
        batch_norm: bool = False,
        init: Literal["default", "kaiming"] = "default",
    ) -> None:
        super().__init__()
        below_one("model.dropout", dropout)
        self.width = outputs or [inputs, *hidden][-1]
        for number, width in enumerate(hidden, 1):
            layer = nn.Linear(inputs, at_least("model.hidden", width, 1))
            if init == "kaiming":
                # With the gain of ReLU for every activation, as in the course.
                nn.init.kaiming_uniform_(layer.weight)
            self.add_module(f"hidden_{number}", layer)
            if batch_norm:
                self.add_module(f"norm_{number}", nn.BatchNorm1d(width))
            self.add_module(f"activation_{number}", ACTIVATIONS[activation]())
            if dropout:
                self.add_module(f"dropout_{number}", nn.Dropout(dropout))
            inputs = width
        if outputs:
            self.add_module("output", nn.Linear(inputs, outputs))


class PiecewiseLinear(nn.Module):
    """How far each number has come through each of its bins, from 0 to 1.

    The bins' edges are quantiles of the training rows. A linear layer on top is any function that
    is linear within the bins, and constant beyond what training has seen. A column of few values
    has a bin between each two of them; a missing value is in none.

    Args:
        bins: Bins of each feature, at most.

    Shape:
        ``(B, F)`` with NaN where missing, to ``(B, F * bins)``.

    References:
        Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning, 2022,
        arXiv:2203.05556
    """

    low: Tensor
    size: Tensor

    def __init__(self, features: int, bins: int) -> None:
        super().__init__()
        self.width = features * at_least("model.bins", bins, 0)
        self.register_buffer("low", torch.full((features, bins), torch.nan))
        self.register_buffer("size", torch.full((features, bins), torch.nan))

    def fit(self, values: Tensor) -> None:
        """Take the edges from the training rows ``(N, F)``."""
        features, bins = self.low.shape
        shares = np.linspace(0, 1, bins + 1)
        rows = values.detach().cpu().double().numpy()
        # Bins that a column lacks begin at infinity.
        low, size = np.full((features, bins), np.inf), np.ones((features, bins))
        for k in range(features if bins else 0):
            edges = np.unique(np.nanquantile(rows[:, k], shares))
            low[k, : len(edges) - 1], size[k, : len(edges) - 1] = edges[:-1], np.diff(edges)
        self.low.copy_(torch.from_numpy(low))
        self.size.copy_(torch.from_numpy(size))

    def forward(self, values: Tensor) -> Tensor:
        parts = (values.unsqueeze(-1) - self.low) / self.size
        return torch.where(values.isnan().unsqueeze(-1), 0, parts.clamp(0, 1)).flatten(1)


class TableNet(nn.Module):
    """Each category as a learned vector, beside the numbers, through linear layers.

    Args:
        features: Numbers, after normalization.
        vocabularies: Values of each category, besides the index 0 for unseen or missing ones.
        embedding: Width of a category; ``hidden``, ``outputs`` and ``dropout`` are of the
            :class:`MLP` behind them.
        hide: Share of categories that are taken for missing in training, so that the entry of
            unseen ones is learned too.

    Shape:
        ``(B, F)`` and ``(B, C)`` int64 to ``(B, width)``.

    References:
        Guo and Berkhahn, Entity Embeddings of Categorical Variables, 2016, arXiv:1604.06737
    """

    def __init__(
        self,
        features: int,
        vocabularies: Sequence[int],
        embedding: int,
        hidden: Sequence[int],
        outputs: int = 0,
        dropout: float = 0.0,
        hide: float = 0.0,
    ) -> None:
        super().__init__()
        self.hide = hide
        self.embeddings = nn.ModuleList(nn.Embedding(size + 1, embedding) for size in vocabularies)
        self.layers = MLP(features + embedding * len(vocabularies), hidden, outputs, dropout)
        self.width = self.layers.width

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        if self.training and self.hide:
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.hide)
        embedded = [embed(codes[:, k]) for k, embed in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *embedded], 1))  # type: ignore[no-any-return]


class RowNet(nn.Module):
    """A table's rows as the file has them, through :class:`TableNet`.

    What lies far outside of the training rows' range, by more than half of it, counts as if it lay
    at that distance: a linear model has seen nothing there, and it may be a mistake.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        outputs: Width of the output.
        bins: Of each number, for :class:`PiecewiseLinear`; 0 is the number alone.

    Shape:
        ``(B, F)``, NaN where missing, and ``(B, C)`` int64 to ``(B, outputs)``.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(
        self,
        features: int,
        vocabularies: Sequence[int],
        outputs: int,
        hidden: Sequence[int],
        dropout: float = 0.0,
        bins: int = 0,
    ) -> None:
        super().__init__()
        self.vocabularies = list(vocabularies)
        self.normalize = Normalize(features, indicators=True)
        self.bins = PiecewiseLinear(features, bins)
        width = self.normalize.out_features
        self.register_buffer("lowest", torch.full((width,), torch.nan))
        self.register_buffer("highest", torch.full((width,), torch.nan))
        self.columns_width = width + sum(self.vocabularies)
        inputs = width + self.bins.width
        self.net = TableNet(inputs, vocabularies, EMBEDDING, hidden, outputs, dropout)

    def fit(self, numbers: Tensor, names: Sequence[str] | None = None) -> None:
        """Take the statistics of the training rows ``(N, F)``."""
        self.normalize.fit(numbers, names)
        self.bins.fit(numbers)
        low, high = self.normalize(numbers).aminmax(dim=0)
        self.lowest.copy_(low - (high - low) / 2)
        self.highest.copy_(high + (high - low) / 2)

    def _normal(self, numbers: Tensor) -> Tensor:
        normal: Tensor = self.normalize(numbers)
        return normal.clamp(self.lowest, self.highest)

    def columns(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """The input of trees and a linear model, with a column for each value of a category."""
        normal = self._normal(numbers)
        return torch.cat([normal, one_hot(codes, self.vocabularies).to(normal)], 1)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        inputs = torch.cat([self._normal(numbers), self.bins(numbers)], 1)
        return self.net(inputs, codes)  # type: ignore[no-any-return]


def one_hot(codes: Tensor, vocabularies: Sequence[int]) -> Tensor:
    """Codes ``(B, C)`` to a column for each value of each category except the index 0."""
    each = enumerate(vocabularies)
    columns = [nn.functional.one_hot(codes[:, k], size + 1)[:, 1:] for k, size in each]
    return torch.cat([codes[:, :0], *columns], 1).float()
