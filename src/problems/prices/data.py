"""A CSV whose rows have numbers, categories, photos and a price, cut by what rows share."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data import paths
from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.sources import SPLITS, DatasetSources, TableSource
from kindling.data.split import SplitConfig, check_fold, grouped_split
from kindling.errors import UserError
from kindling.images import PHOTO
from kindling.tables.columns import Columns, Kind, choose, report
from kindling.tables.read import numeric, read_table, refuse
from kindling.tables.vocabulary import UNSEEN, encode, vocabularies
from problems.prices.offers import PriceDataset
from problems.prices.photos import decode, row_files, same_photos
from problems.prices.sample import write_sample

FIXED = ("use_photos", "use_table", "log_price", "image_size")
"""Settings that a trained model cannot do without."""


class PricesDataModule(DataModule):
    """Rows of one CSV with a price, cut at random but for rows that share a photo.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        input: CSV file to predict, with the columns that were learned from, prices not needed.
        table: Name of the CSV file; null is the only one in the folder.
        target: Column of the price.
        numbers: Columns of numbers; null is those that look like it.
        categories: Columns of categories; null is those that look like it.
        photos: Columns of photos' paths, relative to the CSV; null is those that look like it.
        ignore: Columns that are not learned from, and identify a row in the predictions.
        use_photos: Learn from photos.
        use_table: Learn from numbers and categories.
        log_price: Learn the price's logarithm.
        image_size: Pixels on a side, to which photos are resized.
        category_limit: Different values that a column of categories may have.
        val_fraction: Share held out for validation, of the rows that are not for the test.
        test_fraction: Share held out for the test.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation; null cuts once.
        fold: The part that is the test.
        batch_size: Rows in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "prices"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        target: str = "price",
        numbers: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        photos: Sequence[str] | None = None,
        ignore: Sequence[str] = (),
        use_photos: bool = True,
        use_table: bool = True,
        log_price: bool = True,
        image_size: int = 64,
        category_limit: int = 100,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        if not (use_photos or use_table):
            raise UserError("data.use_photos and data.use_table are both false: one is needed")
        self.table, self.target = table, target
        self.photo_columns = list(photos or ())
        chosen: dict[Kind, Sequence[str] | None] = {
            "numbers": numbers if use_table else [],
            "categories": categories if use_table else [],
            "photos": photos if use_photos else [],
            "identifiers": ignore,
        }
        self.named = {k: None if names is None else list(names) for k, names in chosen.items()}
        self.use_photos, self.use_table, self.log_price = use_photos, use_table, log_price
        self.image_size = at_least("data.image_size", image_size, 8)
        self.category_limit = at_least("data.category_limit", category_limit, 1)
        check_fold(folds, fold)
        self.cut = SplitConfig(
            share("data.val_fraction", val_fraction),
            share("data.test_fraction", test_fraction),
            split_seed,
            folds,
            fold,
        )
        self._learned: tuple[Columns, dict[str, list[str]]] | None = None
        self._files: list[Path] = []

    @property
    def columns(self) -> Columns:
        """What each column is: of the checkpoint, or else of the file."""
        return self._known()[0]

    @property
    def vocabulary(self) -> dict[str, list[str]]:
        """The categories of each column: of the checkpoint, or else of the training rows."""
        return self._known()[1]

    @property
    def features(self) -> int:
        """Numbers of a row, F."""
        return len(self.columns.numbers)

    @property
    def vocabularies(self) -> list[int]:
        """How many known values each category has, C sizes."""
        return [len(values) for values in self.vocabulary.values()]

    @property
    def views(self) -> int:
        """Photos of a row, V."""
        return len(self.columns.photos)

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"price": self.target}

    def offers(self, split: SplitName) -> PriceDataset:
        offers = self.splits[split]
        assert isinstance(offers, PriceDataset)
        return offers

    def read(self) -> Mapping[SplitName, PriceDataset]:
        whole = self._offers(self._table, self._path, self._prices(), paths.CACHE)
        parts = self._parts
        del self._table, self._parts  # the tensors are all that is needed from here on
        return {split: whole.take(torch.from_numpy(rows)) for split, rows in parts.items()}

    def read_input(self, path: Path) -> PriceDataset:
        table = read_table(path)
        return self._offers(table, path, np.full(len(table), np.nan, np.float32), None)

    def files(self) -> Sequence[Path]:
        return [self._path, *self._files]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[Any]]:
        offers = self.offers(split)
        names = {n: [v[k] for k in index.tolist()] for n, v in offers.identifiers.items()}
        return {"row": offers.rows[index].tolist(), **names}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        columns = self.columns
        coded = f"places in vocabulary, from 1 on; {UNSEEN} where missing or not in it"
        return {
            "photos": {**PHOTO, "columns": columns.photos},
            "numbers": {
                "meaning": "numbers of a row, NaN where missing",
                "unit": "of the training file",
                "columns": columns.numbers,
            },
            "codes": {
                "meaning": "categories of a row",
                "unit": coded,
                "columns": columns.categories,
                "vocabulary": self.vocabulary,
            },
        }

    def sources(self) -> DatasetSources:
        columns = self.columns
        kinds = (columns.numbers, columns.categories, columns.photos)
        return DatasetSources([TableSource(self._path, [self.target], SPLITS, *kinds)])

    def state_dict(self) -> dict[str, Any]:
        columns, vocabulary = self._known()
        settings = {name: getattr(self, name) for name in FIXED}
        return {"columns": columns._asdict(), "vocabulary": vocabulary, "settings": settings}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        columns = Columns(**state_dict["columns"])
        known = {**columns._asdict(), **state_dict["settings"]}
        given: dict[str, Any] = {name: getattr(self, name) for name in FIXED}
        given |= {str(kind): names for kind, names in self.named.items()}
        for name, value in given.items():
            if value is None or name == "identifiers" or value == known[name]:
                continue
            was = ", ".join(known[name]) if isinstance(known[name], list) else known[name]
            raise UserError(f"data.{name}: the checkpoint was trained with {was}; leave it out")
        self._learned = columns, state_dict["vocabulary"]

    def _known(self) -> tuple[Columns, dict[str, list[str]]]:
        if self._learned is None:
            self.prepare_data()
            columns = choose(self._table, self.target, self.named, self._path)
            training = self._parts["train"]
            limit, names = self.category_limit, columns.categories
            found = vocabularies(self._table, names, training, limit, self._path)
            report(self._table, columns, found, self.target)
            self._learned = columns, found
        return self._learned

    @cached_property
    def _path(self) -> Path:
        return self.only_table("table", self.table)

    @cached_property
    def _table(self) -> pd.DataFrame:
        """The file, which names the columns before ``read`` is called."""
        return read_table(self._path)

    @cached_property
    def _parts(self) -> dict[SplitName, NDArray[np.int64]]:
        """Rows of each split."""
        groups = same_photos(self._table, self.photo_columns, self._path)
        train, val, test = self.cut(grouped_split, groups)
        if min(len(train), len(val), len(test)) < 2:
            raise UserError(f"{self._path}: a split of one row has no R2; add rows or its share")
        return {"train": train, "val": val, "test": test}

    def _prices(self) -> NDArray[np.float32]:
        price = numeric(self._table, [self.target], self._path)[:, 0]
        cells = self._table[self.target]
        refuse(np.isnan(price), cells, self._path, "no price: fill it in or delete the row")
        if self.log_price:
            fault = "{cell} has no logarithm: correct it, or --data.log_price=false"
            refuse(price <= 0, cells, self._path, fault)
        return price

    def _offers(
        self, table: pd.DataFrame, path: Path, price: NDArray[np.float32], cache: Path | None
    ) -> PriceDataset:
        columns, vocabulary = self._known()
        numbers = numeric(table, columns.numbers, path)
        codes = encode(table, vocabulary, path)
        files = row_files(table, columns.photos, path)
        self._files = list(dict.fromkeys(file for row in files for file in row))
        images, photos = decode(files, self.image_size, cache)
        return PriceDataset(
            images,
            photos,
            torch.from_numpy(numbers),
            torch.from_numpy(codes),
            torch.from_numpy(price),
            torch.tensor(table.index.to_numpy()),
            {name: table[name].tolist() for name in columns.identifiers if name in table},
        )
