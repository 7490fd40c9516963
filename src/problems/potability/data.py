"""A table of measurements in one or two CSV files, with a label of 0 or 1."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pandas as pd
import torch
from torch import Tensor

from kindling.tables.columns import Columns, choose
from kindling.tables.datamodule import TableDataModule
from kindling.tables.read import numeric
from problems.potability.sample import write_sample


class PotabilityBatch(NamedTuple):
    """Measurements as they were taken, and whether the water is potable.

    Shape:
        ``features`` ``(B, F)``, NaN where missing. ``target`` ``(B,)`` int64: 0, 1 or
        ``IGNORE_INDEX``. ``indices`` ``(B,)`` int64: of the samples in their split. Without B for
        a single sample.
    """

    features: Tensor
    target: Tensor
    indices: Tensor


class PotabilityDataModule(TableDataModule):
    """Rows of measurements with a label of 0 or 1, some measurements missing.

    Args:
        root: Folder of the CSV files; null is a generated sample.
        train: Training file, from which the validation rows are held out.
        target: Name of the label's column.
        features: Names of the feature columns; null is all but the target.
    """

    task = head = "potability"
    target_kind = "binary"
    batch_class = PotabilityBatch
    option_names: ClassVar = {"table": "train", "numbers": "features"}

    def __init__(
        self,
        root: Path | None = None,
        train: str = "water_potability.csv",
        target: str = "Potability",
        features: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            root,
            table=train,
            target=target,
            numbers=features,
            categories=(),
            category_limit=1,
            **settings,
        )

    @property
    def inputs(self) -> int:
        """Feature columns, F."""
        return self.features

    def choose_columns(self, table: pd.DataFrame) -> Columns:
        named = self.named_columns()
        if named["numbers"] is None:
            others = [self.target, *(named["identifiers"] or ())]
            named["numbers"] = [str(name) for name in table.columns if name not in others]
        return choose(table, self.target, named, self.path)

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        return {"features": torch.from_numpy(numeric(table, self.columns.numbers, path))}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        meaning = {"meaning": "measurements, NaN where missing", "unit": "of the training file"}
        return {"features": {**meaning, "columns": self.columns.numbers}}

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)
