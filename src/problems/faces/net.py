"""One convolutional trunk with a linear head for each thing to tell.

B: batch, H: height, W: width, K: outputs of a head.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kindling.images import ConvBlocks


class FacesNet(nn.Module):
    """Convolutional blocks, the mean of each channel, and a linear layer for each head.

    Args:
        image_size: Pixels on a side.
        channels: Of each block.
        dropout: Share of the channels that the heads do not see, in training.
        outputs: Of each head.

    Shape:
        ``(B, 3, H, W)`` to ``(B, K)`` by head.

    References:
        Caruana, Multitask Learning, 1997, Machine Learning 28(1)
    """

    def __init__(
        self, image_size: int, channels: Sequence[int], dropout: float, outputs: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.trunk = ConvBlocks(image_size, channels)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        width = self.trunk.out_channels
        self.heads = nn.ModuleDict({head: nn.Linear(width, k) for head, k in outputs.items()})
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.pool(self.trunk(x))
        return {head: layer(features) for head, layer in self.heads.items()}
