"""Photos in a folder for each class, cut so that each split has its share of all.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data import paths
from kindling.data.datamodule import STAGES, DataModule, SplitName
from kindling.data.dataset import FieldDataset
from kindling.data.files import duplicates
from kindling.data.numbers import at_least
from kindling.data.samples import write_folders
from kindling.data.split import split_config, stratified_split
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.images.cache import load_images
from kindling.images.folder import ImageFolder, find_images, scan
from kindling.images.read import PHOTO

Rows = NDArray[np.int64]
NAMED = 10  # repeated photos that one line names
log = logging.getLogger(__name__)


class ImageBatch(NamedTuple):
    """Photos as bytes, and what they show.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``label`` ``(B,)`` int64: index of the class, or
        ``IGNORE_INDEX``. ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a
        single sample.
    """

    image: Tensor
    label: Tensor
    indices: Tensor


class ImageFolderDataModule(DataModule):
    """Photos by class, in a training and a test folder, or in one folder for both.

    Args:
        root: Folder of the two folders; null is a generated sample.
        input: Photo or folder of photos to predict.
        train: Training folder, from which the validation photos are held out; "." is root itself.
        test: Test folder, with the same classes; null holds test photos out of training too.
        image_size: Pixels on a side, to which photos are resized.
        val_fraction: Share of the training photos of each class that is held out for validation.
        test_fraction: Share of each class that is held out for the test, without a test folder.
        split_seed: Seed of the cut, apart from the run's own so that runs stay comparable.
        folds: Parts of a cross-validation of the training folder; null takes all of it.
        fold: The part that is the test, in place of the test folder.
        drop_duplicates: Take photos out of training that are in the test or validation split too,
            byte for byte.
        batch_size: Photos in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    restored: ClassVar[Sequence[str]] = ("classes",)

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str = "train",
        test: str | None = "test",
        image_size: int = 128,
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        drop_duplicates: bool = True,
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        self.train, self.test, self.drop_duplicates = train, test, drop_duplicates
        self.image_size = at_least("data.image_size", image_size, 8, 10_000)
        test_folder = test is not None
        self.cut = split_config(val_fraction, test_fraction, split_seed, folds, fold, test_folder)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes: of the checkpoint, or else of the training folder."""
        self.prepare_data()
        return self._folders[0].classes

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"class": "class"}

    def read(self) -> Mapping[SplitName, FieldDataset[ImageBatch]]:
        train, files = self._folders[0], self.files()
        if self.classes != train.classes:
            here, trained = ", ".join(train.classes), ", ".join(self.classes)
            message = f"holds {here}, but the checkpoint was trained on {trained}"
            raise UserError(f"{train.path}: {message}")
        parts = self.cut(stratified_split, np.array(train.classes)[train.labels])
        parts = [*parts, np.arange(len(train.files), len(files))][:3]
        rows = self._without_repeated(dict(zip(STAGES, parts, strict=True)))
        labels = np.concatenate([folder.labels for folder in self._folders])
        left = np.bincount(labels[rows["train"]], minlength=len(self.classes))
        if not left.all():
            fault = "all photos are in the test or validation split too"
            empty = train.path / self.classes[int(left.argmin())]
            raise UserError(f"{empty}: {fault}; add others, or --data.drop_duplicates=false")
        whole = self._dataset(files, torch.from_numpy(labels), self.root, paths.CACHE)
        return {split: whole.take(torch.from_numpy(index)) for split, index in rows.items()}

    def read_input(self, path: Path) -> FieldDataset[ImageBatch]:
        files = find_images(path)
        unknown = torch.full((len(files),), IGNORE_INDEX)
        return self._dataset(files, unknown, path if path.is_dir() else path.parent, None)

    def write_sample(self, folder: Path) -> None:
        """Photos of shapes, where a problem has no sample of its own."""
        write_folders(folder, {self.train: 60, **({self.test: 20} if self.test else {})})

    def files(self) -> Sequence[Path]:
        return [file for folder in self._folders for file in folder.files]

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {"image": PHOTO}

    @cached_property
    def _folders(self) -> list[ImageFolder]:
        """Training and test folder; the first names the classes before ``read`` is called."""
        self.require_root()
        named = {"train": self.train, "test": self.test}
        folders = [self._scan(option, name) for option, name in named.items() if name is not None]
        if differing := ", ".join(sorted(set(folders[0].classes) ^ set(folders[-1].classes))):
            fault = f"{self.train} and {self.test} must hold the same classes"
            raise UserError(f"{self.root}: {fault}; only one of them has {differing}")
        return folders

    def _scan(self, option: str, name: str) -> ImageFolder:
        folder = self.root / name
        if not folder.is_dir():
            there = ", ".join(sorted(f.name for f in self.root.iterdir() if f.is_dir())) or "none"
            raise UserError(f"{folder}: no such folder (--data.{option}); folders there: {there}")
        return scan(folder)

    def _without_repeated(self, rows: Mapping[SplitName, Rows]) -> dict[SplitName, Rows]:
        """The splits without photos that a later one has: a score on those is not on new ones."""
        files = self.files()
        chosen: dict[str, list[Path]] = {s: [files[k] for k in rows[s]] for s in rows}
        repeated: set[Path] = set()
        for alike in duplicates(chosen):
            *earlier, _ = (alike[split] for split in rows if split in alike)
            repeated.update(file for several in earlier for file in several)
        if not repeated:
            return dict(rows)
        names = sorted(file.relative_to(self.root).as_posix() for file in repeated)
        done = "left out" if self.drop_duplicates else "kept (--data.drop_duplicates=false)"
        shown = ", ".join([*names[:NAMED], *["..."][: len(names) > NAMED]])
        log.warning("%d photos lie in a later split too, %s: %s", len(names), done, shown)
        drop = [k for k, file in enumerate(files) if file in repeated and self.drop_duplicates]
        return {split: index[~np.isin(index, drop)] for split, index in rows.items()}

    def _dataset(
        self, files: Sequence[Path], label: Tensor, above: Path, cache: Path | None
    ) -> FieldDataset[ImageBatch]:
        images = load_images(files, (self.image_size, self.image_size), cache)
        names = [file.relative_to(above).as_posix() for file in files]
        fields = {"image": torch.arange(len(files)), "label": label}
        return FieldDataset(ImageBatch, fields, {"image": images}, {"file": names})
