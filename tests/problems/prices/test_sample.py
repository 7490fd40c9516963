"""Drawn cars: the real set's layout, and a price that takes both halves to know."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from kindling.__main__ import main
from kindling.data.files import identical
from problems.prices.sample import AGAIN, Car, price, random_car
from problems.prices.sample import write_sample as write

HEADER = ["car", "age", "mileage", "fuel", "left", "right", "price"]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cars") / "new" / "folder"
    write(folder, rows=40)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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
    write(tmp_path / "same", rows=40)
    assert contents(tmp_path / "same") == contents(few)
    write(tmp_path / "other", seed=1, rows=40)
    assert not set(contents(tmp_path / "other").values()) & set(contents(few).values())


def test_the_last_cars_were_shown_before_and_have_aged(few: Path) -> None:
    table = pd.read_csv(few / "cars.csv")
    photos = [few / name for side in ("left", "right") for name in table[side]]
    alike = {tuple(sorted(int(f.stem.split("_")[0]) for f in pair)) for pair in identical(photos)}
    assert alike == {(first, 40 - AGAIN + first) for first in range(1, AGAIN + 1)}
    first, again = table[:AGAIN], table[-AGAIN:]
    assert (again["age"].to_numpy() == first["age"].to_numpy() + 1).all()
    assert (again["price"].to_numpy() / first["price"].to_numpy()).mean() < 1


def cars(count: int) -> list[Car]:
    return [random_car(np.random.default_rng([5, k])) for k in range(count)]


def test_either_half_leaves_as_much_to_know_as_the_other() -> None:
    """Shares of the log price's variance, by regressions on what is seen and what is read."""
    lots, rng = cars(2000), np.random.default_rng(0)
    log = np.log([price(car, rng) for car in lots])
    kinds = pd.get_dummies(pd.DataFrame(lots)[["body", "colour"]]).to_numpy(float)
    seen = np.column_stack([kinds, [(car.size, sum(car.dents)) for car in lots]])
    fuel = pd.get_dummies(pd.DataFrame(lots)["fuel"]).to_numpy(float)
    read = np.column_stack([fuel, [(car.age, car.mileage) for car in lots]])
    assert 0.45 < explained(seen, log) < 0.65
    assert 0.35 < explained(read, log) < 0.55
    assert explained(np.column_stack([seen, read]), log) > 0.98


def explained(features: NDArray[np.float64], log: NDArray[np.float64]) -> float:
    """R2 of least squares, on the second half of the rows by the first."""
    half = len(log) // 2
    weights = np.linalg.lstsq(features[:half], log[:half], rcond=None)[0]
    error = features[half:] @ weights - log[half:]
    return float(1 - (error**2).mean() / log[half:].var())


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
