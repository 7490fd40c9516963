"""Drawn faces of thirty invented people from 5 to 80 years, some of them without name or age.

What a person keeps all life is a number from 0 to 1 for each feature. Places are in parts of half
the head's height, from the head's middle, y downwards; colours run from 0 to 1. P: corners.
"""

import colorsys
import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float64]

NAMES = (
    "Ada", "Bo", "Cleo", "Dov", "Edda", "Finn", "Gaia", "Hugo", "Ines", "Jona",
    "Kaia", "Leon", "Mira", "Nico", "Olga", "Pax", "Quin", "Runa", "Silas", "Tove",
    "Uma", "Vito", "Wren", "Xenia", "Yara", "Zeno", "Alma", "Bela", "Cato", "Dina",
)  # fmt: skip
AGES = (5, 80)
PHOTOS = 48  # of each person
UNNAMED, UNDATED = 0.03, 0.04  # shares of the photos of which nobody wrote down who, or how old

SIDE = 96
FINE = 3  # drawn so many times larger, because Pillow draws without antialiasing
HALF = 24
CIRCLE = np.pi * np.arange(2 * HALF) / HALF  # clockwise from the right
SKINS = np.array([[0.98, 0.84, 0.74], [0.36, 0.22, 0.15]])
SQUARE = np.array([[-1, -0.8], [1, -0.8], [1, 0.8], [-1, 0.8]])
GREY, WHITE, LIPS = np.array([[0.82, 0.82, 0.84], [0.97, 0.97, 0.97], [0.6, 0.2, 0.2]])


class Person(NamedTuple):
    """One person's features, each between two extremes or a choice of several by its range."""

    skin: float
    hair: float
    depth: float
    eyes: float
    width: float
    jaw: float
    eye_gap: float
    eye_size: float
    brows: float
    nose: float
    mouth: float
    greys: float
    style: float
    glasses: float
    beard: float


def write_sample(folder: Path, seed: int = 0, photos: int = PHOTOS) -> None:
    """Write ``faces.csv`` and the folder ``photos``, in an order that tells nothing."""
    rng = np.random.default_rng(seed)
    people = invent(rng)
    order = rng.permutation(np.repeat(np.arange(len(people)), photos))
    ages = rng.integers(*AGES, len(order), endpoint=True)
    gap = rng.random(len(order))
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    with (folder / "faces.csv").open("w", newline="") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(("file", "identity", "age"))
        for number, (who, age) in enumerate(zip(order.tolist(), ages.tolist(), strict=True)):
            name = f"photos/{number:04d}.jpg"
            photo = draw(people[who], age, np.random.default_rng([seed, number]))
            photo.save(folder / name, quality=90)
            undated = UNNAMED <= gap[number] < UNNAMED + UNDATED
            known = NAMES[who] if gap[number] >= UNNAMED else ""
            table.writerow((name, known, "" if undated else age))


def invent(rng: Generator) -> list[Person]:
    """The people: of every feature, as many have a low number as a high one."""
    count = len(NAMES)
    features = [(rng.permutation(count) + rng.random(count)) / count for _ in Person._fields]
    return [Person(*row) for row in np.stack(features, 1).tolist()]


def draw(person: Person, age: float, rng: Generator) -> Image.Image:
    """A photo of a person, unlike any other of the same."""
    child, old = _ramp(age, 22, 4), _ramp(age, 22, 80)
    grey = 0.4 * _ramp(age, 35 + 15 * person.greys, 60 + 15 * person.greys)
    hair = _mix(_hue(person.hair, 0.65, 0.25 + 0.6 * person.depth), GREY, grey)
    skin = _mix(*SKINS, person.skin) * (1 - 0.06 * old) + 0.03 * old
    head = _head(person, child, old)
    canvas = Canvas(rng)
    long = np.array([[0, 1 + 1.6 * person.style]]) if person.style > 0.6 else 0 * head[:1]
    canvas.fill(np.where(head[:, 1:] > 0, 1.15 * head * (1, 0) + long, 1.13 * head), 0.85 * hair)
    canvas.fill(oval(0, 2.1, 1.35, 1.0), _dull(rng), -0.5)
    canvas.fill(oval(0, 0.9, 0.33, 0.4), 0.88 * skin)
    for side in (-1, 1):
        canvas.fill(oval(side * head[:, 0].max(), 0.05, 0.15, 0.24), 0.9 * skin, -0.3)
    canvas.fill(head, skin)
    _draw_age(canvas, person, age, head, skin, hair, rng)
    _draw_features(canvas, person, child, old, skin, hair, rng)
    x = np.linspace(-1, 1, 13)
    line = np.stack([head[:, 0].max() * x, 0.3 * x**4 - 0.4 - 0.25 * (5 * person.style % 1)], 1)
    canvas.fill(np.concatenate([line, 1.12 * head[HALF:][::-1]]), hair)
    return canvas.photo(rng)


