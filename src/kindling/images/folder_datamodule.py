"""Photos in a folder for each class, cut so that each split has its share of all.

M: photos decoded, N: photos of a split, B: batch, H: height, W: width.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName, Stage
from kindling.data.dataset import FieldDataset
from kindling.data.files import digests, duplicates
from kindling.data.samples import write_folders
from kindling.data.sources import DatasetSources, of_files
from kindling.data.split import SplitConfig, split_config, stratified_cut
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.images.folder import ImageFolder, find_images, scan
from kindling.images.layout import AUTO, find_parts
from kindling.images.levels import Levels
from kindling.images.listed import read_listing
from kindling.images.read import BadFiles, BadFilesAre, Fit, ImageSize
from kindling.images.reader import PhotoReader

Rows = NDArray[np.int64]
Sampling = Literal["shuffled", "balanced"]
NAMED = 10  # repeated photos that one line names
log = logging.getLogger(__name__)


class ImageBatch(NamedTuple):
    """Photos as bytes, and what they show.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``label`` ``(B,)`` int64: index of the class, or
        ``(B, C)``: 1 for each label that a photo has, and 0; ``IGNORE_INDEX`` where unknown.
        ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a single sample.
    """

    image: Tensor
    label: Tensor
    indices: Tensor


class ImageFolderDataModule(DataModule):
    """Photos by class: in folders for the splits, in one folder that is cut, or in a table.

    In a table a photo may also have several labels, or none.

    Args:
        root: Folder of the photos; null is a generated sample.
        input: Photo or folder of photos to predict.
        train: Folder or CSV file of the training photos; "auto" finds it, "." is root itself, and
            null, to score only test photos, is none.
        val: Validation photos; null holds them out of training; "auto" does so if there are none.
        test: Test photos; null holds them out of training too; "auto" does so if there are none.
        file: Column of the photos' names, in a CSV file; null finds it.
        label: Column of the class or of several labels, in a CSV file, or a list of columns of 0
            and 1, one for each label; null finds it.
        separator: Separates the labels in a cell; "" is one class a cell, null finds it.
        photos: Folder of the photos of a CSV file; null finds it.
        suffix: Ending of the photos' names that a CSV file leaves out; null finds it.
        group: Column, or pattern of a photo's path, whose equal values keep photos in one split.
        allow_missing_classes: Score a split that lacks some of the classes.
        image_size: Pixels on a side, or height and width, to which photos are resized.
        fit: A photo of another shape is stretched, cut, or padded with black.
        levels: Values that are black and white in images of more than eight bits; null takes the
            least and the largest of the training photos.
        bands: One or three bands of a TIFF, counted from 1; null takes photos as they are.
        bad_files: End with an error if photos cannot be read, or leave them out and name them.
        val_fraction: Share of the training photos of each class that is held out for validation.
        test_fraction: Share of each class that is held out for the test, without a test folder.
        split_seed: Seed of the split, separate from the run's so that runs stay comparable.
        folds: Parts of a cross-validation of the training folder; null takes all of it.
        fold: The part that is the test, in place of the test folder.
        drop_duplicates: Take photos out of training that are in the test or validation split too,
            byte for byte.
        sampling: "balanced" draws training photos with replacement so that all classes are equally
            frequent; "shuffled" draws each photo once.
        batch_size: Photos in a batch.
        num_workers: Processes that load batches; 0 loads in the training process.
    """

    restored: ClassVar[Sequence[str]] = (
        "classes", "multilabel", "measured_levels", "cuts_test", "seen",
    )  # fmt: skip

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        train: str | None = AUTO,
        val: str | None = AUTO,
        test: str | None = AUTO,
        file: str | None = None,
        label: str | list[str] | None = None,
        separator: str | None = None,
        photos: str | None = None,
        suffix: str | None = None,
        group: str | None = None,
        allow_missing_classes: bool = False,
        image_size: ImageSize = 128,
        fit: Fit = "stretch",
        levels: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
        bad_files: BadFilesAre = "error",
        val_fraction: float = 0.2,
        test_fraction: float = 0.2,
        split_seed: int = 0,
        folds: int | None = None,
        fold: int = 0,
        drop_duplicates: bool = True,
        sampling: Sampling = "shuffled",
        batch_size: int = 32,
        num_workers: int = 0,
    ) -> None:
        super().__init__(root, input, batch_size, num_workers)
        self.named: dict[Stage, str | None] = {"train": train, "val": val, "test": test}
        self.listing: dict[str, Any] = {"file": file, "label": label, "separator": separator}
        self.listing |= {"photos": photos, "suffix": suffix}
        self.group, self.allow_missing_classes = group, allow_missing_classes
        self.drop_duplicates, self.sampling = drop_duplicates, sampling
        self.reader = PhotoReader(image_size, fit, levels, bad_files, bands)
        self.image_size, self.fit, self.size = image_size, fit, self.reader.size
        self._seen: list[Path] = []
        self.cut = split_config(val_fraction, test_fraction, split_seed, folds, fold, False)

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes: of the checkpoint, or else of the training photos."""
        self.prepare_data()
        if "train" not in self._sets:
            raise UserError("data.train=null: there is nothing to train on; name a folder")
        return self._sets["train"].classes

    @cached_property
    def multilabel(self) -> bool:
        """Whether a photo has any number of labels: by the checkpoint, or else in training."""
        self.prepare_data()
        return "train" in self._sets and self._sets["train"].multilabel

    @cached_property
    def cuts_test(self) -> bool:
        """Whether the checkpoint's test photos, or else these, are cut out of others."""
        return "test" not in self._sets or self.cut.folds is not None

    @property
    def measured_levels(self) -> Levels | None:
        """The range of the checkpoint's training photos, or else of these."""
        return self.reader.measured

    @measured_levels.setter
    def measured_levels(self, levels: Levels | None) -> None:
        self.reader.restore(levels)

    @cached_property
    def seen(self) -> str:
        """Eight bytes of the digest of each photo of training and validation, as hexadecimals.

        Of the checkpoint's, or else of these.
        """
        return "".join(sorted(_eight_bytes(self._seen)))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({"multilabel": False, **state_dict})  # some checkpoints lack it

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"class": "class"}

    def read(self) -> Mapping[SplitName, FieldDataset[ImageBatch]]:
        files = self._photos
        if self.multilabel and self.sampling == "balanced":
            cure = "for several labels a photo: weigh them, --model.class_weights=balanced"
            raise UserError(f"data.sampling=balanced: not {cure}")
        label = np.concatenate([self._labels(split) for split in self._sets])
        parts = self._cut()
        trains, rows = len(parts["train"]) > 0, self._without_repeated(parts)
        rows["test"] = self._without_seen(rows["test"])
        training = [files[k] for k in rows["train"]]
        self._seen = [*training, *(files[k] for k in rows["val"])]
        self.reader.measure(training)
        whole = self._dataset(files, torch.from_numpy(label), self.root, True)
        bad = list(self.reader.faults)
        rows = {split: index[~np.isin(index, bad)] for split, index in rows.items()}
        if trains and not self.multilabel:
            left = np.bincount(label[rows["train"]], minlength=len(self.classes))
            if not left.all():
                fault = "all photos are in the test or validation split too"
                fault += " or cannot be read" if bad else ""
                empty = self._sets["train"].path / self.classes[int(left.argmin())]
                raise UserError(f"{empty}: {fault}; add others")
        return {split: whole.take(torch.from_numpy(index)) for split, index in rows.items()}

    def read_input(self, path: Path) -> FieldDataset[ImageBatch]:
        files = find_images(path)
        several = [len(self.classes)] if self.multilabel else []
        unknown = torch.full((len(files), *several), IGNORE_INDEX)
        whole = self._dataset(files, unknown, path if path.is_dir() else path.parent, False)
        faults, names = self.reader.faults, whole.identifiers["file"]
        good = [k for k in range(len(files)) if k not in faults]
        if not good:
            raise BadFiles(files, faults)
        self.unread = [{"file": names[k], "error": fault} for k, fault in faults.items()]
        return whole.take(torch.tensor(good))

    def sampling_weights(self) -> Tensor | None:
        if self.sampling == "shuffled":
            return None
        label = self.training.fields["label"]
        return (1 / torch.bincount(label).double())[label]

    def write_sample(self, folder: Path) -> None:
        """Photos of shapes, where a problem has no sample of its own."""
        counts = {"train": 60, "test": 20}
        names = {split: self.named[split] for split in counts}  # type: ignore[index]
        named = {split if name == AUTO else name: counts[split] for split, name in names.items()}
        write_folders(folder, {name: count for name, count in named.items() if name})

    def files(self) -> Sequence[Path]:
        tables = [part.path for part in self._sets.values() if part.path.is_file()]
        return [*self._photos, *tables]

    def sources(self) -> DatasetSources:
        return of_files(self._photos, list(self.target_names.values()))

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {"image": self.reader.described()}

    @cached_property
    def _sets(self) -> dict[Stage, ImageFolder]:
        """Photos of the splits that have some of their own, training first."""
        self.require_root()
        parts = find_parts(self.root, self.named)
        if not parts:
            raise UserError("data.train and data.test are both null: one is needed")
        return {split: self._scan(path) for split, path in parts.items()}

    @property
    def _photos(self) -> list[Path]:
        """The photos of all sets, one after another."""
        return [file for part in self._sets.values() for file in part.files]

    def _scan(self, path: Path) -> ImageFolder:
        found = (
            read_listing(path, **self.listing, group=self.group) if path.is_file() else scan(path)
        )
        if self.group is None or found.groups:
            return found
        return replace(found, groups=path_groups(self.group, self._names(found.files, self.root)))

    def _labels(self, split: Stage) -> Rows:
        """The photos' classes or labels, in the order of ``classes``."""
        part = self._sets[split]
        if part.multilabel and not self.multilabel:
            raise UserError(f"{part.path}: photos have several labels, but one class in training")
        unknown = sorted(set(part.classes) - set(self.classes))
        lacking = sorted(set(self.classes) - set(part.classes))
        allowed = self.allow_missing_classes or self.multilabel
        if unknown or (lacking and not allowed):
            self._refuse_classes(part, sorted([*unknown, *lacking]), bool(unknown))
        order = np.array([self.classes.index(name) for name in part.classes], dtype=np.int64)
        if not self.multilabel:
            return order[part.labels]
        truth = np.zeros((len(part.files), len(self.classes)), np.int64)
        truth[:, order] = part.labels if part.multilabel else np.eye(len(order))[part.labels]
        return truth

    def _refuse_classes(self, part: ImageFolder, differ: list[str], more: bool) -> NoReturn:
        train, names = self._sets.get("train"), ", ".join(differ)
        if train is None or self.classes != train.classes:
            here, trained = ", ".join(part.classes), ", ".join(self.classes)
            fault = f"{part.path}: holds {here}, but the checkpoint was trained on {trained}"
        else:
            both = f"{train.path.name} and {part.path.name}"
            fault = f"{self.root}: {both} must hold the same classes; only one of them has {names}"
        if len({name.casefold() for name in differ}) < len(differ):
            fault += ", which differ only in upper and lower case: rename them"
        elif not more:
            fault += "; --data.allow_missing_classes=true scores the others"
        raise UserError(fault)

    def _cut(self) -> dict[SplitName, Rows]:
        """Each split, as indices among the photos of all sets, one after another."""
        edges = np.cumsum([0, *(len(part.files) for part in self._sets.values())])
        own = {s: np.arange(*edges[k : k + 2]) for k, s in enumerate(self._sets)}
        none = np.arange(0)
        if "train" not in own or ("test" not in own and not self.cuts_test):
            # Trained on folders, a model is scored on all of a folder that has no such parts.
            return {"train": none, "val": none, "test": own.get("test", own.get("train", none))}
        folds = self.cut.folds is not None
        pool = np.concatenate(
            [own[s] for s in ("train", "val") if s in own and (folds or s == "train")]
        )
        if self.named["test"] == AUTO and "test" not in own and not folds:
            held = f"{self.cut.test_fraction:g} of each class"
            log.info("%s: no test photos of their own: %s is held out", self.root, held)
        if folds or not {"val", "test"} <= own.keys():
            cut = self.cut._replace(test_fraction=0.0) if "test" in own else self.cut
            train, val, *test = (pool[part] for part in self._parts(cut, pool))
        else:
            train, val, test = pool, none, []
        if "val" in own and not folds:
            train, val = np.sort(np.concatenate([train, val])), own["val"]
        return {"train": train, "val": val, "test": test[0] if test else own["test"]}

    def _parts(self, cut: SplitConfig, pool: Rows) -> list[Rows]:
        """Parts of ``pool`` with their share of each class, groups whole.

        Of several labels, each combination is a class, those of too few photos together.
        """
        labels = np.concatenate([part.names for part in self._sets.values()])[pool]
        if self.multilabel:
            kinds, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
            labels = np.where(counts < cut.fewest, "a rare combination of labels", kinds)[which]
        groups = [name for part in self._sets.values() for name in part.groups]
        unit = np.array(groups)[pool] if groups else pool
        _, first, which = np.unique(unit, return_index=True, return_inverse=True)
        parts, rare = stratified_cut(cut, labels[first])
        for name in rare:
            what = "groups" if groups else "photos"
            log.warning("class %s has too few %s for every split: only in training", name, what)
        return [np.flatnonzero(np.isin(which, part)) for part in parts]

    def _without_repeated(self, rows: Mapping[SplitName, Rows]) -> dict[SplitName, Rows]:
        """The splits without photos that a later one has: a score on those is not on new ones."""
        files = self._photos
        chosen: dict[str, list[Path]] = {s: [files[k] for k in rows[s]] for s in rows}
        repeated: set[Path] = set()
        for alike in duplicates(chosen):
            *earlier, _ = (alike[split] for split in rows if split in alike)
            repeated.update(file for several in earlier for file in several)
        if not repeated:
            return dict(rows)
        self._report(repeated, "lie in a later split too")
        drop = [k for k, file in enumerate(files) if file in repeated and self.drop_duplicates]
        return {split: index[~np.isin(index, drop)] for split, index in rows.items()}

    def _without_seen(self, test: Rows) -> Rows:
        """The test photos without those that the checkpoint was trained on, wherever they lie."""
        if "seen" not in vars(self):
            return test
        seen, files = {self.seen[k : k + 16] for k in range(0, len(self.seen), 16)}, self._photos
        again = np.array([s in seen for s in _eight_bytes(files[k] for k in test)], dtype=bool)
        if not again.any():
            return test
        if again.all():
            raise UserError(f"{self.root}: the run was trained on all of these photos; give others")
        self._report([files[k] for k in test[again]], "were trained on")
        return test[~again] if self.drop_duplicates else test

    def _report(self, repeated: Iterable[Path], fault: str) -> None:
        names = sorted(self._names(repeated, self.root))
        done = "left out" if self.drop_duplicates else "kept (--data.drop_duplicates=false)"
        shown = ", ".join([*names[:NAMED], *["..."][: len(names) > NAMED]])
        log.warning("%d photos %s, %s: %s", len(names), fault, done, shown)

    def _dataset(
        self, files: Sequence[Path], label: Tensor, above: Path, labelled: bool
    ) -> FieldDataset[ImageBatch]:
        images = self.reader.read(files, labelled)
        fields = {"image": torch.arange(len(files)), "label": label}
        names = {"file": self._names(files, above)}
        return FieldDataset(ImageBatch, fields, {"image": images}, names)

    @staticmethod
    def _names(files: Iterable[Path], above: Path) -> list[str]:
        return [Path(os.path.relpath(file, above)).as_posix() for file in files]


def _eight_bytes(files: Iterable[Path]) -> list[str]:
    return [digest.hex()[:16] for digest in digests(files)]


def path_groups(pattern: str, names: Sequence[str]) -> list[str]:
    """The match of a pattern in each path: its first group if it has one, or else all of it."""
    try:
        found = [re.search(pattern, name) for name in names]
    except re.error as error:
        raise UserError(f"data.group={pattern}: no pattern of a path: {error}") from error
    groups = [match[bool(match.re.groups)] for match in found if match]
    if len(groups) < len(names):
        name = names[found.index(None)]
        raise UserError(f"data.group={pattern}: not in {name}; a column, or a pattern of all paths")
    return groups
