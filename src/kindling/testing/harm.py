"""Changes that tests make to files: held-out samples, missing columns."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from kindling.data.datamodule import DataModule, SplitName

HELD_OUT: tuple[SplitName, ...] = ("val", "test")
PHOTOS = 10
"""Photos of a split that are redrawn."""


def change_held_out(data: DataModule) -> None:
    """Change numbers with a decimal point, and photos, of validation and test in the files.

    Samples are found by their identifier: ``row``, ``file``, or a column of the table.
    """
    for k, split in enumerate(HELD_OUT):
        samples = data.describe(split, torch.arange(data.sizes()[split]))
        photos = [data.root / str(name) for name in samples.get("file", ())]
        for table in data.root.rglob("*.csv"):
            photos += _change_rows(table, samples)
        for number, photo in enumerate(dict.fromkeys(photos[:PHOTOS])):
            _draw(photo, [k, number])


def each_table(root: Path, change: Callable[[Path], object]) -> None:
    """Change all CSV files; skip the test if there are none."""
    tables = list(root.rglob("*.csv"))
    if not tables:
        pytest.skip("these files are no tables")
    for table in tables:
        change(table)


def remove_columns(root: Path, names: Collection[str]) -> None:
    """Drop columns from all CSV files."""

    def change(table: Path) -> None:
        rows = pd.read_csv(table, dtype=str, keep_default_na=False)
        rows.drop(columns=[name for name in names if name in rows]).to_csv(table, index=False)

    each_table(root, change)


def _change_rows(table: Path, samples: Mapping[str, Sequence[Any]]) -> list[Path]:
    """Change the numbers of these samples and return the photos that their rows name."""
    rows = pd.read_csv(table, dtype=str, keep_default_na=False)
    held = np.isin(np.arange(len(rows)) + 2, samples.get("row", ()))
    for name in samples.keys() & set(rows):
        held |= rows[name].isin([str(value) for value in samples[name]]).to_numpy()
    cells = rows.loc[held]
    rows.loc[held] = cells.map(_other)
    rows.to_csv(table, index=False)
    return [path for cell in cells.to_numpy().ravel() if (path := table.parent / cell).is_file()]


def _other(cell: str) -> str:
    return f"{3 * float(cell) + 1}" if re.fullmatch(r"[-+]?\d*\.\d+(e[-+]?\d+)?", cell) else cell


def _draw(photo: Path, seed: Sequence[int]) -> None:
    with Image.open(photo) as image:
        size = image.size
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(photo)
