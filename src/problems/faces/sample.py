"""Drawn faces of thirty invented people from 5 to 80 years, some of them without name or age."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from problems.faces.drawing import draw
from problems.faces.people import invent

AGES = (5, 80)
PHOTOS = 48
"""Of each person."""

UNNAMED, UNDATED = 0.03, 0.04
"""Shares of the photos of which nobody wrote down who it is, or how old."""


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write ``faces.csv`` and the folder ``photos``, in an order that tells nothing."""
    rng = np.random.default_rng(seed)
    people = invent(rng)
    order = rng.permutation(np.repeat(np.arange(len(people)), PHOTOS))
    ages = rng.integers(AGES[0], AGES[1], len(order), endpoint=True)
    gap = rng.random(len(order))
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with (folder / "faces.csv").open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("file", "identity", "age"))
        for number, who in enumerate(order):
            age = int(ages[number])
            photo = Image.fromarray(draw(people[who], age, np.random.default_rng([seed, number])))
            name = f"photos/{number:04d}.jpg"
            photo.save(folder / name, quality=90)
            known = people[who].name if gap[number] >= UNNAMED else ""
            undated = UNNAMED <= gap[number] < UNNAMED + UNDATED
            table.writerow((name, known, "" if undated else age))
