"""Small photos in the real set's layout: every kind of its own colour, every photo of its own."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling.data import paths

KINDS = {"blue sky": (60, 110, 200), "grey layer": (140, 140, 140), "white heaps": (235, 235, 220)}
COUNTS = {"clouds_train": 10, "clouds_test": 4}


def write_photo(path: Path, color: Sequence[int], seed: int, side: int = 24) -> Path:
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(color) + rng.normal(0, 20, (side, side, 3)), 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def write_photos(root: Path) -> Path:
    seed = 0
    for folder, count in COUNTS.items():
        for kind, color in KINDS.items():
            for number in range(count):
                seed += 1
                write_photo(root / folder / kind / f"{number}.png", color, seed)
    return root


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="session")
def write() -> Callable[[Path], Path]:
    """Writes photos where it is told to, for runs that several tests look at."""
    return write_photos


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos")
