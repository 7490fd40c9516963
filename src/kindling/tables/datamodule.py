"""The base of data modules on CSV files: numbers, categories and a target, cut into splits.

N: rows, B: batch, F: numbers, C: categories.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.datamodule import STAGES, DataModule, SplitName
from kindling.data.dataset import FieldDataset
from kindling.data.numbers import at_least
from kindling.data.samples import SHAPES, write_table
from kindling.data.sources import SPLITS, DatasetSources, TableSource
from kindling.data.split import TooFew, grouped_split, split_config, stratified_cut
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.tables.columns import KINDS, Columns, Kind, choose, report
from kindling.tables.read import listed, numeric, read_table, require_columns, text
from kindling.tables.splits import group_codes, moments, split_by_time
from kindling.tables.targets import (
    TargetKind,
    head_names,
    read_target,
    row_weights,
    with_targets,
)
from kindling.tables.vocabulary import UNSEEN, class_indices, encode, vocabularies

log = logging.getLogger(__name__)


class TableBatch(NamedTuple):
    """The inputs and targets of rows.

    Shape:
        ``numbers`` ``(B, F)``, NaN where missing. ``codes`` ``(B, C)`` int64, 0 where unseen or
        missing. ``target`` ``(B,)``, or ``(B, T)`` of several: a number, NaN where unknown, or
        int64, the index of the class or ``IGNORE_INDEX``. ``weight`` ``(B,)``, 1 where no column
        has it. ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a single
        sample.
    """

    numbers: Tensor
    codes: Tensor
    target: Tensor
    weight: Tensor
    indices: Tensor


class TableDataModule(DataModule):
    """Rows of one CSV file, or of a second one for the test.

    A problem sets the class attributes, and overrides what it may change where its rows differ.

    Args:
        root: Folder of the CSV files; null is a generated sample.
        input: CSV file to predict, with the columns of the training file.
        table: CSV file to train on; null is the only one in the folder.
        test: CSV file of the test rows; null holds some rows out of the other.
        target: Column to predict, or several of one kind.
        weight: Column of each row's weight in the loss; null weighs all alike.
        numbers: Columns of numbers; null finds them.
        categories: Columns of categories; null finds them.
        ignore: Columns that are not inputs, and identify a row in the predictions.
        category_limit: How many values of a category are learned; the rarest count as one.
        missing: Words for a missing value in the file, such as ? or -, besides the usual ones.
        decimal: Decimal mark of the file's numbers, if they leave it open.
        missing_target: Leave out and count rows without a target, or end with an error.
        group: Column whose equal values keep rows in one split, such as the patient.
        time: Column of dates or numbers: the earliest rows train, the latest test.
        val_fraction: Share held out for validation, of the rows outside the test.
        test_fraction: Share held out for the test, where there is no test file.
        split_seed: Seed of the split, separate from the run's so that runs stay comparable.
        folds: Folds of a cross-validation, instead of a single split; null is none.
        fold: The fold that is the test split.
        batch_size: Rows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    target_kind: ClassVar[TargetKind] = "number"
    head: ClassVar[str] = "target"  # the model's output for the target
    target_field: ClassVar[str] = "target"  # of a batch
    batch_class: ClassVar[type[Any]] = TableBatch
    restored: ClassVar[Sequence[str]] = ("vocabulary", "outputs", "classes")
    fixed: ClassVar[Sequence[str]] = ()  # settings and attributes that a trained model depends on
    option_names: ClassVar[Mapping[str, str]] = {}  # what a subclass calls settings, in errors

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        test: str | None = None,
        target: str | list[str] = "target",
        weight: str | None = None,
        numbers: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        ignore: Sequence[str] = (),
        category_limit: int = 100,
        missing: Sequence[str] = (),
        decimal: Literal[".", ","] | None = None,
        missing_target: Literal["drop", "error"] = "drop",
        group: str | None = None,
        time: str | None = None,
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
        self.targets = [target] if isinstance(target, str) else list(target)
        if not self.targets or len(set(self.targets)) < len(self.targets):
            raise UserError(f"data.target={target}: name a column, or several that differ")
        self.target, self.weight = self.targets[0], weight
        if weight is not None and "weight" not in self.batch_class._fields:
            raise UserError(f"data.weight={weight}: {type(self).__name__} has no row weights")
        kinds = zip(KINDS, (numbers, categories, (), ignore), strict=True)
        # A list of the file's numbers may have been written before one became the weight.
        self.named = {k: names if names is None else [n for n in names if n != weight]
                      for k, names in kinds}  # fmt: skip
        self.category_limit = at_least("data.category_limit", category_limit, 1)
        self.missing, self.decimal, self.missing_target = list(missing), decimal, missing_target
        if group is not None and time is not None:
            raise UserError("data.group and data.time both define the split: set one to null")
        self.group, self.time = group, time
        test_file = self.test_file is not None
        self.cut = split_config(val_fraction, test_fraction, split_seed, folds, fold, test_file)

    # Known from the checkpoint, or else from the file.

    @cached_property
    def columns(self) -> Columns:
        return self.choose_columns(self._table)

    @cached_property
    def vocabulary(self) -> dict[str, list[str]]:
        """The categories of each column in the training rows."""
        names, training = self.columns.categories, self._parts[0]
        return vocabularies(self._table, names, training, self.category_limit, self.path)

    @cached_property
    def outputs(self) -> dict[str, list[str]]:
        """The classes of each of the model's heads; a number has none."""
        if self.target_kind != "classes":
            return {head: [] for head in self.heads}
        settings = None, self.category_limit, self.path
        each = zip(self.heads, self.targets, strict=True)
        return {head: class_indices(self._table, name, *settings)[1] for head, name in each}

    @cached_property
    def classes(self) -> list[str]:
        """Names of the target's classes; of several targets, those of the first."""
        return next(iter(self.outputs.values()))

    @property
    def heads(self) -> list[str]:
        """The model's names for the targets."""
        return head_names(self.targets, self.head)

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
        return read_table(path, self.missing, self.decimal, typed=True)

    def choose_columns(self, table: pd.DataFrame) -> Columns:
        """What each column is, by the settings, or else by its cells."""
        aside = [*self.targets, *([self.weight] if self.weight else [])]
        return choose(table, aside, self.named_columns(), self.path)

    def named_columns(self) -> dict[Kind, Sequence[str] | None]:
        """The columns that the settings name; the group is an identifier if it is nothing else."""
        named: dict[Kind, Sequence[str] | None] = {**self.named}
        if self.group is not None and not any(self.group in (n or ()) for n in named.values()):
            named["identifiers"] = [*(named["identifiers"] or ()), self.group]
        return named

    def split_rows(self, table: pd.DataFrame) -> list[NDArray[np.int64]]:
        """Rows of training, validation and, unless there is a file of them, test."""
        if self.group is not None:
            require_columns(table, [self.group], self.path)
            return self.cut(grouped_split, group_codes(table[self.group]))
        if self.time is not None:
            return split_by_time(moments(table, self.time, self.path), self.cut)
        if self.target_kind == "number" or len(self.targets) > 1:
            return self.cut(grouped_split, np.arange(len(table)))
        return self._stratified(table)

    def _stratified(self, table: pd.DataFrame) -> list[NDArray[np.int64]]:
        """Each class in every split; a class with too few rows for that is only in training."""
        label = self.read_target(table, self.path).numpy()
        name_of = np.array(self.classes)[label] if self.classes else label
        column = f"{self.path}, column {self.target!r}"
        try:
            parts, rare = stratified_cut(self.cut, name_of)
        except TooFew as error:
            raise UserError(f"{column}: {error}") from error
        for name in rare:
            where = f"{column}: class {str(name)!r}"
            few = f"{(name_of == name).sum()} rows, too few for every split"
            log.warning("%s has %s: in training only", where, few)
        return parts

    def labelled(self, table: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The rows that have all targets; the others are counted."""
        return table if self.missing_target == "error" else with_targets(table, self.targets, path)

    def dataset(self, table: pd.DataFrame, path: Path, labelled: bool = True) -> FieldDataset[Any]:
        """Rows of a file as tensors; unlabelled input need not have the target."""
        unknown = torch.nan if self.target_kind == "number" else IGNORE_INDEX
        several = [len(self.targets)] if len(self.targets) > 1 else []
        none = torch.full((len(table), *several), unknown)
        target = self.read_target(table, path) if labelled else none
        fields = {**self.input_fields(table, path), self.target_field: target}
        if "weight" in self.batch_class._fields:
            fields["weight"] = (
                row_weights(table, self.weight, path) if labelled else torch.ones(len(table))
            )
        names = {f: about["columns"] for f, about in self.io_schema().items() if "columns" in about}
        shared = self.shared_fields(labelled)
        return FieldDataset(self.batch_class, fields, shared, self.identifiers(table), names)

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        """The inputs by the batch's field, ``(N, ...)`` each."""
        numbers = numeric(table, self.columns.numbers, path)
        codes = encode(table, self.vocabulary, path)
        return {"numbers": torch.from_numpy(numbers), "codes": torch.from_numpy(codes)}

    def shared_fields(self, labelled: bool) -> dict[str, Tensor]:
        """What several rows share, ``(M, ...)`` each; ``input_fields`` has positions in it."""
        return {}

    def read_target(self, table: pd.DataFrame, path: Path) -> Tensor:
        """The target of each row, ``(N,)``, or ``(N, T)`` of several.

        A number, or int64, the index of the class.
        """
        limit = self.category_limit
        columns = [
            read_target(table, name, self.target_kind, self.target_field, classes, limit, path)
            for name, classes in zip(self.targets, self.outputs.values(), strict=True)
        ]
        return columns[0] if len(columns) == 1 else torch.stack(columns, 1)

    def identifiers(self, table: pd.DataFrame) -> dict[str, list[Any]]:
        """What identifies the rows in predictions: their line in the file, then its columns."""
        names = [name for name in self.columns.identifiers if name in table]
        return {"row": table.index.tolist(), **{name: text(table, name).tolist() for name in names}}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        numbers = {"meaning": "numbers of a row, NaN where missing", "unit": "of the training file"}
        unit = f"places in vocabulary, from 1 on; {UNSEEN} where missing or not in it"
        codes = {"meaning": "categories of a row", "unit": unit, "vocabulary": self.vocabulary}
        return {
            "numbers": {**numbers, "columns": self.columns.numbers},
            "codes": {**codes, "columns": self.columns.categories},
        }

    # What the engine asks for.

    @property
    def target_names(self) -> Mapping[str, str]:
        return dict(zip(self.heads, self.targets, strict=True))

    def read(self) -> Mapping[SplitName, FieldDataset[Any]]:
        if self.target in self._table:  # a subclass may have targets of its own
            report(self._table, self.columns, self.vocabulary, self.targets)
        whole = self.dataset(self._table, self.path)
        splits = [whole.take(torch.from_numpy(rows)) for rows in self._parts]
        del self._table, self._parts  # the tensors are all that is needed from here on
        if self.test_file is not None:
            path = self.file("test", self.test_file)
            splits.append(self.dataset(self.labelled(self.load(path), path), path))
        return dict(zip(STAGES, splits, strict=True))

    def read_input(self, path: Path) -> FieldDataset[Any]:
        return self.dataset(self.load(path), path, labelled=False)

    def write_sample(self, folder: Path) -> None:
        """Rows of the columns in the settings, for a problem without a sample of its own."""
        classes = {"number": (), "binary": ("0", "1"), "classes": tuple(SHAPES)}[self.target_kind]
        targets = dict.fromkeys(self.targets, classes)
        write_table(folder / (self.table or "sample.csv"), self.named, targets)

    def files(self) -> Sequence[Path]:
        return [self.path, *([self.root / self.test_file] if self.test_file else [])]

    def sources(self) -> DatasetSources:
        splits = [SPLITS] if self.test_file is None else [SPLITS[:2], SPLITS[2:]]
        targets = list(self.target_names.values())
        files = zip(self.files(), splits, strict=False)  # a subclass may have photos beside them
        groups = [name for name in (self.group, self.time) if name is not None]
        return DatasetSources([TableSource(path, targets, s, groups) for path, s in files])

    def state_dict(self) -> dict[str, Any]:
        settings = {name: getattr(self, name) for name in self.fixed}
        return {"columns": self.columns._asdict(), **super().state_dict(), "settings": settings}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        columns = Columns(**state_dict["columns"])
        trained = {**columns._asdict(), **state_dict["settings"]}
        settings = {name: getattr(self, name) for name in self.fixed}
        for name, value in [*self.named.items(), *settings.items()]:
            if (
                value is not None
                and name != "identifiers"
                and value != (was := trained.get(name, value))
            ):
                said = listed(was) if isinstance(was, list) else was
                name = self.option_names.get(name, name)
                message = f"data.{name}: the checkpoint was trained with {said}; leave it out"
                raise UserError(message)
        self.columns = columns
        outputs = {self.head: state_dict.get("classes", [])}  # of checkpoints that lack them
        super().load_state_dict({"outputs": outputs, **state_dict})

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The rows of the file, whose columns are needed before setup."""
        self.prepare_data()
        table = self.load(self.path)
        named = [name for name in self.targets if name]  # a subclass may have targets of its own
        require_columns(table, named, self.path, "data.target")
        return self.labelled(table, self.path)

    @cached_property
    def _parts(self) -> list[NDArray[np.int64]]:
        try:
            return self.split_rows(self._table)
        except TooFew as error:
            raise UserError(f"{self.path}: {error}") from error
