"""Small photos of six people: each of a colour, darker with age, every photo of its own."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling.data import paths

PEOPLE = {
    "Ann": (200, 60, 60), "Bob": (60, 200, 60), "Cy": (60, 60, 200),
    "Dee": (200, 200, 60), "Eve": (60, 200, 200), "Fay": (200, 60, 200),
}  # fmt: skip
PHOTOS = 10
Row = tuple[str, str, str]


def write_photo(path: Path, color: Sequence[float], seed: int, side: int = 24) -> Path:
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(color) + rng.normal(0, 15, (side, side, 3)), 0, 255)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def write_table(root: Path, rows: Sequence[Row]) -> None:
    with (root / "faces.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("file", "identity", "age"), *rows])


def write_faces(root: Path) -> Path:
    """Sixty rows; of two, the identity is missing, of three others the age, of one both."""
    rng, rows = np.random.default_rng(0), []
    for number in range(len(PEOPLE) * PHOTOS):
        name, color = list(PEOPLE.items())[number % len(PEOPLE)]
        age = int(rng.integers(5, 81))
        photo = f"photos/{number:02d}.png"
        write_photo(root / photo, (1 - age / 120) * np.array(color), number)
        unnamed, undated = number in (7, 20, 33), number in (9, 25, 33, 41)
        rows.append((photo, "" if unnamed else name, "" if undated else str(age)))
    write_table(root, rows)
    return root


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.fixture(scope="session")
def write() -> Callable[[Path], Path]:
    """Writes photos where it is told to, for runs that several tests look at."""
    return write_faces


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_faces(tmp_path / "faces")


@pytest.fixture
def rewrite(root: Path) -> Callable[[Callable[[list[Row]], list[Row]]], Path]:
    """Changes the rows of the table."""

    def change(how: Callable[[list[Row]], list[Row]]) -> Path:
        with (root / "faces.csv").open(newline="") as stream:
            _, *rows = csv.reader(stream)
        write_table(root, how([(a, b, c) for a, b, c in rows]))
        return root

    return change
