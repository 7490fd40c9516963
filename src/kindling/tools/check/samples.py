"""All samples of all splits as a table, for any problem, and what is found in them.

N: samples, F: columns, V: photos of a sample, M: photos.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.data.datamodule import STAGES, DataModule
from kindling.data.dataset import FieldDataset
from kindling.data.targets import target_mask

Level = Literal["stop", "warn", "note"]
LEVELS: tuple[Level, ...] = ("stop", "warn", "note")
"""What training refuses, what makes its scores doubtful, and what is good to know."""


class Finding(NamedTuple):
    """What is found, with the rows or photos concerned, as many as are listed."""

    level: Level
    text: str
    each: Sequence[str] = ()
    most: int = 30

    def __str__(self) -> str:
        more = [f"and {len(self.each) - self.most:,} more"] if len(self.each) > self.most else []
        first = f"{self.level} {self.text}" + (f": {len(self.each):,}" if self.each else "")
        return "\n     ".join([first, *self.each[: self.most], *more])


class Samples(NamedTuple):
    """Inputs and targets, each with N rows of the same index."""

    names: list[str]  # what the file calls each
    split: "pd.Series[str]"
    inputs: pd.DataFrame  # numbers, categories as text
    targets: pd.DataFrame  # numbers, classes as text
    images: Tensor | None  # (M, 3, H, W) bytes
    photos: Tensor | None  # (N, V), where in ``images``


def collect(data: DataModule) -> Samples | None:
    """The samples of a data module whose splits are ``FieldDataset``s; none of any other."""
    there = ((name, data.splits.get(name)) for name in STAGES)
    splits = {name: s for name, s in there if isinstance(s, FieldDataset) and len(s)}
    if not splits:
        return None
    one, images, photos = next(iter(splits.values())), None, None
    fields = {name: torch.cat([s.fields[name] for s in splits.values()]) for name in one.fields}
    fields.pop("weight", None)  # by which rows count, and which nothing is predicted from
    several = getattr(data, "target_field", None)  # of a table, whose targets are its columns
    if several in fields and fields[several].ndim == 2:
        fields |= zip(data.target_names, fields.pop(several).unbind(1), strict=True)
    heads = [name for name, values in fields.items() if values.ndim == 1 and name not in one.shared]
    called = dict(zip(heads, data.target_names.values(), strict=False))
    inputs, targets = {}, {}
    for name, values in fields.items():
        if name in one.shared:
            images, photos = one.shared[name], values.reshape(len(values), -1)
        elif name in heads:
            targets[called.get(name, name)] = _column(values, target_mask(values))
        elif values.ndim == 2 and (name in one.names or values.is_floating_point()):
            default = [f"{name} {k + 1}" for k in range(values.shape[1])]
            for column, cells in zip(one.names.get(name, default), values.T, strict=True):
                inputs[column] = _column(cells, cells != 0)
    names = [name for part in splits.values() for name in _names(part)]
    split = pd.Series([str(name) for name, part in splits.items() for _ in range(len(part))])
    rows, sought = (pd.DataFrame(columns, split.index) for columns in (inputs, targets))
    return Samples(names, split, rows, sought, images, photos)


def _names(split: FieldDataset[object]) -> list[str]:
    """``row 17`` of a table, or a file's name."""
    name, values = next(iter(split.identifiers.items()), ("sample", range(len(split))))
    return [f"{value}" if name == "file" else f"{name} {value}" for value in values]


def _column(values: Tensor, known: Tensor) -> "pd.Series[float] | pd.Series[str]":
    """Numbers as they are, whole numbers as text; missing where a value is not known."""
    if values.is_floating_point():
        return pd.Series(values.numpy().astype(np.float64))
    return pd.Series(values.numpy().astype(str), dtype=object).where(known.numpy(), None)
