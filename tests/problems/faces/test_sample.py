"""Drawn faces: the layout, people that stay themselves, and what age does."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from kindling.data.files import identical
from problems.faces.sample import AGES, FEATURES, NAMES, draw, invent, write_sample


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces") / "new" / "folder"
    write_sample(folder, photos=4)
    return folder


def test_table_and_photos(few: Path) -> None:
    rows = pd.read_csv(few / "faces.csv", keep_default_na=False)
    assert list(rows) == ["file", "identity", "age"]
    assert len(rows) == 4 * len(NAMES) == 120
    files = [few / name for name in rows["file"]]
    assert sorted(files) == sorted((few / "photos").iterdir())
    assert identical(files) == []
    for file in files[:5]:
        with Image.open(file) as photo:
            assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (96, 96))
    counts = Counter(rows["identity"])
    assert set(counts) == {*NAMES, ""}
    assert max(counts[name] for name in NAMES) == 4
    assert pd.to_numeric(rows["age"]).dropna().between(*AGES).all()
    assert 0 < sum(rows["identity"] == "") < 12
    assert 0 < sum(rows["age"] == "") < 12
    assert not ((rows["identity"] == "") & (rows["age"] == "")).any()
    assert sum(a == b for a, b in pairwise(rows["identity"])) < 12, "the order tells nothing"


def test_the_sample_depends_on_the_seed_alone(few: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        write_sample(tmp_path / str(seed), seed, photos=4)
    first, same, other = (
        {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
        for folder in (few, tmp_path / "0", tmp_path / "1")
    )
    assert first == same
    assert all(first[name] != other[name] for name in first)


def test_people_differ_from_one_another_and_from_themselves_at_another_age() -> None:
    people = invent(np.random.default_rng(0))
    for feature in FEATURES:
        places = np.sort([getattr(person, feature) for person in people])
        assert np.abs(places - (np.arange(30) + 0.5) / 30).max() < 0.5 / 30

    def photo(person: int, age: int, seed: int = 5) -> "np.ndarray[tuple[int, ...], np.dtype]":
        return np.asarray(draw(people[person], age, np.random.default_rng(seed))).astype(int)

    adult = photo(0, 30)
    assert np.array_equal(adult, photo(0, 30))
    for other in (photo(0, 6), photo(0, 78), photo(1, 30)):
        assert np.abs(adult - other).mean() > 2
    assert np.abs(adult - photo(0, 30, 6)).mean() > 20, "pose, light and background"
