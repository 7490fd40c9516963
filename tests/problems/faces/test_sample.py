import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kindling.data.files import identical
from problems.faces import sample
from problems.faces.drawing import draw
from problems.faces.people import NAMES, STYLES, at_age, invent
from problems.faces.sample import AGES, write_sample


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "PHOTOS", 4)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "faces.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.usefixtures("few")
def test_table_and_photos(tmp_path: Path) -> None:
    write_sample(tmp_path)
    rows = rows_of(tmp_path)
    assert list(rows[0]) == ["file", "identity", "age"]
    assert len(rows) == 4 * len(NAMES) == 120
    files = [tmp_path / row["file"] for row in rows]
    assert sorted(files) == sorted((tmp_path / "photos").iterdir())
    assert identical(files) == []
    for file in files[:5]:
        with Image.open(file) as photo:
            assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", (96, 96))
    counts = Counter(row["identity"] for row in rows)
    assert set(counts) == {*NAMES, ""}
    assert max(counts[name] for name in NAMES) == 4
    assert all(AGES[0] <= int(row["age"]) <= AGES[1] for row in rows if row["age"])
    assert 0 < sum(not row["identity"] for row in rows) < 12
    assert 0 < sum(not row["age"] for row in rows) < 12
    assert all(row["identity"] or row["age"] for row in rows)


@pytest.mark.usefixtures("few")
def test_the_sample_depends_on_the_seed_alone(tmp_path: Path) -> None:
    for number, seed in enumerate((0, 0, 1)):
        np.random.default_rng(number).random()
        write_sample(tmp_path / str(number), seed)
    first, same, other = (
        {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}
        for folder in (tmp_path / str(number) for number in range(3))
    )
    assert first == same
    assert all(first[name] != other[name] for name in first)


@pytest.mark.usefixtures("few")
def test_the_order_of_the_files_tells_nothing(tmp_path: Path) -> None:
    write_sample(tmp_path)
    who = [row["identity"] for row in rows_of(tmp_path)]
    assert sum(a == b for a, b in pairwise(who)) < 12


def test_people_differ_from_one_another_and_stay_themselves() -> None:
    people = invent(np.random.default_rng(0))
    assert [person.name for person in people] == list(NAMES)
    assert len({person.width for person in people}) == len(NAMES)
    assert {person.style for person in people} == set(STYLES)
    assert {person.glasses for person in people} == {"", "round", "square"}
    for feature in ("width", "jaw", "nose", "mouth", "eye_gap"):
        places = sorted(getattr(person, feature) for person in people)
        assert np.abs(np.array(places) - (np.arange(30) + 0.5) / 30).max() < 0.5 / 30


def test_age_changes_a_person_and_photos_of_one_age_differ() -> None:
    person = invent(np.random.default_rng(0))[0]
    child, adult, old = (at_age(person, age) for age in (6, 30, 78))
    assert child.child > adult.child == old.child == 0
    assert child.wrinkles == 0 < adult.wrinkles < old.wrinkles
    assert old.grey > adult.grey == 0
    assert not child.grown
    assert adult.grown
    photos = {age: draw(person, age, np.random.default_rng(5)).astype(int) for age in (6, 30, 78)}
    again = draw(person, 30, np.random.default_rng(5))
    assert np.array_equal(photos[30], again)
    other = draw(person, 30, np.random.default_rng(6)).astype(int)
    assert np.abs(photos[30] - photos[6]).mean() > 2
    assert np.abs(photos[30] - photos[78]).mean() > 2
    assert np.abs(photos[30] - other).mean() > 20, "pose, light and background"
