"""Small photos of six people: each of a colour, darker with age, every photo of its own."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

PEOPLE = {
    "Ann": (200, 60, 60), "Bob": (60, 200, 60), "Cy": (60, 60, 200),
    "Dee": (200, 200, 60), "Eve": (60, 200, 200), "Fay": (200, 60, 200),
}  # fmt: skip


def write_faces(root: Path) -> Path:
    """Sixty rows; of two, the identity is missing, of three others the age, of one both."""
    rng, rows = np.random.default_rng(0), []
    (root / "photos").mkdir(parents=True)
    for number in range(60):
        name, color = list(PEOPLE.items())[number % len(PEOPLE)]
        age, photo = int(rng.integers(5, 81)), f"photos/{number:02d}.png"
        noise = np.random.default_rng(number).normal(0, 15, (24, 24, 3))
        pixels = np.clip((1 - age / 120) * np.array(color) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / photo)
        unnamed, undated = number in (7, 20, 33), number in (9, 25, 33, 41)
        rows.append((photo, "" if unnamed else name, "" if undated else age))
    pd.DataFrame(rows, columns=["file", "identity", "age"]).to_csv(root / "faces.csv", index=False)
    return root


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def results_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "results.json").read_text())
    return found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_faces(tmp_path / "faces")


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files that no test changes."""
    return write_faces(tmp_path_factory.mktemp("faces") / "faces")
