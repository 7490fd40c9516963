"""A small table with two photos a row, whose price follows from a colour and a number."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kindling.data import paths

ROWS = 60
PLACES = ("north", "south", "west")


def write_photo(path: Path, brightness: float, seed: int, side: int = 16) -> Path:
    rng = np.random.default_rng(seed)
    pixels = np.clip(40 + 170 * brightness + rng.normal(0, 10, (side, side, 3)), 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def write_lots(root: Path, rows: int = ROWS) -> Path:
    """``lots.csv`` and its photos, bright where the price is high."""
    rng = np.random.default_rng(0)
    bright, area = rng.uniform(0, 1, rows), rng.uniform(30, 200, rows)
    place = rng.integers(0, 3, rows)
    for number, brightness in enumerate(bright):
        for side, name in enumerate(("front", "back")):
            write_photo(root / "photos" / f"{number}_{name}.png", brightness, 2 * number + side)
    price = 1000 * np.exp(2 * bright + 0.01 * area + 0.3 * place)
    table = {
        "lot": np.arange(rows) + 7,
        "area": area.round(1),
        "place": [PLACES[k] for k in place],
        "zipcode": 10_000 + place,
        "front": [f"photos/{k}_front.png" for k in range(rows)],
        "back": [f"photos/{k}_back.png" for k in range(rows)],
        "price": price.round().astype(int),
    }
    pd.DataFrame(table).to_csv(root / "lots.csv", index=False)
    return root


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="session")
def write() -> Callable[[Path], Path]:
    """Writes a table and photos where it is told to, for runs that several tests look at."""
    return write_lots


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_lots(tmp_path / "lots")
