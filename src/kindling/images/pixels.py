"""Bytes to floats as a net takes them.

B: batch, M: photos decoded, N: photos of a split, H: height, W: width.
"""

import torch
from torch import Tensor, nn

CHUNK = 256  # photos that are floats at a time, so that statistics of a large set fit in memory


class Pixels(nn.Module):
    """Turns bytes into floats whose channels have mean 0 and deviation 1 over the training photos.

    Shape:
        ``(B, 3, H, W)`` uint8 to the same in the weights' type, channels last in memory, which is
        how convolutions are fastest.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()  # with those of a middling photo, until the training photos are known
        self.register_buffer("mean", torch.full((3,), 0.45))
        self.register_buffer("deviation", torch.full((3,), 0.225))

    def fit(self, images: Tensor, rows: Tensor) -> None:
        """Take the statistics of images ``(M, 3, H, W)`` uint8, of rows ``(N,)`` among them."""
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
