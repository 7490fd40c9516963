"""Drawn faces of thirty invented people from 5 to 80 years, some of them without name or age.

What a person keeps all life is a number from 0 to 1 for each feature. Places are in parts of half
the head's height, from the head's middle, y downwards; colours run from 0 to 1.
"""

from colorsys import hsv_to_rgb
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float64]

NAMES = (
    "Ada", "Bo", "Cleo", "Dov", "Edda", "Finn", "Gaia", "Hugo", "Ines", "Jona",
    "Kaia", "Leon", "Mira", "Nico", "Olga", "Pax", "Quin", "Runa", "Silas", "Tove",
    "Uma", "Vito", "Wren", "Xenia", "Yara", "Zeno", "Alma", "Bela", "Cato", "Dina",
)  # fmt: skip
FEATURES = (
    "skin", "hue", "depth", "style", "width", "jaw", "eyes", "eye_gap", "eye_size", "brows",
    "nose", "mouth", "greys", "glasses", "beard",
)  # fmt: skip
AGES = (5, 80)
PHOTOS = 48  # of each person
UNNAMED, UNDATED = 0.03, 0.04  # shares of the photos of which nobody wrote down who, or how old

SIDE = 96
FINE = 3  # drawn so many times larger, because Pillow draws without antialiasing
CIRCLE = np.pi * np.arange(48) / 24  # clockwise from the right
SQUARE = 0.2 * np.array([[-1, -0.8], [1, -0.8], [1, 0.8], [-1, 0.8]])
LIGHT, DARK, GREY, WHITE, RED = np.array(
    [[0.98, 0.84, 0.74], [0.36, 0.22, 0.15], [0.82, 0.82, 0.84], [0.97] * 3, [0.6, 0.2, 0.2]]
)


def write_sample(folder: Path, seed: int = 0, photos: int = PHOTOS) -> None:
    """Write ``faces.csv`` and the folder ``photos``, in an order that tells nothing."""
    rng = np.random.default_rng(seed)
    people = invent(rng)
    order = rng.permutation(np.repeat(np.arange(len(people)), photos))
    ages = rng.integers(*AGES, len(order), endpoint=True)
    gap = rng.random(len(order))
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    rows = []
    for number, (who, age) in enumerate(zip(order.tolist(), ages.tolist(), strict=True)):
        name = f"photos/{number:04d}.jpg"
        photo = draw(people[who], age, np.random.default_rng([seed, number]))
        photo.save(folder / name, quality=90)
        undated = UNNAMED <= gap[number] < UNNAMED + UNDATED
        rows.append((name, NAMES[who] if gap[number] >= UNNAMED else "", "" if undated else age))
    table = pd.DataFrame(rows, columns=["file", "identity", "age"])
    table.to_csv(folder / "faces.csv", index=False)


def invent(rng: Generator) -> list[SimpleNamespace]:
    """The people: of every feature, as many have a low number as a high one."""
    count = len(NAMES)
    spread = [(rng.permutation(count) + rng.random(count)) / count for _ in FEATURES]
    return [
        SimpleNamespace(**dict(zip(FEATURES, row, strict=True))) for row in np.transpose(spread)
    ]


def draw(person: Any, age: float, rng: Generator) -> Image.Image:
    """A photo of a person, unlike any other of the same."""
    canvas = Canvas(rng)
    child, old = np.interp(age, [4, 22], [1, 0]), np.interp(age, [22, 80], [0, 1])
    grey = 0.4 * np.interp(age, np.array([35, 60]) + 15 * person.greys, [0, 1])
    hair = _mix(hsv_to_rgb(person.hue, 0.65, 0.25 + 0.6 * person.depth), GREY, grey)
    skin = _mix(LIGHT, DARK, person.skin) * (1 - 0.06 * old) + 0.03 * old
    # The head: round of a child, jowled of the old, by the person's own width and jaw.
    corners = np.stack([np.cos(CIRCLE), np.sin(CIRCLE)], 1)
    square = np.where(corners[:, 1:] > 0, 2 + 1.3 * person.jaw * (1 - child) + 0.4 * old, 2.2)
    x, y = (np.sign(corners) * np.abs(corners) ** (2 / square)).T
    wide = 0.66 + 0.2 * person.width + 0.1 * child
    low = np.maximum(y, 0)
    head = np.stack([wide * x * (1 - 0.12 * low), y - (0.05 + 0.15 * child) * low], 1)

    reach = 1 + 1.6 * person.style if person.style > 0.6 else 0.0
    behind = np.stack([1.14 * head[:, 0], np.where(y > 0, reach, 1.13 * y)], 1)
    canvas.fill(behind, 0.85 * hair)
    canvas.fill(oval(0, 2.1, 1.35, 1.0), _dull(rng), -0.5)
    canvas.fill(oval(0, 0.9, 0.33, 0.4), 0.88 * skin)
    for side in (-1, 1):
        canvas.fill(oval(side * wide, 0.05, 0.15, 0.24), 0.9 * skin, -0.3)
    canvas.fill(head, skin)
    _draw_wrinkles(canvas, old, skin, rng)
    if age >= 18 and person.beard < 0.4:
        if person.beard < 0.2:
            chin = head[head[:, 1] > 0.15]
            canvas.fill([*chin, *arc(0, 0.2, -0.6, -0.24)], 0.85 * hair, 0.1)
        canvas.fill(oval(0, 0.47, 0.14 + 0.14 * person.mouth, 0.07), 0.85 * hair, 0.9)
    _draw_features(canvas, person, child, old, skin, hair, rng)
    x = np.linspace(-1, 1, 13)
    line = np.stack([wide * x, 0.3 * x**4 - 0.4 - 0.25 * (5 * person.style % 1)], 1)
    canvas.fill([*line, *1.12 * head[:23:-1]], hair)
    return canvas.photo(rng)


