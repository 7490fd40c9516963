"""One trunk for photos, and a linear layer for each head.

B: batch, H: height, W: width, K: outputs of a head.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from kindling.images import Backbone, ConvBlocks


class FacesNet(nn.Module):
    """Convolutional blocks or a timm backbone, and a linear layer for each head.

    Shape:
        ``(B, 3, H, W)``, of blocks normalized, to ``(B, K)`` by head.

    References:
        Caruana, Multitask Learning, 1997, Machine Learning 28(1)
    """

    def __init__(
        self, trunk: ConvBlocks | Backbone, dropout: float, outputs: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.trunk, drop = trunk, nn.Dropout(dropout)
        if isinstance(trunk, Backbone):
            width, self.pool = trunk.features, nn.Sequential(trunk.normalization(), drop)
        else:
            width = trunk.out_channels
            self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), drop)
        self.heads = nn.ModuleDict({head: nn.Linear(width, k) for head, k in outputs.items()})
        self.to(memory_format=torch.channels_last)

    def read_out(self, features: Tensor) -> dict[str, Tensor]:
        """The heads' outputs, given the trunk's features."""
        features = self.pool(features)
        return {head: layer(features) for head, layer in self.heads.items()}

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.read_out(self.trunk(x))
