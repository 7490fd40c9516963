"""A small table with two photos a row, whose price follows from a colour and a number."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROWS = 60
PLACES = np.array(["north", "south", "west"])


def write_lots(root: Path) -> Path:
    """``lots.csv`` and its photos, bright where the price is high."""
    rng = np.random.default_rng(0)
    bright, area = rng.uniform(0, 1, ROWS), rng.uniform(30, 200, ROWS)
    place = rng.integers(0, 3, ROWS)
    price = 1000 * np.exp(2 * bright + 0.01 * area + 0.3 * place)
    table = {
        "lot": np.arange(ROWS) + 7,
        "area": area.round(1),
        "place": PLACES[place],
        "zipcode": 10_000 + place,
    }
    (root / "photos").mkdir(parents=True)
    for side in ("front", "back"):
        table[side] = [f"photos/{k}_{side}.png" for k in range(ROWS)]
        for name, brightness in zip(table[side], bright, strict=True):
            pixels = np.clip(40 + 170 * brightness + rng.normal(0, 10, (16, 16, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(root / name)
    pd.DataFrame({**table, "price": price.round().astype(int)}).to_csv(
        root / "lots.csv", index=False
    )
    return root


@pytest.fixture(scope="session")
def lots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that no test changes."""
    return write_lots(tmp_path_factory.mktemp("prices") / "lots")
