"""The base of data modules on CSV files: numbers, categories and a target, cut into splits.

N: rows, B: batch, F: numbers, C: categories.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.dataset import FieldDataset
from kindling.data.samples import SHAPES, write_table
from kindling.data.sources import SPLITS, DatasetSources, TableSource
from kindling.data.split import SplitConfig, TooFew, check_fold, grouped_split, stratified_split
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.tables.columns import Columns, Kind, choose, report
from kindling.tables.read import labels, listed, numeric, read_table, refuse
from kindling.tables.vocabulary import UNSEEN, class_indices, encode, vocabularies


class TableBatch(NamedTuple):
    """What is known of each row, and what is to be predicted.

    Shape:
        ``numbers`` ``(B, F)``, NaN where missing. ``codes`` ``(B, C)`` int64, 0 where unseen or
        missing. ``target`` ``(B,)``: a number, NaN where unknown, or int64, the index of the class
        or ``IGNORE_INDEX``. ``indices`` ``(B,)`` int64: of the samples in their split. Without B
        for a single sample.
    """

    numbers: Tensor
    codes: Tensor
    target: Tensor
    indices: Tensor


class TableDataModule(DataModule):
    """Rows of one CSV file, or of a second one for the test.

    A problem sets the class attributes, and overrides the methods below "What a problem may
    change" where its rows are other than these.

    Args:
        root: Folder of the CSV files; null is a generated sample.
        input: CSV file to predict, with the columns that were learned from.
        table: CSV file to train on; null is the only one in the folder.
        test: CSV file of the test rows; null holds them out of the other.
        target: Column to predict.
        numbers: Columns of numbers; null is those that look like it.
        categories: Columns of categories; null is those that look like it.
        ignore: Columns that are not learned from, and identify a row in the predictions.
        category_limit: Different values that a column of categories may have.
        val_fraction: Share held out for validation, of the rows that are not for the test.
        test_fraction: Share held out for the test, where there is no test file.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation, in place of a test file; null cuts once.
        fold: The part that is the test.
        batch_size: Rows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    target_kind: ClassVar[Literal["binary", "classes", "number"]] = "number"
    """A label of 0 or 1, one of several classes by name, or a number."""

    head: ClassVar[str] = "target"
    """The model's head that predicts the target."""

    target_field: ClassVar[str] = "target"
    """The target's field in a batch."""

    batch_class: ClassVar[type[Any]] = TableBatch

    fixed: ClassVar[Sequence[str]] = ()
    """Attributes of the same names as settings, which a trained model cannot do without."""

    option_names: ClassVar[Mapping[str, str]] = {}
    """What a subclass calls the settings ``table``, ``numbers`` and so on, in errors."""

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        test: str | None = None,
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
        self.table, self.test_file = table, test if folds is None else None
        self.target = target
        named: dict[Kind, Sequence[str] | None] = {
            "numbers": numbers,
            "categories": categories,
            "photos": (),
            "identifiers": ignore,
        }
        self.named = {k: None if names is None else list(names) for k, names in named.items()}
        self.category_limit = at_least("data.category_limit", category_limit, 1)
        check_fold(folds, fold)
        held_out = share("data.test_fraction", test_fraction)
        self.cut = SplitConfig(
            share("data.val_fraction", val_fraction),
            held_out if self.test_file is None else 0.0,
            split_seed,
            folds,
            fold,
        )

    # What is known of the table: by the checkpoint, or else by the file.

    @cached_property
    def columns(self) -> Columns:
        """What each column is."""
        return self.choose_columns(self._table)

    @cached_property
    def vocabulary(self) -> dict[str, list[str]]:
        """The categories of each column in the training rows."""
        names, limit = self.columns.categories, self.category_limit
        return vocabularies(self._table, names, self._parts[0], limit, self.path)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes, if the target is one by name."""
        if self.target_kind != "classes":
            return []
        return class_indices(self._table, self.target, None, self.category_limit, self.path)[1]

    @property
    def features(self) -> int:
        """Numbers of a row, F."""
        return len(self.columns.numbers)

    @property
    def vocabularies(self) -> list[int]:
        """How many known values each category has, C sizes."""
        return [len(values) for values in self.vocabulary.values()]

    @cached_property
    def path(self) -> Path:
        """The file that is trained on."""
        return self.only_table(self.option_names.get("table", "table"), self.table)

    # What a problem may change.

    def load(self, path: Path) -> pd.DataFrame:
        """The rows of a file."""
        return read_table(path)

    def choose_columns(self, table: pd.DataFrame) -> Columns:
        """What each column is, by the settings and by its looks."""
        return choose(table, self.target, self.named, self.path)

    def split_rows(self, table: pd.DataFrame) -> list[NDArray[np.int64]]:
        """Rows of training, validation and, unless there is a file of them, test."""
        if self.target_kind == "number":
            return self.cut(grouped_split, np.arange(len(table)))
        return self.cut(stratified_split, self.read_target(table, self.path).numpy())

    def dataset(self, table: pd.DataFrame, path: Path, labelled: bool = True) -> FieldDataset[Any]:
        """Rows as tensors, by what is known of the table.

        Args:
            table: As :meth:`load` returns it.
            path: Its file.
            labelled: Whether it has the target; raw input need not.
        """
        if labelled:
            target = self.read_target(table, path)
        else:
            unknown = torch.nan if self.target_kind == "number" else IGNORE_INDEX
            target = torch.full((len(table),), unknown)
        fields = {**self.input_fields(table, path), self.target_field: target}
        names = {f: about["columns"] for f, about in self.io_schema().items() if "columns" in about}
        return FieldDataset(
            self.batch_class, fields, identifiers=self.identifiers(table), names=names
        )

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        """What is learned from, by the batch's field, ``(N, ...)`` each."""
        return {
            "numbers": torch.from_numpy(numeric(table, self.columns.numbers, path)),
            "codes": torch.from_numpy(encode(table, self.vocabulary, path)),
        }

    def read_target(self, table: pd.DataFrame, path: Path) -> Tensor:
        """The target of each row, ``(N,)``: a number, or int64, the index of the class."""
        if self.target_kind == "binary":
            return torch.from_numpy(labels(table, self.target, path))
        if self.target_kind == "classes":
            limit = self.category_limit
            return torch.from_numpy(class_indices(table, self.target, self.classes, limit, path)[0])
        number = numeric(table, [self.target], path)[:, 0]
        fault = f"no {self.target_field}: fill it in or delete the row"
        refuse(np.isnan(number), table[self.target], path, fault)
        return torch.from_numpy(number)

    def identifiers(self, table: pd.DataFrame) -> dict[str, list[Any]]:
        """What the predictions call the rows: by their line in the file, then by its columns."""
        names = [name for name in self.columns.identifiers if name in table]
        return {"row": table.index.tolist(), **{name: table[name].tolist() for name in names}}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "numbers": {
                "meaning": "numbers of a row, NaN where missing",
                "unit": "of the training file",
                "columns": self.columns.numbers,
            },
            "codes": {
                "meaning": "categories of a row",
                "unit": f"places in vocabulary, from 1 on; {UNSEEN} where missing or not in it",
                "columns": self.columns.categories,
                "vocabulary": self.vocabulary,
            },
        }

    # What the engine asks for.

    @property
    def target_names(self) -> Mapping[str, str]:
        return {self.head: self.target}

    def read(self) -> Mapping[SplitName, FieldDataset[Any]]:
        if self.target in self._table:  # a subclass may have targets of its own
            report(self._table, self.columns, self.vocabulary, self.target)
        whole = self.dataset(self._table, self.path)
        splits = [whole.take(torch.from_numpy(rows)) for rows in self._parts]
        del self._table, self._parts  # the tensors are all that is needed from here on
        if self.test_file is not None:
            path = self.file("test", self.test_file)
            splits.append(self.dataset(self.load(path), path))
        train, val, test = splits
        return {"train": train, "val": val, "test": test}

    def read_input(self, path: Path) -> FieldDataset[Any]:
        return self.dataset(self.load(path), path, labelled=False)

    def write_sample(self, folder: Path) -> None:
        """Rows of the columns that the settings name, where a problem has no sample of its own."""
        classes = {"number": (), "binary": ("0", "1"), "classes": tuple(SHAPES)}[self.target_kind]
        write_table(folder / (self.table or "sample.csv"), self.named, {self.target: classes})

    def files(self) -> Sequence[Path]:
        return [self.path, *(self.root / name for name in [self.test_file] if name)]

    def sources(self) -> DatasetSources:
        splits = [SPLITS] if self.test_file is None else [SPLITS[:2], SPLITS[2:]]
        targets, columns = list(self.target_names.values()), self.columns[:3]
        files = zip(self.files(), splits, strict=False)  # a subclass may have photos beside them
        return DatasetSources([TableSource(path, targets, s, *columns) for path, s in files])

    def state_dict(self) -> dict[str, Any]:
        return {
            "columns": self.columns._asdict(),
            "vocabulary": self.vocabulary,
            "classes": self.classes,
            "settings": {name: getattr(self, name) for name in self.fixed},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        columns = Columns(**state_dict["columns"])
        trained = {**columns._asdict(), **state_dict["settings"]}
        given: dict[str, Any] = {str(kind): names for kind, names in self.named.items()}
        given |= {name: getattr(self, name) for name in self.fixed}
        for name, value in given.items():
            if value is None or name == "identifiers" or value == (was := trained[name]):
                continue
            was = listed(was) if isinstance(was, list) else was
            name = self.option_names.get(name, name)
            raise UserError(f"data.{name}: the checkpoint was trained with {was}; leave it out")
        self.columns = columns
        self.vocabulary, self.classes = state_dict["vocabulary"], state_dict["classes"]

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The file, which is asked for its columns before anything is set up."""
        self.prepare_data()
        return self.load(self.path)

    @cached_property
    def _parts(self) -> list[NDArray[np.int64]]:
        try:
            return self.split_rows(self._table)
        except TooFew as error:
            raise UserError(f"{self.path}: {error}") from error
