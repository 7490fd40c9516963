"""Photos of people in a table, cut by photo or by person."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from kindling.data import paths
from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.sources import DatasetSources, TableSource
from kindling.data.split import SplitConfig, check_fold
from kindling.data.targets import IGNORE_INDEX
from kindling.images import PHOTO, find_images, load_images
from problems.faces.cut import Rows, cut_rows
from problems.faces.listing import Columns, Listing, read_listing
from problems.faces.photos import Faces
from problems.faces.sample import write_sample

log = logging.getLogger(__name__)


class FacesDataModule(DataModule):
    """Photos that a CSV file lists, with the identity or the age of who is in them, or both.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        input: Photo or folder of photos to predict.
        table: CSV file in root; null is the only one there.
        file: Column of the photos' paths, relative to the CSV file.
        identity: Column that says who it is; null if there is none.
        age: Column of years; null if there is none.
        by: Everybody's photos in all splits, or each person in one split only.
        image_size: Pixels on a side, to which photos are resized.
        val_fraction: Share held out for validation, of the photos that are not for the test.
        test_fraction: Share held out for the test.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation; null cuts once.
        fold: The part that is the test.
        batch_size: Photos in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "faces"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        file: str = "file",
        identity: str | None = "identity",
        age: str | None = "age",
        by: Literal["image", "person"] = "image",
        image_size: int = 64,
        val_fraction: float = 0.15,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        self.table, self.columns, self.by = table, Columns(file, identity, age), by
        self.image_size = at_least("data.image_size", image_size, 8)
        check_fold(folds, fold)
        self.cut = SplitConfig(
            share("data.val_fraction", val_fraction),
            share("data.test_fraction", test_fraction),
            split_seed,
            folds,
            fold,
        )
        self._classes: list[str] | None = None
        self._ages: list[float] | None = None

    @property
    def classes(self) -> list[str]:
        """The people of the checkpoint, or else of the training split."""
        if self._classes is None:
            who = self._listing.identity[self._parts[0]]
            self._classes = sorted({name for name in who if name is not None})
        return self._classes

    @property
    def ages(self) -> list[float]:
        """The youngest and the oldest of the checkpoint, or else of the training split."""
        if self._ages is None:
            age = self._listing.age[self._parts[0]]
            known = age[~np.isnan(age)]
            self._ages = [float(known.min()), float(known.max())] if len(known) else []
        return self._ages

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"identity": self.columns.identity or "identity", "age": self.columns.age or "age"}

    def photos(self, split: SplitName) -> Faces:
        photos = self.splits[split]
        assert isinstance(photos, Faces)
        return photos

    def read(self) -> Mapping[SplitName, Faces]:
        train, val, test = self._parts
        size = (self.image_size, self.image_size)
        images = load_images(self._listing.files, size, paths.CACHE)
        place = {name: k for k, name in enumerate(self.classes)}
        who = self._listing.identity
        identity = torch.tensor([place.get(name, IGNORE_INDEX) for name in who])
        self._report_strangers(identity)
        return {
            "train": self._faces(images, identity, train),
            "val": self._faces(images, identity, val),
            "test": self._faces(images, identity, test),
        }

    def read_input(self, path: Path) -> Faces:
        files = find_images(path)
        images = load_images(files, (self.image_size, self.image_size), cache=None)
        above = path if path.is_dir() else path.parent
        names = [file.relative_to(above).as_posix() for file in files]
        nobody, ageless = (
            torch.full((len(files),), IGNORE_INDEX),
            torch.full((len(files),), torch.nan),
        )
        return Faces(images, torch.arange(len(files)), nobody, ageless, names)

    def files(self) -> Sequence[Path]:
        return [self._listing.path, *dict.fromkeys(self._listing.files)]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[str]]:
        names = self.photos(split).names
        return {"file": [names[k] for k in index.tolist()]}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {"image": PHOTO, "age": {"unit": "years"}}

    def sources(self) -> DatasetSources:
        file, who, age = self.columns.file, self.columns.identity, self.columns.age
        path = self.only_table("table", self.table)
        targets = [name for name in (who, age) if name is not None]
        return DatasetSources(
            [TableSource(path, targets, photos=[file], groups=[who] if who else [])]
        )

    def state_dict(self) -> dict[str, Any]:
        return {"classes": self.classes, "ages": self.ages}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._classes, self._ages = state_dict["classes"], state_dict["ages"]

    @cached_property
    def _listing(self) -> Listing:
        """The table, which names the people before ``read`` is called."""
        self.prepare_data()
        return read_listing(self.only_table("table", self.table), self.columns)

    @cached_property
    def _parts(self) -> list[Rows]:
        """Rows of training, validation and test."""
        return cut_rows(self._listing, self.by, self.cut)

    def _report_strangers(self, identity: Tensor) -> None:
        """Count those whom the identity head cannot know, in validation and test."""
        strangers = torch.from_numpy(self._listing.named) & (identity == IGNORE_INDEX)
        scored = torch.from_numpy(np.concatenate(self._parts[1:]))
        if count := int(strangers[scored].sum()):
            log.info(
                "by %s: %d validation and test photos are of people that training does not know: "
                "their identity is not scored",
                self.by,
                count,
            )

    def _faces(self, images: Tensor, identity: Tensor, rows: Rows) -> Faces:
        index = torch.from_numpy(rows)
        age = torch.from_numpy(self._listing.age)[index]
        names = [self._listing.names[row] for row in rows.tolist()]
        return Faces(images, index, identity[index], age, names)
