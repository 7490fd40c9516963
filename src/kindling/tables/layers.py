"""Layers for a table's columns.

B: batch, F: numbers, C: categories.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.data.numbers import at_least, below_one

Activation = Literal["relu", "elu", "silu", "tanh", "sigmoid"]
ACTIVATIONS = {kind.__name__.lower(): kind for kind in
               (nn.ReLU, nn.ELU, nn.SiLU, nn.Tanh, nn.Sigmoid)}  # fmt: skip


class MLP(nn.Sequential):
    """Linear layers with an activation behind each, and a linear output.

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
                # By the gain of ReLU, whatever the activation, as the course does.
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


class TableNet(nn.Module):
    """Each category as a learned vector, beside the numbers, through linear layers.

    Args:
        features: Numbers, after normalization.
        vocabularies: Values of each category, beside the index 0 of what is unseen or missing.
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


def one_hot(codes: Tensor, vocabularies: Sequence[int]) -> Tensor:
    """Codes ``(B, C)`` to a column for each value of each category, none for the index 0."""
    each = enumerate(vocabularies)
    columns = [nn.functional.one_hot(codes[:, k], size + 1)[:, 1:] for k, size in each]
    return torch.cat([codes[:, :0], *columns], 1).float()