def _head(person: Person, child: float, old: float) -> Array:
    """The outline: round of a child, jowled of the old, by the person's own width and jaw."""
    square = 2 + 1.3 * person.jaw * (1 - child) + 0.4 * old
    corners = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], 1)
    power = 2 / np.where(corners[:, 1:] > 0, square, 2.2)
    x, y = (np.sign(corners) * np.abs(corners) ** power).T
    width = (0.66 + 0.2 * person.width + 0.1 * child) * (1 - 0.12 * np.maximum(y, 0))
    return np.stack([width * x, np.where(y > 0, 0.95 - 0.15 * child, 1.0) * y], 1)


def _draw_age(
    canvas: "Canvas", person: Person, age: float, head: Array, skin: Array, hair: Array,
    rng: Generator,
) -> None:  # fmt: skip
    """Wrinkles of forehead, eyes and mouth, and the beard of the grown."""
    if wrinkled := _ramp(age, 22, 80):
        color, width = skin * (1 - 0.45 * wrinkled), 0.02 + 0.03 * wrinkled
        for k in range(1 + round(3 * wrinkled)):
            forehead = arc(0, -0.62 + 0.11 * k, 0.3 + 0.1 * rng.random(), 0.04)
            canvas.line(forehead, color, width, 0.7)
        for side in (-1, 1):
            canvas.line(arc(side * 0.3, 0.22, 0.14, -0.06), color, width)
            fold = np.array([[0.2, 0.25], [0.3, 0.4], [0.33, 0.4 + 0.25 * wrinkled]])
            canvas.line(fold * (side, 1), color, width, 0.8)
    if age >= 18 and person.beard < 0.4:
        if person.beard < 0.2:
            chin = head[head[:, 1] > 0.15]
            canvas.fill(np.concatenate([chin, arc(0, 0.2, -0.6, -0.24)]), 0.85 * hair, 0.1)
        canvas.fill(oval(0, 0.47, 0.14 + 0.14 * person.mouth, 0.07), 0.85 * hair, 0.9)


def _draw_features(
    canvas: "Canvas", person: Person, child: float, old: float, skin: Array, hair: Array,
    rng: Generator,
) -> None:  # fmt: skip
    """Eyes, brows, nose, mouth and glasses; a child's lie lower and its eyes are larger."""
    level, gap = -0.12 + 0.2 * child, 0.24 + 0.14 * person.eye_gap
    size, lids = 0.09 + 0.06 * person.eye_size + 0.04 * child, rng.uniform(0.45, 1 - 0.25 * old)
    worn = person.glasses < 0.4 and rng.random() < 0.85
    rims = oval(0, 0, 0.21, 0.21) if person.glasses < 0.2 else 0.2 * SQUARE
    frame = _hue(1 - person.eyes, 0.9, 0.45)
    for side in (-1, 1):
        x = side * gap
        canvas.fill(oval(x, level, 1.5 * size, size * lids), WHITE, 1)
        canvas.fill(
            oval(x, level, 0.75 * size, 0.75 * size * lids), _hue(person.eyes, 0.75, 0.6), 1
        )
        canvas.fill(oval(x, level, 0.35 * size, 0.35 * size), 0 * WHITE, 1)
        brow = 0.03 + 0.08 * person.brows * (1 - 0.5 * child)
        canvas.line(arc(x, level - 0.2 - rng.uniform(-0.02, 0.05), 0.17, 0.05), 0.75 * hair, brow)
        if worn:
            canvas.line(np.add([*rims, rims[0]], (x, level)), frame, 0.045, 1.1)
    long = level + 0.28 + 0.16 * person.nose * (1 - 0.6 * child) + 0.06 * old
    broad = 0.08 + 0.07 * person.nose
    nose = np.array([[-0.03, level + 0.05], [0.03, level + 0.05], [broad, long], [-broad, long]])
    canvas.fill(nose, 0.84 * skin, 1.25)
    smile, width = rng.uniform(-0.05, 0.15), 0.14 + 0.14 * person.mouth
    mouth = arc(0, 0.58 + 0.05 * child, width, -smile)
    canvas.line(mouth, _mix(skin, LIPS, 0.5), 0.06 - 0.02 * old, 0.9)


