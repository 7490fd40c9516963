"""Nets that classify photos: linear, convolutional, or on a timm backbone.

B: batch, H: height, W: width, C: classes.
"""

import math
from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from kindling.images import Backbone, ConvBlocks, ImageSize, RandomFeatures, sides

Pool = Literal["flatten", "average"]


class LinearNet(nn.Sequential):
    """One weight for each pixel and class: what convolution has to beat.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.
    """

    def __init__(self, image_size: ImageSize, classes: int) -> None:
        pixels = 3 * math.prod(sides(image_size))
        super().__init__(nn.Flatten(), nn.Linear(pixels, classes))
        # From zero, or the noise of 50,000 random weights outweighs what there is to learn.
        nn.init.zeros_(self[1].weight)  # type: ignore[arg-type]


class ConvNet(nn.Module):
    """Convolutional blocks, then one linear classifier of each place or of each channel's mean.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.

    References:
        Lin et al., Network In Network (mean of each channel), 2014, arXiv:1312.4400
    """

    def __init__(
        self,
        image_size: ImageSize,
        classes: int,
        channels: Sequence[int],
        batch_norm: bool,
        pool: Pool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = ConvBlocks(image_size, channels, batch_norm)
        places = self.blocks.places if pool == "flatten" else 1
        squeeze = nn.Identity() if pool == "flatten" else nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            squeeze, nn.Flatten(), nn.Dropout(dropout), nn.Linear(places * channels[-1], classes)
        )

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier."""
        return self.blocks

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.blocks(x))  # type: ignore[no-any-return]


class BackboneNet(nn.Module):
    """A timm backbone, and one linear classifier of its features or of random functions of them.

    Shape:
        ``(B, 3, H, W)`` uint8 to ``(B, C)``.
    """

    def __init__(
        self, encoder: Backbone, classes: int, dropout: float, random_features: int
    ) -> None:
        super().__init__()
        self.encoder = encoder
        kernel = [RandomFeatures(encoder.features, random_features)] if random_features else []
        width = 2 * random_features or encoder.features
        self.classifier = nn.Sequential(
            encoder.normalization(), *kernel, nn.Dropout(dropout), nn.Linear(width, classes)
        )

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier."""
        return self.encoder.trainable()

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.encoder(image))  # type: ignore[no-any-return]
