"""All samples of all splits as a table, for any problem, and what is found in them.

N: samples, F: columns, V: photos of a sample, M: photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass
class Samples:
    """Inputs and targets, each with N rows of the same index."""

    names: list[str] = field(default_factory=list)  # what the file calls each
    split: "pd.Series[str]" = field(default_factory=lambda: pd.Series(dtype=object))
    inputs: pd.DataFrame = field(default_factory=pd.DataFrame)  # numbers, categories as text
    targets: pd.DataFrame = field(default_factory=pd.DataFrame)  # numbers, classes as text
    images: Tensor | None = None  # (M, 3, H, W) bytes
    photos: Tensor | None = None  # (N, V), where in ``images``


def collect(data: DataModule) -> Samples:
    """The samples of a data module whose splits are ``FieldDataset``s; none of any other."""
    there = {name: data.splits[name] for name in STAGES if name in data.splits}
    splits = {k: v for k, v in there.items() if isinstance(v, FieldDataset) and len(v)}
    if not splits:
        return Samples()
    one = next(iter(splits.values()))
    samples = Samples(
        [_name(split, k) for split in splits.values() for k in range(len(split))],
        pd.Series([str(name) for name, split in splits.items() for _ in range(len(split))]),
    )
    samples.targets = pd.DataFrame(index=samples.split.index)  # also where there are none
    fields = {name: torch.cat([s.fields[name] for s in splits.values()]) for name in one.fields}
    fields.pop("weight", None)  # by which rows count, and which nothing is predicted from
    several = getattr(data, "target_field", None)  # of a table, whose targets are its columns
    if several in fields and fields[several].ndim == 2:
        fields |= zip(data.target_names, fields.pop(several).unbind(1), strict=True)
    heads = [name for name, values in fields.items() if values.ndim == 1 and name not in one.shared]
    called = dict(zip(heads, data.target_names.values(), strict=False))
    columns: dict[str, object] = {}
    for name, values in fields.items():
        if name in one.shared:
            samples.images, samples.photos = one.shared[name], values.reshape(len(values), -1)
        elif name in heads:
            samples.targets[called.get(name, name)] = _column(values, target_mask(values))
        elif values.ndim == 2 and (name in one.names or values.is_floating_point()):
            default = [f"{name} {k + 1}" for k in range(values.shape[1])]
            for column, cells in zip(one.names.get(name, default), values.T, strict=True):
                columns[column] = _column(cells, cells != 0)
    samples.inputs = pd.DataFrame(columns, samples.split.index)
    return samples


def _name(split: FieldDataset[object], index: int) -> str:
    """``row 17`` of a table, or a file's name."""
    for name, values in split.identifiers.items():
        return f"{values[index]}" if name == "file" else f"{name} {values[index]}"
    return f"sample {index}"


def _column(values: Tensor, known: Tensor) -> "pd.Series[float] | pd.Series[str]":
    """Numbers as they are, whole numbers as text; missing where a value is not known."""
    if values.is_floating_point():
        return pd.Series(values.numpy().astype(np.float64))
    return pd.Series(values.numpy().astype(str), dtype=object).where(known.numpy(), None)
