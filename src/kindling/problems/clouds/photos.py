"""Decoded photos, one at a time or a whole batch at once.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

UNKNOWN = -1
"""The label of a photo that has none."""

CHUNK = 256
"""Photos that are floats at a time, so that statistics of a large set fit in memory."""


class CloudsBatch(NamedTuple):
    """Photos as bytes, and what they show.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``label`` ``(B,)`` int64: place of the class, or
        ``UNKNOWN``. ``place`` ``(B,)`` int64: of the samples in their split. Without B for a
        single sample.
    """

    image: Tensor
    label: Tensor
    place: Tensor


class Photos(Dataset[CloudsBatch]):
    """Some of the photos that were decoded together.

    Args:
        images: ``(M, 3, H, W)`` uint8, shared by all splits of a folder.
        rows: ``(N,)`` int64: where this split's photos lie in ``images``.
        label: ``(N,)`` int64.
        files: Where the N photos come from.
    """

    def __init__(self, images: Tensor, rows: Tensor, label: Tensor, files: Sequence[Path]) -> None:
        self.images, self.rows, self.label, self.files = images, rows, label, files

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int | Tensor) -> CloudsBatch:
        if not isinstance(index, Tensor) and not -len(self) <= index < len(self):
            raise IndexError(index)  # which is how a loop over the data set ends
        place = torch.as_tensor(index) % len(self)
        image = self.images.index_select(0, self.rows[place].reshape(-1))
        return CloudsBatch(image.reshape(*place.shape, *image.shape[1:]), self.label[place], place)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel, ``(3,)`` each, of pixels from 0 to 1."""
        count = self.images[0, 0].numel() * len(self)
        total, square = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
        for rows in torch.split(self.rows, CHUNK):
            pixels = self.images.index_select(0, rows).float() / 255
            total += pixels.sum((0, 2, 3))
            square += pixels.square().sum((0, 2, 3))
        mean = total / count
        return mean.float(), (square / count - mean**2).clamp(min=0).sqrt().float()
