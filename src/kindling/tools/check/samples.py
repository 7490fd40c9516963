"""All samples of all splits as a table, for any problem.

N: samples, F: columns, V: photos of a sample, M: photos.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from kindling.data.datamodule import STAGES, DataModule
from kindling.data.dataset import FieldDataset
from kindling.data.targets import target_mask


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
        columns_of = zip(data.target_names, fields.pop(several).unbind(1), strict=True)
        fields |= dict(columns_of)
    heads = [name for name, values in fields.items() if values.ndim == 1 and name not in one.shared]
    called = dict(zip(heads, data.target_names.values(), strict=False))
    columns: dict[str, object] = {}
    for name, values in fields.items():
        if name in one.shared:
            samples.images, samples.photos = one.shared[name], values.reshape(len(values), -1)
        elif name in heads:
            samples.targets[called.get(name, name)] = _column(values)
        elif values.ndim == 2 and (name in one.names or values.is_floating_point()):
            default = [f"{name} {k + 1}" for k in range(values.shape[1])]
            for column, cells in zip(one.names.get(name, default), values.T, strict=True):
                columns[column] = _column(cells, missing=0)
    samples.inputs = pd.DataFrame(columns, samples.split.index)
    return samples


def _name(split: FieldDataset[object], index: int) -> str:
    """``row 17`` of a table, or a file's name."""
    for name, values in split.identifiers.items():
        return f"{values[index]}" if name == "file" else f"{name} {values[index]}"
    return f"sample {index}"


def _column(values: Tensor, missing: int | None = None) -> "pd.Series[float] | pd.Series[str]":
    """Numbers as they are, whole numbers as text; missing where a value is not known."""
    if values.is_floating_point():
        return pd.Series(values.numpy().astype(np.float64))
    known = target_mask(values) if missing is None else values != missing
    return pd.Series(values.numpy().astype(str), dtype=object).where(known.numpy(), None)
