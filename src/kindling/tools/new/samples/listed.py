"""A generated stand-in for the real photos: a table of shapes and their sizes, some not known."""

import csv
from pathlib import Path

import numpy as np

from kindling.tools.new.samples.shapes import SHAPES, draw

FILE = "table.csv"
ROWS = 320
IGNORE_INDEX = 0.03
"""Share of the photos whose shape, and of others whose size, nobody wrote down."""


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write the table and the folder ``photos``."""
    rng = np.random.default_rng(seed)
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("file", "label", "amount"))
        for number in range(ROWS):
            shape, size, gap = SHAPES[rng.integers(len(SHAPES))], rng.random(), rng.random()
            name = f"photos/{number:03d}.jpg"
            picture = draw(shape, size, np.random.default_rng([seed, number]))
            picture.save(folder / name, quality=90)
            label = "" if gap < IGNORE_INDEX else shape
            table.writerow((name, label, "" if gap > 1 - IGNORE_INDEX else f"{10 + 90 * size:.1f}"))
