"""Drawn cars for sale, in the real set's layout: a CSV with two photos a row, and their folder.

Body, colour, size and dents can only be seen, each side with dents of its own; age, mileage and
fuel can only be read. Both halves move the price about equally. A few cars are offered twice, by
the same photos.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from problems.prices.drawing import BODIES, COLOURS, draw

FILE = "cars.csv"
ROWS, AGAIN = 700, 14
SIDES = ("left", "right")
FUELS = {"petrol": 0.0, "diesel": 0.1, "hybrid": 0.25, "electric": 0.45}
DENTS = (0.5, 0.25, 0.15, 0.1)  # how often a side has 0, 1, 2 or 3

NEW = 22_000  # what a petrol hatchback of middling size costs before anybody has driven it
WORTH = {
    "hatchback": 0.0,
    "saloon": 0.2,
    "estate": 0.35,
    "van": 0.55,
    "pickup": 0.8,
    "coupe": 1.1,
    "white": 0.1,
    "black": 0.3,
    "silver": 0.0,
    "red": 0.2,
    "blue": 0.05,
    "green": -0.2,
    "brown": -0.4,
    "yellow": -0.1,
}
NOISE = 0.05  # deviation of the haggling, in logarithms as all of the above


class Car(NamedTuple):
    """A car for sale: ``size`` from -1 to 1, dents on either side, mileage in kilometres."""

    body: str
    colour: str
    size: float
    dents: tuple[int, int]
    age: int
    mileage: int
    fuel: str


def write_sample(folder: Path, seed: int = 0, rows: int = ROWS) -> None:
    """Write the table and its photos; the last rows show cars that the first have shown."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with (folder / FILE).open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["car", "age", "mileage", "fuel", *SIDES, "price"])
        for number in range(1, rows + 1):
            table.writerow(_offer(folder, seed, number, max(0, number - rows + AGAIN)))


def price(car: Car, rng: Generator) -> int:
    """What the car is sold for."""
    seen = WORTH[car.body] + WORTH[car.colour] + 0.35 * car.size - 0.11 * sum(car.dents)
    read = FUELS[car.fuel] - 0.045 * car.age - 0.15 * car.mileage / 100_000
    return round(NEW * float(np.exp(seen + read + NOISE * rng.normal())) / 10) * 10


def _offer(folder: Path, seed: int, number: int, earlier: int) -> list[object]:
    """A row, its photos written; that of an earlier car, a year later, unless 0."""
    first, rng = earlier or number, np.random.default_rng([seed, 0, number])
    car = _car(np.random.default_rng([seed, 1, first]))
    if earlier:
        car = car._replace(age=car.age + 1, mileage=car.mileage + 12_000)
    photos = [f"photos/{number}_{side}.jpg" for side in SIDES]
    for side, name in enumerate(photos):
        light = np.random.default_rng([seed, 2, first, side])
        picture = draw(car.body, car.colour, car.size, car.dents[side], bool(side), light)
        picture.save(folder / name, quality=90)
    # Sellers leave gaps.
    mileage = "" if rng.random() < 0.05 else car.mileage
    fuel = "" if rng.random() < 0.03 else car.fuel
    return [number, car.age, mileage, fuel, *photos, price(car, rng)]


def _car(rng: Generator) -> Car:
    """A car by chance: what can be seen says nothing of what can be read."""
    age = int(rng.integers(0, 19))
    driven = age * rng.uniform(4_000, 26_000) + rng.uniform(0, 5_000)
    return Car(
        body=str(rng.choice(BODIES)),
        colour=str(rng.choice(COLOURS)),
        size=float(rng.uniform(-1, 1)),
        dents=(int(rng.choice(4, p=DENTS)), int(rng.choice(4, p=DENTS))),
        age=age,
        mileage=round(driven / 100) * 100,
        fuel=str(rng.choice(list(FUELS))),
    )
