"""Photos of the sky in a folder for each class, cut so that each split has its share of all."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kindling.data import paths
from kindling.data.datamodule import DataModule, SplitName, at_least, share
from kindling.data.sources import DatasetSources, ImageSource
from kindling.data.split import SplitConfig, check_fold, stratified_split
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.images import PHOTO, ImageFolder, find_images, load_images, scan
from problems.clouds.photos import Photos
from problems.clouds.repeated import without_repeated
from problems.clouds.sample import write_sample


class CloudsDataModule(DataModule):
    """Photos by class, in a training and a test folder.

    Args:
        root: Folder of the two folders; null is a generated sample.
        input: Photo or folder of photos to predict.
        train: Training folder, from which the validation photos are held out.
        test: Test folder, with the same classes.
        image_size: Pixels on a side, to which photos are resized.
        val_fraction: Share of the training photos of each class that is held out for validation.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation of the training folder; null takes all of it.
        fold: The part that is the test, in place of the test folder.
        drop_duplicates: Take photos out of training that are in the test or validation split too,
            byte for byte.
        batch_size: Photos in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    task = "clouds"

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "clouds_train",
        test: str = "clouds_test",
        image_size: int = 128,
        val_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        drop_duplicates: bool = True,
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        check_fold(folds, fold)
        self.train_folder, self.test_folder = train, test
        self.image_size = at_least("data.image_size", image_size, 8)
        held_out = share("data.val_fraction", val_fraction)
        self.cut = SplitConfig(held_out, 0.0, split_seed, folds, fold)
        self.drop_duplicates = drop_duplicates
        self._classes: list[str] = []

    @property
    def classes(self) -> list[str]:
        """Names of the classes: of the checkpoint, or else of the training folder."""
        if not self._classes:
            self.prepare_data()
            self._classes = self._folders[0].classes
        return self._classes

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"cloud": "class"}

    def photos(self, split: SplitName) -> Photos:
        photos = self.splits[split]
        assert isinstance(photos, Photos)
        return photos

    def read(self) -> Mapping[SplitName, Photos]:
        train, test = self._folders
        self._check_classes(train)
        kept, val, *fold = self.cut(stratified_split, np.array(train.classes)[train.labels])
        if fold:
            test = train
        rows = {"train": kept, "val": val, "test": fold[0] if fold else np.arange(len(test.files))}
        files = {"train": train.files, "val": train.files, "test": test.files}
        rows = without_repeated(rows, files, self.root, self.drop_duplicates)
        self._check_left(train, rows["train"])
        images = self._load(train.files)
        return {
            "train": _photos(train, images, rows["train"]),
            "val": _photos(train, images, rows["val"]),
            "test": _photos(test, images if fold else self._load(test.files), rows["test"]),
        }

    def read_input(self, path: Path) -> Photos:
        files = find_images(path)
        images = load_images(files, (self.image_size, self.image_size), cache=None)
        return Photos(
            images, torch.arange(len(files)), torch.full((len(files),), IGNORE_INDEX), files
        )

    def files(self) -> Sequence[Path]:
        return [file for folder in self._folders for file in folder.files]

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def describe(self, split: SplitName, index: Tensor) -> Mapping[str, Sequence[str]]:
        files = self.photos(split).files
        above = self.root
        if self.input is not None and split == "predict":
            above = self.input if self.input.is_dir() else self.input.parent
        return {"file": [files[k].relative_to(above).as_posix() for k in index.tolist()]}

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {"image": PHOTO}

    def sources(self) -> DatasetSources:
        names = (self.train_folder, self.test_folder)
        return DatasetSources(
            images=[
                ImageSource(name, folder.files, [folder.classes[k] for k in folder.labels])
                for name, folder in zip(names, self._folders, strict=True)
            ]
        )

    def state_dict(self) -> dict[str, Any]:
        return {"classes": self.classes}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._classes = state_dict["classes"]

    @cached_property
    def _folders(self) -> tuple[ImageFolder, ImageFolder]:
        """Training and test folder; the first names the classes before ``read`` is called."""
        self.require_root()
        train, test = (
            self._scan(option, name)
            for option, name in (("train", self.train_folder), ("test", self.test_folder))
        )
        if differing := sorted(set(train.classes) ^ set(test.classes)):
            raise UserError(
                f"{self.root}: {self.train_folder} and {self.test_folder} must hold the same "
                f"classes; only one of them has {', '.join(differing)}"
            )
        return train, test

    def _scan(self, option: str, name: str) -> ImageFolder:
        folder = self.root / name
        if not folder.is_dir():
            there = ", ".join(sorted(f.name for f in self.root.iterdir() if f.is_dir())) or "none"
            raise UserError(f"{folder}: no such folder (--data.{option}); folders there: {there}")
        return scan(folder)

    def _check_classes(self, folder: ImageFolder) -> None:
        if self.classes != folder.classes:
            raise UserError(
                f"{self.root / self.train_folder}: holds {', '.join(folder.classes)}, but the "
                f"checkpoint was trained on {', '.join(self.classes)}"
            )

    def _check_left(self, folder: ImageFolder, rows: np.ndarray[Any, Any]) -> None:
        left = np.bincount(folder.labels[rows], minlength=len(folder.classes))
        if not left.all():
            name = folder.classes[int(left.argmin())]
            raise UserError(
                f"{self.root / self.train_folder / name}: all photos are in the test or validation "
                "split too; add others, or --data.drop_duplicates=false"
            )

    def _load(self, files: Sequence[Path]) -> Tensor:
        return load_images(files, (self.image_size, self.image_size), paths.CACHE)


def _photos(folder: ImageFolder, images: Tensor, rows: np.ndarray[Any, Any]) -> Photos:
    index = torch.from_numpy(rows)
    label = torch.from_numpy(folder.labels)[index]
    return Photos(images, index, label, [folder.files[row] for row in rows.tolist()])
