"""Rows of a table with photos, and the class and the number to predict of each."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.data.samples import SHAPES, write_table
from kindling.images.table_datamodule import ImageTableDataModule
from kindling.tables.read import numeric, refuse


class TaskNameBatch(NamedTuple):
    """Photos, and what they show."""

    photos: Tensor  # (B, V, 3, H, W) uint8
    label: Tensor  # (B,) int64, place of the class
    amount: Tensor  # (B,), NaN where unknown
    indices: Tensor  # (B,) int64, of the samples in their split


class TaskNameDataModule(ImageTableDataModule):
    """Photos that a CSV file lists, with a class and a number.

    Args:
        target: Column of the class.
        amount: Column of the number.
    """

    task = "task_name"
    head = target_field = "label"
    batch_class = TaskNameBatch
    target_kind = "classes"

    def __init__(self, target: str = "label", amount: str = "amount", **settings: Any) -> None:
        super().__init__(target=target, numbers=(), categories=(), **settings)
        self.amount = amount

    @property
    def target_names(self) -> dict[str, str]:
        return {"label": self.target, "amount": self.amount}

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        if self.amount in table:
            amount = torch.from_numpy(numeric(table, [self.amount], path)[:, 0])
        else:  # raw input need not have it
            amount = torch.full((len(table),), torch.nan)
        return {"amount": amount, **super().input_fields(table, path)}

    def read_target(self, table: pd.DataFrame, path: Path) -> Tensor:
        unknown = np.isnan(numeric(table, [self.amount], path)[:, 0])
        refuse(unknown, table[self.amount], path, "no number: fill it in or delete the row")
        return super().read_target(table, path)

    def write_sample(self, folder: Path) -> None:
        targets = {self.target: tuple(SHAPES), self.amount: ()}
        write_table(folder / (self.table or "sample.csv"), self.named, targets)
