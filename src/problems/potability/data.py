"""A table of measurements in one or two CSV files, cut so that each part has its share of labels.

N: rows, F: features.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName, share
from kindling.data.sources import SPLITS, DatasetSources, TableSource
from kindling.data.split import SplitConfig, check_fold, stratified_split
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.tables.read import feature_columns, labels, numeric, read_table
from problems.potability.measurements import Measurements
from problems.potability.sample import write_sample


class PotabilityDataModule(DataModule):
    """Rows of measurements with a label of 0 or 1, some measurements missing.

    Args:
        root: Folder of the CSV files; null is a generated sample.
        input: CSV file to predict, with the feature columns of the training file.
        train: Training file, from which the validation rows are held out.
        test: Test file; null holds test rows out of the training file as well.
        target: Name of the label's column.
        features: Names of the feature columns; null is all but the target.
        val_fraction: Share held out for validation, of the rows that are not for the test.
        test_fraction: Share held out for the test, where there is no test file.
        split_seed: Seed of the cut, apart from the run's own, so that runs stay comparable.
        folds: Parts of a cross-validation of the training file; null cuts it once.
        fold: The part that is the test, in place of the test file.
        batch_size: Rows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "potability"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "water_potability.csv",
        test: str | None = None,
        target: str = "Potability",
        features: Sequence[str] | None = None,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        batch_size: int = 64,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        check_fold(folds, fold)
        self.train_file, self.test_file = train, test if folds is None else None
        self.target, self.chosen = target, features
        held_out = share("data.test_fraction", test_fraction)
        self.cut = SplitConfig(
            share("data.val_fraction", val_fraction),
            held_out if self.test_file is None else 0.0,
            split_seed,
            folds,
            fold,
        )
        self.columns: list[str] = []

    @property
    def inputs(self) -> int:
        """Feature columns, F: of the checkpoint, or else of the training file."""
        if not self.columns:
            self.prepare_data()
            self.columns = self._choose(self._table)
        return len(self.columns)

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"potability": self.target}

    def read(self) -> Mapping[SplitName, Measurements]:
        self.columns = self.columns or self._choose(self._table)
        whole = self._labelled(self._table, self.root / self.train_file)
        del self._table  # the tensors are all that is needed from here on
        parts = self.cut(stratified_split, whole.target.numpy())
        splits = [whole.take(torch.from_numpy(rows)) for rows in parts]
        if self.test_file is not None:
            path = self.file("test", self.test_file)
            splits.append(self._labelled(read_table(path), path))
        train, val, test = splits
        return {"train": train, "val": val, "test": test}

    def read_input(self, path: Path) -> Measurements:
        table = read_table(path)
        return self._measurements(table, path, torch.full((len(table),), IGNORE_INDEX))

    def files(self) -> Sequence[Path]:
        return [self.root / name for name in (self.train_file, self.test_file) if name]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[int]]:
        measurements = self.splits[split]
        assert isinstance(measurements, Measurements)
        return {"row": measurements.rows[index].tolist()}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        meaning = {"meaning": "measurements, NaN where missing", "unit": "of the training file"}
        return {"features": {**meaning, "columns": self.columns}}

    def sources(self) -> DatasetSources:
        columns = self.columns or self._choose(self._table)
        cut = SPLITS if self.test_file is None else SPLITS[:2]
        sheets = [TableSource(self.root / self.train_file, [self.target], cut, columns)]
        if self.test_file is not None:
            path = self.root / self.test_file
            sheets.append(TableSource(path, [self.target], SPLITS[2:], columns))
        return DatasetSources(sheets)

    def state_dict(self) -> dict[str, Any]:
        return {"columns": self.columns}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        columns = state_dict["columns"]
        if self.chosen is not None and list(self.chosen) != columns:
            raise UserError(
                f"data.features: the checkpoint was trained on {', '.join(columns)}; leave it out"
            )
        self.columns = columns

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The training file, which names the features before ``read`` is called."""
        return read_table(self.file("train", self.train_file))

    def _choose(self, table: pd.DataFrame) -> list[str]:
        return feature_columns(table, self.target, self.chosen, self.root / self.train_file)

    def _labelled(self, table: pd.DataFrame, path: Path) -> Measurements:
        target = torch.from_numpy(labels(table, self.target, path))
        return self._measurements(table, path, target)

    def _measurements(self, table: pd.DataFrame, path: Path, target: Tensor) -> Measurements:
        features = torch.from_numpy(numeric(table, self.columns, path))
        return Measurements(features, target, torch.tensor(table.index.to_numpy()))
