"""Photos of people in a table, cut by photo or by person.

N: photos, B: batch, H: height, W: width.
"""

import logging
import textwrap
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.datamodule import DataModule, SplitName
from kindling.data.dataset import FieldDataset
from kindling.data.sources import DatasetSources, TableSource
from kindling.data.split import TooFew, grouped_split, stratified_cut
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from kindling.images import find_images, listed_images
from kindling.images.listed import with_names
from kindling.images.table_datamodule import ImageTableDataModule, same_photos
from kindling.tables.columns import Columns
from kindling.tables.read import numeric, read_table, refuse, require_columns
from problems.faces.sample import write_sample

OLDEST = 150  # years above which a number is a slip of the pen
NOBODY = ""  # stands for whoever is in photos without identity; no cell of a table can hold it
Rows = NDArray[np.int64]
log = logging.getLogger(__name__)


class FacesBatch(NamedTuple):
    """Photos as bytes, with the person and the age.

    Shape:
        ``image`` ``(B, 3, H, W)`` uint8. ``identity`` ``(B,)`` int64: place of the person among
        those of training, or ``IGNORE_INDEX``. ``age`` ``(B,)`` in years, NaN where unknown.
        ``indices`` ``(B,)`` int64: of the samples in their split. Without B for a single sample.
    """

    image: Tensor
    identity: Tensor
    age: Tensor
    indices: Tensor


