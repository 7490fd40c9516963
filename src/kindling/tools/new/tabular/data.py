"""A table of numbers and categories in one CSV file, cut into training, validation and test."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.sources import SPLITS, DatasetSources, TableSource
from kindling.data.split import SplitConfig, check_fold, stratified_split
from kindling.errors import UserError
from kindling.tables.columns import Columns, Kind, choose, report
from kindling.tables.read import numeric, read_table
from kindling.tables.vocabulary import encode, vocabularies
from kindling.tools.new.tabular.rows import Rows
from kindling.tools.new.tabular.sample import write_sample
from kindling.tools.new.tabular.target import read_target, unknown


class TabularDataModule(DataModule):
    """Rows of one CSV file, cut at random.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        input: CSV file to predict, with the columns that were learned from.
        table: Name of the CSV file; null is the only one in the folder.
        target: Column to predict.
        numbers: Columns of numbers; null is those that look like it.
        categories: Columns of categories; null is those that look like it.
        ignore: Columns that are not learned from, and identify a row in the predictions.
        category_limit: Different values that a column of categories may have.
        val_fraction: Share held out for validation, of the rows that are not for the test.
        test_fraction: Share held out for the test.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation; null cuts once.
        fold: The part that is the test.
        batch_size: Rows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "tabular"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        target: str = "target",
        numbers: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        ignore: Sequence[str] = (),
        category_limit: int = 100,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        batch_size: int = 64,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        self.table, self.target = table, target
        chosen: dict[Kind, Sequence[str] | None] = {
            "numbers": numbers,
            "categories": categories,
            "photos": [],
            "identifiers": ignore,
        }
        self.named = {k: None if names is None else list(names) for k, names in chosen.items()}
        self.category_limit = at_least("data.category_limit", category_limit, 1)
        check_fold(folds, fold)
        self.cut = SplitConfig(
            share("data.val_fraction", val_fraction),
            share("data.test_fraction", test_fraction),
            split_seed,
            folds,
            fold,
        )
        self._learned: tuple[Columns, dict[str, list[str]], list[str]] | None = None

    @property
    def columns(self) -> Columns:
        """What each column is: of the checkpoint, or else of the file."""
        return self._known()[0]

    @property
    def vocabulary(self) -> dict[str, list[str]]:
        """The categories of each column: of the checkpoint, or else of the training rows."""
        return self._known()[1]

    @property
    def classes(self) -> list[str]:
        """What there is to tell apart: of the checkpoint, or else of the file."""
        return self._known()[2]

    @property
    def features(self) -> int:
        """Numbers of a row, F."""
        return len(self.columns.numbers)

    @property
    def vocabularies(self) -> list[int]:
        """How many known values each category has, C sizes."""
        return [len(values) for values in self.vocabulary.values()]

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"target": self.target}

    def rows(self, split: SplitName) -> Rows:
        rows = self.splits[split]
        assert isinstance(rows, Rows)
        return rows

    def read(self) -> Mapping[SplitName, Rows]:
        target, _ = read_target(self._table, self.target, self._path, self.classes)
        whole = self._rows(self._table, self._path, target)
        train, val, test = (whole.take(torch.from_numpy(part)) for part in self._parts)
        del self._table, self._parts  # the tensors are all that is needed from here on
        return {"train": train, "val": val, "test": test}

    def read_input(self, path: Path) -> Rows:
        table = read_table(path)
        return self._rows(table, path, unknown(len(table)))

    def files(self) -> Sequence[Path]:
        return [self._path]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[Any]]:
        rows = self.rows(split)
        names = {n: [v[k] for k in index.tolist()] for n, v in rows.identifiers.items()}
        return {"row": rows.lines[index].tolist(), **names}

    def sources(self) -> DatasetSources:
        columns = self.columns
        kinds = (columns.numbers, columns.categories)
        return DatasetSources([TableSource(self._path, [self.target], SPLITS, *kinds)])

    def state_dict(self) -> dict[str, Any]:
        columns, vocabulary, classes = self._known()
        return {"columns": columns._asdict(), "vocabulary": vocabulary, "classes": classes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        columns = Columns(**state_dict["columns"])
        for kind, names in self.named.items():
            trained = columns._asdict()[kind]
            if names is not None and kind != "identifiers" and names != trained:
                listed = ", ".join(trained) or "none"
                raise UserError(
                    f"data.{kind}: the checkpoint was trained on {listed}; leave it out"
                )
        self._learned = columns, state_dict["vocabulary"], state_dict["classes"]

    def _known(self) -> tuple[Columns, dict[str, list[str]], list[str]]:
        if self._learned is None:
            self.prepare_data()
            columns = choose(self._table, self.target, self.named, self._path)
            _, classes = read_target(self._table, self.target, self._path)
            limit, names = self.category_limit, columns.categories
            found = vocabularies(self._table, names, self._parts[0], limit, self._path)
            report(self._table, columns, found, self.target)
            self._learned = columns, found, classes
        return self._learned

    @cached_property
    def _path(self) -> Path:
        return self.only_table("table", self.table)

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The file, which names the columns before ``read`` is called."""
        return read_table(self._path)

    @cached_property
    def _parts(self) -> list[np.ndarray[Any, Any]]:
        """Rows of training, validation and test, each with its share of every class."""
        target, _ = read_target(self._table, self.target, self._path)
        return self.cut(stratified_split, target.numpy())

    def _rows(self, table: pd.DataFrame, path: Path, target: Tensor) -> Rows:
        columns, vocabulary, _ = self._known()
        return Rows(
            torch.from_numpy(numeric(table, columns.numbers, path)),
            torch.from_numpy(encode(table, vocabulary, path)),
            target,
            torch.tensor(table.index.to_numpy()),
            {name: table[name].tolist() for name in columns.identifiers if name in table},
        )
