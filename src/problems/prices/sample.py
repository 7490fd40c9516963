"""Drawn cars for sale, in the real set's layout: a CSV with two photos a row, and their folder.

Body, colour, size and dents can only be seen, each side with dents of its own; age, mileage and
fuel can only be read. Both halves move the price about equally. A few cars are offered twice, by
the same photos. What is worth something is worth it in the logarithm of the price.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

FILE = "cars.csv"
ROWS, AGAIN = 700, 14
SIDES = ("left", "right")
FUELS = {"petrol": 0.0, "diesel": 0.1, "hybrid": 0.25, "electric": 0.45}
DENTS = (0.5, 0.25, 0.15, 0.1)  # how often a side has 0, 1, 2 or 3
NEW = 22_000  # what a petrol hatchback of middling size costs before anybody has driven it
NOISE = 0.05  # deviation of the haggling

SIZE = (160, 120)
FINE = 2  # drawn so many times larger, for smooth edges
DARK, GLASS = (32, 32, 36), (58, 74, 88)


class Body(NamedTuple):
    """Heights of bonnet and roof and, from the front, where the cabin's four corners are.

    In parts of the car's length.
    """

    worth: float
    bonnet: float
    roof: float
    cabin: tuple[float, float, float, float]


BODIES = {
    "hatchback": Body(0.0, 0.17, 0.33, (0.24, 0.38, 0.84, 0.99)),
    "saloon": Body(0.2, 0.16, 0.3, (0.27, 0.4, 0.68, 0.82)),
    "estate": Body(0.35, 0.16, 0.3, (0.25, 0.38, 0.95, 1.0)),
    "van": Body(0.55, 0.23, 0.44, (0.09, 0.2, 0.99, 1.0)),
    "pickup": Body(0.8, 0.19, 0.36, (0.22, 0.31, 0.53, 0.56)),
    "coupe": Body(1.1, 0.13, 0.25, (0.32, 0.48, 0.64, 0.94)),
}
PAINTS = {  # worth, and red, green and blue
    "white": (0.1, (236, 236, 232)),
    "black": (0.3, (40, 40, 44)),
    "silver": (0.0, (160, 166, 172)),
    "red": (0.2, (190, 30, 34)),
    "blue": (0.05, (36, 70, 170)),
    "green": (-0.2, (30, 110, 60)),
    "brown": (-0.4, (112, 72, 42)),
    "yellow": (-0.1, (226, 190, 40)),
}


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
            table.writerow(_row(folder, seed, number, max(0, number - rows + AGAIN)))


def _row(folder: Path, seed: int, number: int, earlier: int) -> list[object]:
    """A row, its photos written; that of an earlier car, a year later, unless 0."""
    first, rng = earlier or number, np.random.default_rng([seed, 0, number])
    car = random_car(np.random.default_rng([seed, 1, first]))
    if earlier:
        car = car._replace(age=car.age + 1, mileage=car.mileage + 12_000)
    photos = [f"photos/{number}_{side}.jpg" for side in SIDES]
    for side, name in enumerate(photos):
        draw(car, side, np.random.default_rng([seed, 2, first, side])).save(
            folder / name, quality=90
        )
    # Sellers leave gaps.
    mileage = "" if rng.random() < 0.05 else car.mileage
    fuel = "" if rng.random() < 0.03 else car.fuel
    return [number, car.age, mileage, fuel, *photos, price(car, rng)]


def random_car(rng: Generator) -> Car:
    """What can be seen of it says nothing of what can be read."""
    age = int(rng.integers(0, 19))
    driven = age * rng.uniform(4_000, 26_000) + rng.uniform(0, 5_000)
    return Car(
        body=str(rng.choice(list(BODIES))),
        colour=str(rng.choice(list(PAINTS))),
        size=float(rng.uniform(-1, 1)),
        dents=(int(rng.choice(4, p=DENTS)), int(rng.choice(4, p=DENTS))),
        age=age,
        mileage=round(driven / 100) * 100,
        fuel=str(rng.choice(list(FUELS))),
    )


def price(car: Car, rng: Generator) -> int:
    """What the car is sold for."""
    seen = BODIES[car.body].worth + PAINTS[car.colour][0] + 0.35 * car.size - 0.11 * sum(car.dents)
    read = FUELS[car.fuel] - 0.045 * car.age - 0.15 * car.mileage / 100_000
    return round(NEW * float(np.exp(seen + read + NOISE * rng.normal())) / 10) * 10


def draw(car: Car, side: int, rng: Generator) -> Image.Image:
    """A photo of one of the ``SIDES``; place, light and grain are the camera's own."""
    width, height = (FINE * pixels for pixels in SIZE)
    image = Image.new("RGB", (width, height), _color(rng.uniform(120, 215) + rng.normal(0, 8, 3)))
    canvas = ImageDraw.Draw(image)
    yard = _color(rng.uniform(70, 130) + rng.normal(0, 6, 3))
    canvas.rectangle((0, height * rng.uniform(0.5, 0.62), width, height), yard)
    length = width * (0.7 + 0.2 * car.size) * rng.uniform(0.98, 1.02)
    left, sill = (width - length) * rng.uniform(0.3, 0.7), height * rng.uniform(0.7, 0.78)

    def polygon(corners: list[tuple[float, float]], fill: tuple[int, ...]) -> None:
        canvas.polygon([(left + length * x, sill - length * y) for x, y in corners], fill)

    def disc(x: float, y: float, radius: float, fill: tuple[int, ...]) -> None:
        canvas.circle((left + length * x, sill - length * y), length * radius, fill)

    paint = np.array(PAINTS[car.colour][1]) + rng.normal(0, 5, 3)
    _, bonnet, roof, (foot, front, rear, end) = BODIES[car.body]
    cabin = [(foot, bonnet), (front, roof), (rear, roof), (end, bonnet)]
    polygon([(0, 0), (0, 0.6 * bonnet), *cabin, (1, 0.9 * bonnet), (1, 0)], _color(paint))
    glass = [(foot + 0.06, bonnet), (front + 0.02, roof - 0.03), (rear - 0.02, roof - 0.03)]
    polygon([*glass, (end - 0.05, bonnet)], GLASS)
    for x in (0.19, 0.81):
        disc(x, 0, 0.085, DARK)
        disc(x, 0, 0.045, (150, 150, 155))
    # On five places along the doors, so that dents neither meet nor hide behind a wheel.
    for place in rng.permutation(5)[: car.dents[side]].tolist():
        x, y = 0.31 + 0.095 * place + rng.uniform(-0.01, 0.01), rng.uniform(0.05, 0.11)
        disc(x, y, 0.036, _color(paint + 60))
        disc(x + 0.006, y - 0.006, 0.027, _color(paint - 70))
    pixels = np.asarray(image.resize(SIZE, Image.Resampling.BOX))[:, :: 1 - 2 * side]
    grain = 4 * rng.standard_normal((*pixels.shape[:2], 1))
    exposed = pixels * rng.uniform(0.8, 1.1) + grain
    return Image.fromarray(np.clip(exposed, 0, 255).astype(np.uint8))


def _color(rgb: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> tuple[int, ...]:
    return tuple(int(part) for part in np.clip(rgb, 0, 255))
