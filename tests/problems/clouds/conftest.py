"""Small photos in the real set's layout: every kind of its own colour, every photo of its own."""

from pathlib import Path

import numpy as np
from PIL import Image

KINDS = {
    "blue sky": (60, 110, 200),
    "grey [layer]": (140, 140, 140),
    "white heaps": (235, 235, 220),
}
COUNTS = {"clouds_train": 10, "clouds_test": 4}


def write_photos(root: Path) -> Path:
    rng = np.random.default_rng(0)
    for folder, count in COUNTS.items():
        for kind, color in KINDS.items():
            (root / folder / kind).mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(np.array(color) + rng.normal(0, 20, (24, 24, 3)), 0, 255)
                photo = Image.fromarray(pixels.astype(np.uint8))
                photo.save(root / folder / kind / f"{number}.png")
    return root