class FacesDataModule(ImageTableDataModule):
    """Photos that a CSV file lists, with the identity or the age of who is in them, or both.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        input: Photo or folder of photos to predict.
        file: Column of the photos' paths, relative to the CSV file.
        identity: Column of the person; null if there is none.
        age: Column of years; null if there is none.
        by: Split each person's photos ("image"), or put each person in one split ("person").
        val_fraction: Share held out for validation, of the photos that are not for the test.
    """

    task = "faces"
    restored = ("classes", "ages", "measured_levels")

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        file: str = "file",
        identity: str | None = "identity",
        age: str | None = "age",
        by: Literal["image", "person"] = "image",
        val_fraction: float = 0.15,
        **settings: Any,
    ) -> None:
        super().__init__(
            root, input, numbers=(), categories=(), photos=[file], use_photos=True, use_table=False,
            target="", ignore=(), category_limit=1, group=None, time=None,
            val_fraction=val_fraction, **settings,
        )  # fmt: skip
        if identity is None and age is None:
            raise UserError("data.identity and data.age are both null: name one column at least")
        named = [name for name in (file, identity, age) if name is not None]
        if len(set(named)) < len(named):
            listed = ", ".join(named)
            raise UserError(f"data.file, data.identity and data.age: {listed}: name three columns")
        self.photo, self.identity, self.age, self.by = file, identity, age, by

    @cached_property
    def classes(self) -> list[str]:
        """The people of the checkpoint, or else of the training split."""
        return sorted(set(self._table["identity"].iloc[self._parts[0]]) - {NOBODY})

    @cached_property
    def ages(self) -> list[float]:
        """The youngest and the oldest of the checkpoint, or else of the training split."""
        age = self._table["age"].iloc[self._parts[0]].dropna()
        return [float(age.min()), float(age.max())] if len(age) else []

    @property
    def target_names(self) -> Mapping[str, str]:
        return {"identity": self.identity or "identity", "age": self.age or "age"}

    def load(self, path: Path) -> pd.DataFrame:
        """The photos, ``NOBODY`` or NaN where it is not known who it is or how old."""
        table = with_names(read_table(path), self.identity, path)
        require_columns(table, [self.photo], path, "data.file")
        for option, column in (("identity", self.identity), ("age", self.age)):
            needed = [column] if column else []
            require_columns(table, needed, path, f"data.{option}, null if there is none")
        age = np.full(len(table), np.nan, np.float32)
        if self.age is not None:
            age = numeric(table, [self.age], path)[:, 0]
            fault = f"{{cell}} is not an age from 0 to {OLDEST}: correct it"
            refuse((age < 0) | (age > OLDEST), table[self.age], path, fault)
        who = table[self.identity] if self.identity else pd.Series(None, table.index, object)
        who = who.where(who.notna(), NOBODY)
        kept = (who != NOBODY) | ~np.isnan(age)
        if not kept.any():
            raise UserError(f"{path}: no row has an identity or an age: fill some in")
        if left_out := int((~kept).sum()):
            log.warning("%s: rows with neither identity nor age left out: %d", path, left_out)
        faces = pd.DataFrame({"name": table[self.photo], "identity": who, "age": age})[kept]
        files = [file for [file] in listed_images(table[kept], [self.photo], path)]
        return faces.assign(file=np.array(files, object))

    def choose_columns(self, table: pd.DataFrame) -> Columns:
        return Columns([], [], [self.photo], [])

    def split_rows(self, table: pd.DataFrame) -> list[Rows]:
        photo = same_photos([[file] for file in table["file"]])
        person = self._people(table, photo)
        named, aged = np.count_nonzero(table["identity"] != NOBODY), table["age"].count()
        log.info("targets: identity of %d photos, age of %d, of %d in all", named, aged, len(table))
        if repeated := len(table) - len(np.unique(photo)):
            log.info("photos that repeat another, byte for byte, in the same split: %d", repeated)
        if self.by == "image":
            return self._by_image(photo, person)
        # Nobody knows who is in a photo without identity: each is somebody else.
        alone, together = [f"photo {k}" for k in photo], [f"person {name}" for name in person]
        return self.cut(grouped_split, np.where(person == NOBODY, alone, together))

    def read(self) -> Mapping[SplitName, FieldDataset[FacesBatch]]:
        held_out = self._table["identity"].iloc[np.concatenate(self._parts[1:])]
        if count := np.count_nonzero(~held_out.isin([NOBODY, *self.classes])):
            log.info(
                "by %s: %d validation and test photos are of people not in the training split: "
                "their identity is not scored",
                self.by,
                count,
            )
        _ = self.ages  # of the table, which is gone behind this
        return super().read()

    def read_input(self, path: Path) -> FieldDataset[FacesBatch]:
        files = find_images(path)
        above = path if path.is_dir() else path.parent
        names = [file.relative_to(above).as_posix() for file in files]
        faces = pd.DataFrame({"name": names, "file": files, "identity": NOBODY, "age": np.nan})
        return self.readable(self.dataset(faces, path, labelled=False))

    def dataset(
        self, table: pd.DataFrame, path: Path, labelled: bool = True
    ) -> FieldDataset[FacesBatch]:
        index = self.index_photos([file] for file in table["file"])
        place = {name: k for k, name in enumerate(self.classes)}
        fields = {
            "image": index[:, 0],
            "identity": torch.tensor([place.get(w, IGNORE_INDEX) for w in table["identity"]]),
            "age": torch.tensor(table["age"].to_numpy(np.float32)),
        }
        return FieldDataset(
            FacesBatch, fields, {"image": self.decode(labelled)}, {"file": table["name"].tolist()}
        )

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "image": self.reader.described(),
            "age": {"unit": "years"},
        }

    def sources(self) -> DatasetSources:
        targets = [name for name in (self.identity, self.age) if name is not None]
        groups = [self.identity] if self.identity else []
        return DatasetSources([TableSource(self.path, targets, groups=groups)])

    # Of a table's columns and categories there is nothing to keep.
    state_dict, load_state_dict = DataModule.state_dict, DataModule.load_state_dict

    def write_sample(self, folder: Path) -> None:
        write_sample(folder)

    def _people(self, table: pd.DataFrame, photo: Rows) -> NDArray[np.str_]:
        """The person in each photo, also where only another row of the same photo has the name."""
        who, lines, known = table["identity"].to_numpy(str), table.index, dict[int, int]()
        for k in np.flatnonzero(who != NOBODY).tolist():
            other = known.setdefault(int(photo[k]), k)
            if who[other] != who[k]:
                raise UserError(
                    f"{self.path}, row {lines[k]}: {table['name'].iloc[k]} is the same photo as in "
                    f"row {lines[other]}, byte for byte, but labelled {who[k]}, not {who[other]}"
                    ": correct one of them"
                )
        return np.array([who[known[p]] if p in known else NOBODY for p in photo.tolist()], str)

    def _by_image(self, photo: Rows, person: NDArray[np.str_]) -> list[Rows]:
        """Each split gets its share of everybody; who has too few photos is in training alone."""
        units = np.unique(photo)
        try:
            parts, few = stratified_cut(self.cut, person[units], least=1)
        except TooFew as error:
            fault = f"nobody has {self.cut.fewest} different photos or more, one for each split"
            cure = "add photos, or cut by person (--data.by=person)"
            raise UserError(f"{self.path}: {fault}: {cure}") from error
        if rare := [name for name in few if name != NOBODY]:
            names = textwrap.shorten(", ".join(rare), 100, placeholder=" ...")
            message = "too few photos for every split, only in training: %d (%s)"
            log.warning(message, len(rare), names)
        return [np.flatnonzero(np.isin(photo, units[part])) for part in parts]
