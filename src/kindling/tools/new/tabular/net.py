"""Embedded categories and numbers through layers to outputs.

B: batch, F: numbers, C: categories, K: outputs.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class TableNet(nn.Module):
    """Each category as a learned vector, beside the numbers, through linear layers.

    Args:
        features: Numbers, after normalization.
        vocabularies: Values of each category, beside the place 0 of what is unseen or missing.
        embedding: Width of a category.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        outputs: Of the last layer.

    Shape:
        ``(B, F)`` and ``(B, C)`` int64 to ``(B, K)``.

    References:
        Guo and Berkhahn, Entity Embeddings of Categorical Variables, 2016, arXiv:1604.06737
    """

    def __init__(
        self,
        features: int,
        vocabularies: Sequence[int],
        embedding: int,
        hidden: Sequence[int],
        dropout: float,
        outputs: int,
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size + 1, embedding) for size in vocabularies)
        inputs = features + embedding * len(vocabularies)
        self.layers = nn.Sequential()
        for width in hidden:
            self.layers.extend([nn.Linear(inputs, width), nn.SiLU(), nn.Dropout(dropout)])
            inputs = width
        self.layers.append(nn.Linear(inputs, outputs))

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        embedded = [embed(codes[..., k]) for k, embed in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *embedded], -1))  # type: ignore[no-any-return]