def _draw_wrinkles(canvas: "Canvas", old: float, skin: Array, rng: Generator) -> None:
    color, width = skin * (1 - 0.45 * old), 0.02 + 0.03 * old
    for k in range(1 + round(3 * old) if old else 0):
        canvas.line(arc(0, -0.62 + 0.11 * k, 0.3 + 0.1 * rng.random(), 0.04), color, width, 0.7)
    for side in (-1, 1) if old else ():
        canvas.line(arc(side * 0.3, 0.22, 0.14, -0.06), color, width)
        fold = np.array([[0.2, 0.25], [0.3, 0.4], [0.33, 0.4 + 0.25 * old]])
        canvas.line(fold * (side, 1), color, width, 0.8)


def _draw_features(
    canvas: "Canvas", person: Any, child: float, old: float, skin: Array, hair: Array,
    rng: Generator,
) -> None:  # fmt: skip
    """Eyes, brows, nose, mouth and glasses; a child's lie lower and its eyes are larger."""
    level, gap = -0.12 + 0.2 * child, 0.24 + 0.14 * person.eye_gap
    size, lids = 0.09 + 0.06 * person.eye_size + 0.04 * child, rng.uniform(0.45, 1 - 0.25 * old)
    brow = 0.03 + 0.08 * person.brows * (1 - 0.5 * child)
    worn = person.glasses < 0.4 and rng.random() < 0.85
    rim = oval(0, 0, 0.21, 0.21) if person.glasses < 0.2 else SQUARE
    for x in (-gap, gap):
        canvas.fill(oval(x, level, 1.5 * size, size * lids), WHITE, 1)
        iris = oval(x, level, 0.75 * size, 0.75 * size * lids)
        canvas.fill(iris, hsv_to_rgb(person.eyes, 0.75, 0.6), 1)
        canvas.fill(oval(x, level, 0.35 * size, 0.35 * size), 0 * WHITE, 1)
        canvas.line(arc(x, level - 0.2 - rng.uniform(-0.02, 0.05), 0.17, 0.05), 0.75 * hair, brow)
        if worn:
            frame = hsv_to_rgb(1 - person.eyes, 0.9, 0.45)
            canvas.line(np.add([*rim, rim[0]], (x, level)), frame, 0.045, 1.1)
    long = level + 0.28 + 0.16 * person.nose * (1 - 0.6 * child) + 0.06 * old
    broad, top = 0.08 + 0.07 * person.nose, level + 0.05
    canvas.fill([[-0.03, top], [0.03, top], [broad, long], [-broad, long]], 0.84 * skin, 1.25)
    mouth = arc(0, 0.58 + 0.05 * child, 0.14 + 0.14 * person.mouth, rng.uniform(-0.15, 0.05))
    canvas.line(mouth, _mix(skin, RED, 0.5), 0.06 - 0.02 * old, 0.9)


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

    def fill(self, shape: ArrayLike, color: ArrayLike, front: float = 0.0) -> None:
        """A polygon ``(P, 2)``; the further to the front, the more a turn of the head moves it."""
        self.draw.polygon(self._seen(shape, front), fill=_bytes(color))

    def line(self, shape: ArrayLike, color: ArrayLike, width: float, front: float = 1.0) -> None:
        width = max(1, round(width * self.scale))
        self.draw.line(self._seen(shape, front), fill=_bytes(color), width=width)

    def photo(self, rng: Generator) -> Image.Image:
        """The picture in the light from a side, with the camera's exposure, colours and grain."""
        pixels = np.asarray(self.image.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255
        angle, warm = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.04)
        x, y = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 2)
        facing = np.cos(angle) * x + np.sin(angle) * y
        light = rng.uniform(0.7, 1.15) * (1 + rng.uniform(0, 0.3) * facing)[:, :, None]
        grain = rng.normal(0, rng.uniform(0.005, 0.02), pixels.shape)
        lit = pixels * light * (1 + warm, 1, 1 - warm) + grain
        return Image.fromarray((255 * np.clip(lit, 0, 1)).astype(np.uint8))

    def _seen(self, shape: ArrayLike, front: float) -> list[tuple[float, float]]:
        points = self.middle + self.scale * (np.asarray(shape) + front * self.aside) @ self.rotation
        return [(x, y) for x, y in points.tolist()]


def oval(x: float, y: float, width: float, height: float) -> Array:
    return np.stack([x + width * np.cos(CIRCLE), y + height * np.sin(CIRCLE)], 1)


def arc(x: float, y: float, width: float, rise: float) -> Array:
    """A line from left to right that bends upwards in the middle by ``rise``."""
    place = np.linspace(-1, 1, 9)
    return np.stack([x + width * place, y - rise * (1 - place**2)], 1)


def _mix(a: ArrayLike, b: ArrayLike, share: float) -> Array:
    return (1 - share) * np.asarray(a) + share * np.asarray(b)


def _dull(rng: Generator) -> Array:
    """A colour of walls and clothes."""
    return 0.5 * (rng.uniform(0.05, 0.95) + rng.uniform(0.05, 0.95, 3))


def _bytes(color: ArrayLike) -> tuple[int, ...]:
    return tuple(int(part) for part in 255 * np.clip(color, 0, 1))
