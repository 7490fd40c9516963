"""What models of photos share: normalization of pixels, augmentation in training.

B: batch, V: photos of a sample, M: photos decoded, N: photos of a split, H: height, W: width.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from kindling.images.augment import Augment, Fill, sample_seeds
from kindling.training.metrics import Head
from kindling.training.module import Module

GREY = (0.45, 0.225)
"""Mean and deviation of a middling photo: what stands in until the training photos are known."""

CHUNK = 256
"""Photos that are floats at a time, so that statistics of a large set fit in memory."""


class Pixels(nn.Module):
    """Turns bytes into floats whose channels have mean 0 and deviation 1 over the training photos.

    Shape:
        ``(B, 3, H, W)`` uint8 to the same in the weights' type, channels last in memory, which is
        how convolutions are fastest.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name, value in zip(("mean", "deviation"), GREY, strict=True):
            self.register_buffer(name, torch.full((3,), value))

    def fit(self, images: Tensor, rows: Tensor) -> None:
        """Take the statistics of the training photos.

        Shape:
            ``images`` ``(M, 3, H, W)`` uint8, of which ``rows`` ``(N,)`` are for training.
        """
        count = images[0, 0].numel() * len(rows)
        total, square = torch.zeros(2, 3, dtype=torch.float64)
        for chunk in torch.split(rows, CHUNK):
            pixels = images.index_select(0, chunk).float() / 255
            total += pixels.sum((0, 2, 3))
            square += pixels.square().sum((0, 2, 3))
        mean = total / count
        self.set(mean.float(), (square / count - mean**2).clamp(min=0).sqrt().float())

    def set(self, mean: Tensor, deviation: Tensor) -> None:
        """Use these, ``(3,)`` each, of pixels from 0 to 1."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1 / 255))  # of photos all of one grey

    def forward(self, image: Tensor) -> Tensor:
        scale, shift = 1 / (255 * self.deviation), self.mean / self.deviation
        pixels = image.to(self.mean.dtype, memory_format=torch.channels_last)
        return pixels * scale[:, None, None] - shift[:, None, None]


class ImageModule(Module):
    """A module that sees training photos in a new view in every epoch.

    What is drawn depends on the run's seed, the epoch and the photo alone, so that a resumed run
    draws what it would have drawn. A problem that does not offer a setting gives it to
    ``super().__init__`` by name, and the command line has no such flag then.

    Args:
        heads: Outputs by name.
        rotation: Largest rotation of a training photo in degrees.
        flip: Probability that a training photo is flipped horizontally.
        autocontrast: Probability that a training photo's channels are stretched to full range.
        zoom: A training photo is scaled by up to 1 + zoom, up or down.
        light: A training photo is made brighter or darker by up to 1 + light.
        contrast: A training photo's contrast is raised or lowered by up to 1 + contrast.
        fill: What comes into view at the edges of a rotated or scaled photo.
    """

    image_field: ClassVar[str] = "image"
    """Of the batch: ``(B, 3, H, W)`` uint8, or ``(B, V, 3, H, W)`` of several photos a sample."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        rotation: float = 45.0,
        flip: float = 0.5,
        autocontrast: float = 0.5,
        zoom: float = 0.0,
        light: float = 0.0,
        contrast: float = 0.0,
        fill: Fill = "black",
        **settings: Any,
    ) -> None:
        super().__init__(heads, **settings)
        self.augment = Augment(rotation, flip, autocontrast, zoom, light, contrast, fill)

    def augmented(self, batch: Any) -> Any:
        """The training batch with its photos augmented, each by a draw of its own."""
        images: Tensor = getattr(batch, self.image_field)
        index = batch.indices
        if images.ndim == 5:
            views = images.shape[1]
            index = (index[:, None] * views + torch.arange(views, device=index.device)).flatten()
        seeds = sample_seeds(self.seed, self.current_epoch, index)
        augmented = self.augment(images.flatten(0, -4), seeds).reshape(images.shape)
        return batch._replace(**{self.image_field: augmented})

    def training_step(self, batch: Any) -> Tensor:
        return super().training_step(self.augmented(batch))
