"""Decoded photos, one at a time or a whole batch at once.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from kindling.data.dataset import BatchDataset


class CloudsBatch(NamedTuple):
    """Photos as bytes, and what they show.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``label`` ``(B,)`` int64: place of the class, or
        ``IGNORE_INDEX``. ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a
        single sample.
    """

    image: Tensor
    label: Tensor
    indices: Tensor


class Photos(BatchDataset[CloudsBatch]):
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

    def gather(self, index: Tensor) -> CloudsBatch:
        image = self.images.index_select(0, self.rows[index].reshape(-1))
        return CloudsBatch(image.reshape(*index.shape, *image.shape[1:]), self.label[index], index)
