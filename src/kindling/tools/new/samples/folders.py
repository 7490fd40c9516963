"""A generated stand-in for the real photos: shapes in a folder for each class, twice."""

from pathlib import Path

import numpy as np

from kindling.tools.new.samples.shapes import SHAPES, draw

COUNTS = {"train": 60, "test": 25}
"""Photos of each class."""


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write a training and a test folder, with a folder for each class in both."""
    for split, (name, count) in enumerate(COUNTS.items()):
        for kind, shape in enumerate(SHAPES):
            target = folder / name / shape
            target.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                rng = np.random.default_rng([seed, split, kind, number])
                picture = draw(shape, rng.uniform(0.2, 1), rng)
                picture.save(target / f"{number:03d}.jpg", quality=90)
