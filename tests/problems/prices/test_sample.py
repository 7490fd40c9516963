"""Drawn cars: the real set's layout, and a price that takes both halves to know."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from kindling.__main__ import main
from kindling.data.files import identical
from problems.prices.sample import AGAIN, write_sample

HEADER = ["car", "age", "mileage", "fuel", "left", "right", "price"]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cars") / "new" / "folder"
    write_sample(folder, rows=40)
    return folder


def test_layout(few: Path) -> None:
    table = pd.read_csv(few / "cars.csv")
    assert list(table) == HEADER
    assert table["car"].tolist() == [*range(1, 41)]
    photos = [few / name for side in ("left", "right") for name in table[side]]
    assert set(photos) == set((few / "photos").iterdir())
    for photo in photos:
        with Image.open(photo) as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (160, 120))


def test_seed_decides(few: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        write_sample(tmp_path / str(seed), seed, rows=40)
    first, same, other = (
        {file.name: file.read_bytes() for file in folder.rglob("*.*")}
        for folder in (few, tmp_path / "0", tmp_path / "1")
    )
    assert first == same
    assert not {*first.values()} & {*other.values()}


def test_the_last_cars_were_shown_before_and_have_aged(few: Path) -> None:
    table = pd.read_csv(few / "cars.csv")
    photos = [few / name for side in ("left", "right") for name in table[side]]
    alike = {tuple(sorted(int(f.stem.split("_")[0]) for f in pair)) for pair in identical(photos)}
    assert alike == {(first, 40 - AGAIN + first) for first in range(1, AGAIN + 1)}
    first, again = table[:AGAIN], table[-AGAIN:]
    assert (again["age"].to_numpy() == first["age"].to_numpy() + 1).all()
    assert (again["price"].to_numpy() / first["price"].to_numpy()).mean() < 1


@pytest.mark.slow
def test_both_branches_beat_either_on_the_whole_sample(tmp_path: Path) -> None:
    mape = {}
    for name in ("", "prices_table", "prices_photos"):
        preset = [f"--config={name}"] if name else []
        logs = tmp_path / (name or "both")
        flags = [f"--logs={logs}", "--trainer.enable_progress_bar=false"]
        assert main(["train", "--config=prices", *preset, *flags]) == 0
        results = json.loads((logs / "prices" / "latest" / "results.json").read_text())
        mape[name] = results["metrics"]["mape"]
        median = results["baseline"]["metrics"]["mape"]
    assert mape[""]["high"] < min(mape["prices_table"]["low"], mape["prices_photos"]["low"])
    assert mape[""]["high"] < 0.5 * median["value"]
