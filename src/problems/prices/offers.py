"""Rows of a table with their photos, one at a time or a whole batch at once.

M: photos decoded, N: rows of a split, B: batch, V: photos of a row, F: numbers, C: categories,
H: height, W: width.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from kindling.data.dataset import BatchDataset


class PricesBatch(NamedTuple):
    """What is known of each row, and its price.

    Shape:
        ``photos`` ``(B, V, 3, H, W)`` uint8. ``numbers`` ``(B, F)``, NaN where missing. ``codes``
        ``(B, C)`` int64, 0 where unseen or missing. ``price`` ``(B,)``, NaN where unknown.
        ``where`` ``(B, V)`` int64: of the photos among those decoded. ``indices`` ``(B,)`` int64: of
        the samples in their split. Without B for a single sample; V, F or C is 0 where there are
        none.
    """

    photos: Tensor
    numbers: Tensor
    codes: Tensor
    price: Tensor
    where: Tensor
    indices: Tensor


class PriceDataset(BatchDataset[PricesBatch]):
    """Some rows of one table.

    Args:
        images: ``(M, 3, H, W)`` uint8, shared by all splits.
        photos: ``(N, V)`` int64: where each row's photos lie in ``images``.
        numbers: ``(N, F)``, NaN where missing.
        codes: ``(N, C)`` int64.
        price: ``(N,)``.
        rows: ``(N,)`` int64: the line of the file on which each row starts.
        identifiers: What the file calls the N rows, by the name of the column.
    """

    def __init__(
        self,
        images: Tensor,
        photos: Tensor,
        numbers: Tensor,
        codes: Tensor,
        price: Tensor,
        rows: Tensor,
        identifiers: Mapping[str, Sequence[str | None]],
    ) -> None:
        self.images, self.photos = images, photos
        self.numbers, self.codes, self.price = numbers, codes, price
        self.rows, self.identifiers = rows, identifiers

    def __len__(self) -> int:
        return len(self.price)

    def gather(self, index: Tensor) -> PricesBatch:
        where = self.photos[index]
        photos = self.images.index_select(0, where.flatten())
        return PricesBatch(
            photos.reshape(*where.shape, *self.images.shape[1:]),
            self.numbers[index],
            self.codes[index],
            self.price[index],
            where,
            index,
        )

    def take(self, index: Tensor) -> "PriceDataset":
        """A part of the rows, in the order of ``index``."""
        return PriceDataset(
            self.images,
            self.photos[index],
            self.numbers[index],
            self.codes[index],
            self.price[index],
            self.rows[index],
            {name: [v[k] for k in index.tolist()] for name, v in self.identifiers.items()},
        )

    @property
    def shown(self) -> Tensor:
        """Where these rows' photos lie in ``images``, each once."""
        return self.photos.unique()  # type: ignore[no-any-return,no-untyped-call]