class Canvas:
    """A picture to put shapes of the face onto as the camera sees them, in a random pose."""

    def __init__(self, rng: Generator) -> None:
        side = SIDE * FINE
        self.image = Image.new("RGB", (side, side), _bytes(_dull(rng)))
        self.draw = ImageDraw.Draw(self.image)
        self.scale = side * rng.uniform(0.29, 0.39)
        self.middle = side * (np.array([0.5, 0.54]) + rng.normal(0, 0.03, 2))
        roll = np.radians(rng.normal(0, 7))
        self.rotation = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
        self.aside = rng.uniform((-0.16, -0.1), (0.16, 0.1))
        for _ in range(rng.integers(0, 6)):
            self.fill(oval(*rng.uniform(-2, 2, 2), *rng.uniform(0.2, 1.2, 2)), _dull(rng), -1)

    def fill(self, shape: Array, color: Array, front: float = 0.0) -> None:
        """A polygon ``(P, 2)``; the further to the front, the more a turn of the head moves it."""
        self.draw.polygon(self._seen(shape, front), fill=_bytes(color))

    def line(self, shape: Array, color: Array, width: float, front: float = 1.0) -> None:
        width = max(1, round(width * self.scale))
        self.draw.line(self._seen(shape, front), fill=_bytes(color), width=width)

    def photo(self, rng: Generator) -> Image.Image:
        """The picture in the light from a side, with the camera's exposure, colours and grain."""
        pixels = np.asarray(self.image.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255
        place, angle = np.linspace(-1, 1, SIDE), rng.uniform(0, 2 * np.pi)
        facing = np.cos(angle) * place[None, :] + np.sin(angle) * place[:, None]
        light = rng.uniform(0.7, 1.15) * (1 + rng.uniform(0, 0.3) * facing)[:, :, None]
        warm = rng.normal(0, 0.04)
        pixels = pixels * light * np.array([1 + warm, 1, 1 - warm])
        pixels += rng.normal(0, rng.uniform(0.005, 0.02), pixels.shape)
        return Image.fromarray((255 * np.clip(pixels, 0, 1)).astype(np.uint8))

    def _seen(self, shape: Array, front: float) -> list[tuple[float, float]]:
        points = self.middle + self.scale * (shape + front * self.aside) @ self.rotation
        return [(x, y) for x, y in points.tolist()]


def oval(x: float, y: float, width: float, height: float) -> Array:
    return np.stack([x + width * np.cos(CIRCLE), y + height * np.sin(CIRCLE)], 1)


def arc(x: float, y: float, width: float, rise: float) -> Array:
    """A line from left to right that bends upwards in the middle by ``rise``."""
    place = np.linspace(-1, 1, 9)
    return np.stack([x + width * place, y - rise * (1 - place**2)], 1)


def _ramp(age: float, start: float, end: float) -> float:
    """0 before ``start``, 1 after ``end``, a line between."""
    return float(np.clip((age - start) / (end - start), 0, 1))


def _mix(a: Array, b: Array, share: float) -> Array:
    return a + (b - a) * share


def _hue(hue: float, saturation: float, value: float) -> Array:
    """All colours of hair and eyes, since nobody here is real."""
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def _dull(rng: Generator) -> Array:
    """A colour of walls and clothes."""
    return 0.5 * (rng.uniform(0.05, 0.95) + rng.uniform(0.05, 0.95, 3))


def _bytes(color: Array) -> tuple[int, ...]:
    return tuple(int(part) for part in (255 * np.clip(color, 0, 1)).round())
