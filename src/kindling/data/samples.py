"""Small generated data sets that a model can learn: tables, photos, series.

N: rows.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

COLUMNS = {"numbers": ("age", "income"), "categories": ("plan",), "photos": ("photo",)}
"""Columns of a table whose names are not given."""

CATEGORIES = ("east", "north", "south")
MISSING = 0.02  # share of numbers
NOISE = 0.3  # standard deviations of a target that nothing explains

SHAPES = {"circle": 40, "square": 4, "triangle": 3}
"""Corners of each; forty look round."""

SIDE, FINE = 64, 3
"""Pixels of a photo, drawn larger because Pillow draws without antialiasing."""


def write_table(
    path: Path,
    columns: Mapping[Any, Sequence[str] | None],
    targets: Mapping[str, Sequence[str]],
    rows: int = 300,
    seed: int = 0,
) -> None:
    """Write a table whose targets follow from all of its columns.

    Args:
        path: CSV file.
        columns: Names by kind (numbers, categories, photos, identifiers); None for default names.
        targets: Columns to predict, with their classes; none for a number. Photos show a class as a
            shape, and a part of a number as its size.
        rows: Number of rows, N.
        seed: Seed of all that is random.
    """
    rng = np.random.default_rng(seed)
    named = {kind: COLUMNS.get(kind, ()) if n is None else n for kind, n in columns.items()}
    table, explained = _inputs(named, rows, rng)
    shape, size = np.zeros(rows, np.int64), rng.random(rows)
    for name, classes in targets.items():
        score = explained + NOISE * rng.standard_normal(rows)
        if classes:
            shape = score.argsort().argsort() * len(classes) // rows
            table[name] = [classes[k] for k in shape.tolist()]
        else:
            score += 3.5 * (size - 0.5) * bool(named["photos"])
            table[name] = [f"{100 + 20 * value:.2f}" for value in score]
    for view, name in enumerate(named["photos"]):
        table[name] = [f"photos/{row}_{view}.jpg" for row in range(rows)]
        for row, file in enumerate(table[name]):
            _write_photo(path.parent / file, int(shape[row]), float(size[row]), (seed, view, row))
    pd.DataFrame(table).to_csv(path, index=False, lineterminator="\n")


def _inputs(
    named: Mapping[str, Sequence[str]], rows: int, rng: Generator
) -> tuple[dict[str, list[str]], NDArray[np.float64]]:
    """Identifiers, numbers and categories, and the sum of their effects, ``(N,)``."""
    table = {name: [str(k + 1) for k in range(rows)] for name in named["identifiers"]}
    explained = np.zeros(rows)
    for name in named["numbers"]:
        values = rng.standard_normal(rows)
        explained += values
        cells = [f"{50 + 10 * value:.2f}" for value in values]
        table[name] = ["" if rng.random() < MISSING else cell for cell in cells]
    for name in named["categories"]:
        codes = rng.integers(0, len(CATEGORIES), rows)
        explained += codes - 1
        table[name] = [CATEGORIES[k] for k in codes]
    return table, explained


def write_folders(folder: Path, counts: Mapping[str, int], seed: int = 0) -> None:
    """Write so many photos of each shape into a folder of each split, ``train/circle`` for one."""
    for split, (name, count) in enumerate(counts.items()):
        for kind, shape in enumerate(SHAPES):
            for number in range(count):
                file, seeds = f"{name}/{shape}/{number:03d}.jpg", (seed, split, kind, number)
                _write_photo(folder / file, kind, np.random.default_rng(seeds).random(), seeds)


def write_series(path: Path, time: str, value: str, steps: int = 3000, seed: int = 0) -> None:
    """Write an hourly series with daily and weekly seasons and autocorrelated noise."""
    rng, hours = np.random.default_rng(seed), np.arange(steps)
    day, week = 2 * np.pi * hours / 24, 2 * np.pi * hours / 168
    shocks = rng.normal(0, 0.1, steps)
    noise = np.fromiter(accumulate(shocks, lambda state, shock: 0.8 * state + shock), float)
    values = 100 + 20 * (np.sin(day) + 0.4 * np.sin(2 * day + 1) + 0.5 * np.sin(week) + noise)
    times = pd.date_range("2024-01-01", periods=steps, freq="h").astype(str)
    table = pd.DataFrame({time: times, value: values})
    table.to_csv(path, index=False, lineterminator="\n", float_format="%.2f")


def _write_photo(path: Path, kind: int, size: float, seeds: Sequence[int]) -> None:
    """A dark shape on a bright ground, a third to three quarters of the photo wide."""
    rng, side = np.random.default_rng([*seeds, 1]), SIDE * FINE
    front, back = (tuple(rng.integers(low, low + 90, 3).tolist()) for low in (0, 165))
    picture = Image.new("RGB", (side, side), back)
    x, y = side * rng.uniform(0.42, 0.58, 2)
    circle, rotation = (x, y, side * (0.17 + 0.2 * size)), rng.uniform(-15, 15)
    corners = [*SHAPES.values()][kind % len(SHAPES)]
    ImageDraw.Draw(picture).regular_polygon(circle, corners, rotation, front)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.resize((SIDE, SIDE), Image.Resampling.BOX).save(path, quality=90)
