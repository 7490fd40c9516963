"""A CSV whose rows have numbers, categories, photos and a price."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from kindling.errors import UserError
from kindling.images.table_datamodule import ImageTableDataModule
from kindling.tables.read import refuse
from problems.prices.sample import write_sample


class PricesBatch(NamedTuple):
    """Each row's photos, numbers and categories, and its price.

    Shape:
        ``photos`` ``(B, V, 3, H, W)`` uint8. ``numbers`` ``(B, F)``, NaN where missing. ``codes``
        ``(B, C)`` int64, 0 where unseen or missing. ``price`` ``(B,)``, NaN where unknown.
        ``photo_index`` ``(B, V)`` int64: of the photos among those decoded. ``indices`` ``(B,)``
        int64: of the samples in their split. Without B for a single sample; V, F or C is 0 where
        there are none.
    """

    photos: Tensor
    numbers: Tensor
    codes: Tensor
    price: Tensor
    photo_index: Tensor
    indices: Tensor


class PricesDataModule(ImageTableDataModule):
    """Rows of one CSV with a price, cut at random but for rows that share a photo.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        target: Column of the price.
        log_price: Learn the price's logarithm.
    """

    task, head, target_field, batch_class = "prices", "price", "price", PricesBatch
    fixed: ClassVar[Sequence[str]] = (*ImageTableDataModule.fixed, "log_price")

    def __init__(
        self,
        root: Path | None = None,
        target: str = "price",
        log_price: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(root, target=target, **settings)
        self.log_price = log_price

    def split_rows(self, table: pd.DataFrame) -> list[NDArray[np.int64]]:
        parts = super().split_rows(table)
        if min(map(len, parts)) < 2:
            raise UserError(f"{self.path}: a split of one row has no R2; add rows or its share")
        return parts

    def read_target(self, table: pd.DataFrame, path: Path) -> Tensor:
        price = super().read_target(table, path)
        if self.log_price:
            fault = "{cell} has no logarithm: correct it, or --data.log_price=false"
            refuse((price <= 0).numpy(), table[self.target], path, fault)
        return price

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        fields = super().input_fields(table, path)
        return {**fields, "photo_index": fields["photos"]}

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)
