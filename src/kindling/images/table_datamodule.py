"""The base of data modules on a CSV file whose rows have photos, beside other columns.

N: rows, B: batch, V: photos of a row, M: different photos, F: numbers, C: categories, H: height,
W: width.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.datamodule import SplitName
from kindling.data.dataset import FieldDataset
from kindling.data.files import identical
from kindling.data.split import grouped_split, linked_rows, stratified_split
from kindling.errors import UserError
from kindling.images.levels import Levels
from kindling.images.listed import listed_images, photo_path, with_names
from kindling.images.read import BadFiles, BadFilesAre, Fit, ImageSize
from kindling.images.reader import PhotoReader
from kindling.tables.columns import Columns, Kind, choose, looks_like
from kindling.tables.datamodule import TableDataModule
from kindling.tables.read import require_columns
from kindling.tables.splits import group_codes, moments, split_by_time


class ImageTableBatch(NamedTuple):
    """Each row's photos, numbers and categories, and its target.

    Shape:
        ``photos`` ``(B, V, 3, H, W)`` uint8. ``numbers`` ``(B, F)``, NaN where missing. ``codes``
        ``(B, C)`` int64, 0 where unseen or missing. ``target`` ``(B,)``: a number, NaN where
        unknown, or int64, the place of the class or ``IGNORE_INDEX``. ``indices`` ``(B,)`` int64:
        of the samples in their split. Without B for a single sample; V, F or C is 0 where there
        are none.
    """

    photos: Tensor
    numbers: Tensor
    codes: Tensor
    target: Tensor
    indices: Tensor


class ImageTableDataModule(TableDataModule):
    """Rows of one CSV file that lists photos; rows that share a photo are in the same split.

    Args:
        root: Folder of the CSV file; null is a generated sample.
        photos: Columns of photos' paths, relative to the CSV; null is those that look like it.
        use_photos: Learn from photos.
        use_table: Learn from numbers and categories.
        image_size: Pixels on a side, or height and width, to which photos are resized.
        fit: A photo of another shape is stretched, cut, or padded with black.
        levels: Values that are black and white in images of more than eight bits; null takes the
            least and the largest of the training photos.
        bands: One or three bands of a TIFF, counted from 1; null takes photos as they are.
        bad_files: End with an error if photos cannot be read, or leave their rows out and name
            them.
    """

    batch_class: ClassVar[type[Any]] = ImageTableBatch
    restored: ClassVar[Sequence[str]] = (*TableDataModule.restored, "measured_levels")
    fixed: ClassVar[Sequence[str]] = ("use_photos", "use_table", "image_size", "fit", "bands")

    def __init__(
        self,
        root: Path | None = None,
        input: Path | None = None,
        table: str | None = None,
        target: str = "target",
        numbers: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
        photos: Sequence[str] | None = None,
        use_photos: bool = True,
        use_table: bool = True,
        image_size: ImageSize = 64,
        fit: Fit = "stretch",
        levels: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
        bad_files: BadFilesAre = "error",
        batch_size: int = 32,
        **settings: Any,
    ) -> None:
        super().__init__(
            root,
            input,
            table,
            test=None,
            target=target,
            numbers=numbers if use_table else None,
            categories=categories if use_table else None,
            batch_size=batch_size,
            **settings,
        )
        if not (use_photos or use_table):
            raise UserError("data.use_photos and data.use_table are both false: one is needed")
        self.use_photos, self.use_table = use_photos, use_table
        self.named["photos"] = None if photos is None or not use_photos else list(photos)
        self.photo_columns = list(photos or ())
        self.reader = PhotoReader(image_size, fit, levels, bad_files, bands)
        self.image_size, self.fit, self.size = image_size, fit, self.reader.size
        self.bands = list(bands or ())
        self._files: list[Path] = []

    @property
    def measured_levels(self) -> Levels | None:
        """The range of the checkpoint's training photos, or else of these."""
        return self.reader.measured

    @measured_levels.setter
    def measured_levels(self, levels: Levels | None) -> None:
        self.reader.restore(levels)

    @property
    def views(self) -> int:
        """Photos of a row, V."""
        return len(self.columns.photos)

    def load(self, path: Path) -> pd.DataFrame:
        is_class = self.target_kind == "classes"
        return with_names(super().load(path), self.target if is_class else None, path, self.missing)

    def choose_columns(self, table: pd.DataFrame) -> Columns:
        off: dict[Kind, Sequence[str]] = {} if self.use_photos else {"photos": []}
        off |= {} if self.use_table else {"numbers": [], "categories": []}
        return choose(table, self.target, {**self.named_columns(), **off}, self.path)

    def split_rows(self, table: pd.DataFrame) -> list[NDArray[np.int64]]:
        group = self.photo_groups(table)
        if self.time is not None:  # rows that share a photo go by the latest of them
            latest = pd.Series(moments(table, self.time, self.path)).groupby(group).transform("max")
            return split_by_time(latest.to_numpy(), self.cut)
        if self.group is not None:
            require_columns(table, [self.group], self.path)
            rows = pd.Series(range(len(table)))
            sets = [rows.groupby(key) for key in (group, group_codes(table[self.group]))]
            group = linked_rows(len(table), [part.tolist() for key in sets for _, part in key])
        if self.target_kind == "number" or self.group is not None:
            return self.cut(grouped_split, group)
        first = np.unique(group)
        label = self.read_target(table, self.path).numpy()[first]
        parts = self.cut(stratified_split, label)
        return [np.flatnonzero(np.isin(group, first[part])) for part in parts]

    def photo_groups(self, table: pd.DataFrame) -> NDArray[np.int64]:
        """Groups of rows that share a photo, as :func:`same_photos` has them.

        Whether the photos are used makes no difference, so that runs with and without them are
        scored on the same rows; what is not there is shared by nobody.
        """
        photos: list[list[Path]] = [[] for _ in range(len(table))]
        for name in map(str, table.columns):
            if name in self.photo_columns or looks_like(table[name]) == "photos":
                for row, cell in zip(photos, table[name], strict=True):
                    if cell is not None and (file := photo_path(self.path.parent, cell)).is_file():
                        row.append(file)
        return same_photos(photos)

    def read(self) -> Mapping[SplitName, FieldDataset[Any]]:
        splits = super().read().items()
        return {split: rows.take((~self._bad(rows)).nonzero()[:, 0]) for split, rows in splits}

    def read_input(self, path: Path) -> FieldDataset[Any]:
        return self.readable(super().read_input(path))

    def readable(self, rows: FieldDataset[Any]) -> FieldDataset[Any]:
        """Input whose photos could be read; the rest is named in ``unread``."""
        bad, faults = self._bad(rows), self.reader.faults
        if bad.all() and faults:
            raise BadFiles(self._files, faults)
        self.unread = []
        for k in bad.nonzero()[:, 0]:
            error = "; ".join(faults[p] for p in self._index[k].tolist() if p in faults)
            names = {name: values[k] for name, values in rows.identifiers.items()}
            self.unread.append({**names, "error": error})
        return rows.take((~bad).nonzero()[:, 0])

    def _bad(self, rows: FieldDataset[Any]) -> Tensor:
        """Which rows have a photo that could not be read, ``(N,)`` bool."""
        index = rows.fields[next(iter(rows.shared))].reshape(len(rows), -1)
        return torch.isin(index, torch.tensor([*self.reader.faults])).any(1)

    def input_fields(self, table: pd.DataFrame, path: Path) -> dict[str, Tensor]:
        # Of input, the rows that are sound are predicted all the same.
        rows = listed_images(table, self.columns.photos, path, self.input != path)
        return {"photos": self.index_photos(rows), **super().input_fields(table, path)}

    def shared_fields(self, labelled: bool) -> dict[str, Tensor]:
        return {"photos": self.decode(cached=labelled)}

    def index_photos(self, rows: Iterable[Sequence[Path]]) -> Tensor:
        """Where the photos of each row will lie among those decoded, each file once.

        Shape:
            ``(N, V)`` int64.
        """
        rows = list(rows)
        place = {file: k for k, file in enumerate(dict.fromkeys(f for row in rows for f in row))}
        self._files = list(place)
        self._index = torch.tensor([[place[file] for file in row] for row in rows]).long()
        return self._index

    def decode(self, cached: bool) -> Tensor:
        """The photos that were indexed last, ``(M, 3, H, W)`` bytes, kept for later runs or not."""
        if cached:
            training = self._index[self._parts[0]].unique().tolist()  # type: ignore[no-untyped-call]
            self.reader.measure([self._files[k] for k in training])
        return self.reader.read(self._files, cached)

    def io_schema(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "photos": {**self.reader.described(), "columns": self.columns.photos},
            **super().io_schema(),
        }

    def files(self) -> Sequence[Path]:
        return [*super().files(), *(file for file in self._files if file.is_file())]


def same_photos(photos: Sequence[Sequence[Path]]) -> NDArray[np.int64]:
    """Groups of rows that share a photo, byte for byte, directly or through other rows.

    Args:
        photos: Of each of N rows.

    Shape:
        The first row of each row's group, ``(N,)``.
    """
    holders: dict[Path, list[int]] = defaultdict(list)
    for row, files in enumerate(photos):
        for file in files:
            holders[file].append(row)
    alike = [[row for file in files for row in holders[file]] for files in identical(holders)]
    return linked_rows(len(photos), [*holders.values(), *alike])
