"""Decoded faces, one at a time or a whole batch at once.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from kindling.data.dataset import BatchDataset


class FacesBatch(NamedTuple):
    """Photos as bytes, and who is in them at what age.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``identity`` ``(B,)`` int64: place of the person among
        those of training, or ``IGNORE_INDEX``. ``age`` ``(B,)`` in years, NaN where it is not known.
        ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a single sample.
    """

    image: Tensor
    identity: Tensor
    age: Tensor
    indices: Tensor


class Faces(BatchDataset[FacesBatch]):
    """Some of the photos that were decoded together.

    Args:
        images: ``(M, 3, H, W)`` uint8, shared by all splits.
        rows: ``(N,)`` int64: where this split's photos lie in ``images``.
        identity: ``(N,)`` int64.
        age: ``(N,)``.
        names: What the N photos are called.
    """

    def __init__(
        self, images: Tensor, rows: Tensor, identity: Tensor, age: Tensor, names: Sequence[str]
    ) -> None:
        self.images, self.rows = images, rows
        self.identity, self.age, self.names = identity, age, names

    def __len__(self) -> int:
        return len(self.rows)

    def gather(self, index: Tensor) -> FacesBatch:
        image = self.images.index_select(0, self.rows[index].reshape(-1))
        image = image.reshape(*index.shape, *image.shape[1:])
        return FacesBatch(image, self.identity[index], self.age[index], index)
