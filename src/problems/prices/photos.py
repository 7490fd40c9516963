"""The photos of a table's rows: their files, and which rows share one.

N: rows, V: photos of a row, M: different photos.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.files import identical
from kindling.data.split import linked_rows
from kindling.images import listed_images, load_images
from kindling.tables.columns import looks_like


def row_files(table: pd.DataFrame, columns: Sequence[str], path: Path) -> list[tuple[Path, ...]]:
    """The V photos of each row.

    Raises:
        UserError: A cell is empty or names no file.
    """
    if not columns:
        return [()] * len(table)
    return list(zip(*(listed_images(table, name, path) for name in columns), strict=True))


def decode(
    files: Sequence[tuple[Path, ...]], image_size: int, cache: Path | None
) -> tuple[Tensor, Tensor]:
    """Each file's pixels once, and where those of each row are.

    Shape:
        ``(M, 3, H, W)`` bytes and ``(N, V)`` int64.
    """
    places = {file: k for k, file in enumerate(dict.fromkeys(f for row in files for f in row))}
    index = torch.tensor([[places[file] for file in row] for row in files], dtype=torch.int64)
    return load_images(list(places), (image_size, image_size), cache), index


def same_photos(table: pd.DataFrame, named: Sequence[str], path: Path) -> NDArray[np.int64]:
    """Groups of rows that share a photo, byte for byte, directly or through other rows.

    Whether the photos are used makes no difference, so that runs with and without them are scored
    on the same rows; what is not there is shared by nobody.

    Args:
        table: As ``read_table`` returns it.
        named: Columns of photos beside those that look like it.
        path: The CSV file.

    Shape:
        The first row of each row's group, ``(N,)``.
    """
    holders: dict[Path, list[int]] = defaultdict(list)
    for name in map(str, table.columns):
        if name in named or looks_like(table[name]) == "photos":
            for row, cell in enumerate(table[name]):
                if cell is not None and (file := path.parent / cell).is_file():
                    holders[file].append(row)
    alike = [[row for file in files for row in holders[file]] for files in identical(holders)]
    return linked_rows(len(table), [*holders.values(), *alike])
