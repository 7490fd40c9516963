"""Photos to features, for models whose head is all that a task needs of its own.

B: batch, V: photos of a sample, H: height, W: width, D: features of a photo.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindling.images.backbone import Backbone, fit_once
from kindling.images.blocks import ConvBlocks
from kindling.images.module import ImageModule
from kindling.images.pixels import Pixels
from kindling.images.read import ImageSize
from kindling.training.metrics import Head


class ConvFeatures(nn.Module):
    """Convolutional blocks that are trained from scratch, and the mean of each channel.

    Shape:
        ``(B, 3, H, W)`` uint8 to ``(B, D)``, D of the last block.
    """

    def __init__(self, image_size: ImageSize, channels: Sequence[int]) -> None:
        super().__init__()
        self.features = channels[-1] if channels else 0
        self.pixels = Pixels()
        self.blocks = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        return self.blocks(self.pixels(image)).mean((2, 3))  # type: ignore[no-any-return]


class PhotoModule(ImageModule):
    """A module that predicts from features of photos: of a pretrained net, or from scratch.

    Args:
        image_size: Pixels on a side.
        backbone: A net of timm's whose features are taken; null trains blocks from scratch.
        channels: Channels of each convolutional block, without a backbone; each halves the photo.
        rotation: Largest rotation of a training photo in degrees; 180 if it has no top.
        flip: Probability that a training photo is flipped; 0.5 if left and right are the same.
        autocontrast: Probability that a training photo's channels are stretched to full range.
        shift: A training photo is moved by up to this share of its sides.
    """

    def __init__(
        self,
        heads: Mapping[str, Head],
        image_size: ImageSize = 64,
        backbone: str | None = None,
        channels: Sequence[int] = (16, 32, 64),
        rotation: float = 10.0,
        flip: float = 0.0,
        autocontrast: float = 0.0,
        shift: float = 0.05,
        **settings: Any,
    ) -> None:
        settings |= {"flip": flip, "autocontrast": autocontrast, "shift": shift}
        super().__init__(heads, rotation, backbone=backbone, **settings)
        made = self.make_backbone(image_size)
        self.encoder: Backbone | ConvFeatures = made or ConvFeatures(image_size, channels)
        self.photo_features: int = self.encoder.features
        self.scaling = nn.Identity() if made is None else made.normalization()

    @property
    def timm_backbone(self) -> Backbone | None:
        return self.encoder if isinstance(self.encoder, Backbone) else None

    def fit_statistics(self, training: Any) -> None:
        if isinstance(self.encoder, ConvFeatures):
            photos = training.fields[self.image_field].flatten()
            self.encoder.pixels.fit(training.shared[self.image_field], photos)

    def fit_features(self, features: Tensor) -> None:
        fit_once(self.scaling, features)

    def encode(self, photos: Tensor) -> Tensor:
        """Features ``(B, D)`` of photos ``(B, 3, H, W)`` or ``(B, V, 3, H, W)``, uint8."""
        features = self.encoder(photos.flatten(0, -4))
        return self._scaled(features.reshape(*photos.shape[:-3], -1))

    def encode_batch(self, batch: Any) -> Tensor:
        """Features ``(B, D)`` of a batch, of a frozen backbone those that were cached."""
        if self.timm_backbone is not None:
            return self._scaled(self.extract(batch))
        return self.encode(getattr(batch, self.image_field))

    def _scaled(self, features: Tensor) -> Tensor:
        scaled: Tensor = self.scaling(features)
        return scaled.mean(1) if scaled.ndim == 3 else scaled  # of all photos of a sample
