"""Pixels from bytes to what a net takes, by statistics of the training photos.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

import torch
from torch import Tensor, nn

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
        """Take the statistics of the training photos, ``images[rows]``."""
        self.set(*channel_statistics(images, rows))

    def set(self, mean: Tensor, deviation: Tensor) -> None:
        """Use these, ``(3,)`` each, of pixels from 0 to 1."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1 / 255))  # of photos all of one grey

    def forward(self, image: Tensor) -> Tensor:
        scale, shift = 1 / (255 * self.deviation), self.mean / self.deviation
        pixels = image.to(self.mean.dtype, memory_format=torch.channels_last)
        return pixels * scale[:, None, None] - shift[:, None, None]


def channel_statistics(images: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, ``(3,)`` each, of pixels from 0 to 1.

    Shape:
        ``images`` ``(M, 3, H, W)`` uint8, ``rows`` ``(N,)``.
    """
    count = images[0, 0].numel() * len(rows)
    total, square = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for chunk in torch.split(rows, CHUNK):
        pixels = images.index_select(0, chunk).float() / 255
        total += pixels.sum((0, 2, 3))
        square += pixels.square().sum((0, 2, 3))
    mean = total / count
    return mean.float(), (square / count - mean**2).clamp(min=0).sqrt().float()
