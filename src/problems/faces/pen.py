"""A pen that draws a face as the camera sees it, and the camera.

Places are in parts of half the head's height, from the head's middle, y downwards.
P: corners of a shape.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from problems.faces.people import Color

Shape = NDArray[np.float64]

SIDE = 96
FINE = 3
"""Drawn so much larger, because Pillow draws without antialiasing."""

CORNERS = 48
"""Of what is round, clockwise from the right."""

TURN = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
UPPER = np.arange(CORNERS) >= CORNERS // 2


class Pen:
    """Puts shapes of the face onto a picture, as the camera sees them.

    Args:
        background: Colour of the picture.
        rng: Draws the pose.
    """

    def __init__(self, background: Color, rng: Generator) -> None:
        self.side = SIDE * FINE
        self.image = Image.new("RGB", (self.side, self.side), _bytes(background))
        self.draw = ImageDraw.Draw(self.image)
        self.scale = self.side * rng.uniform(0.29, 0.39)
        self.middle = self.side * (np.array([0.5, 0.54]) + rng.normal(0, 0.03, 2))
        roll = np.radians(rng.normal(0, 7))
        self.rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        self.aside = rng.uniform(-0.16, 0.16)
        self.up = rng.uniform(-0.1, 0.1)

    def fill(self, shape: Shape, color: Color, front: float = 0.0) -> None:
        """A polygon ``(P, 2)``; the further to the front, the more a turn of the head moves it."""
        self.draw.polygon(self._seen(shape, front), fill=_bytes(color))

    def line(self, shape: Shape, color: Color, width: float, front: float = 1.0) -> None:
        points = self._seen(shape, front)
        self.draw.line(points, fill=_bytes(color), width=max(1, round(width * self.scale)))

    def _seen(self, shape: Shape, front: float) -> list[tuple[float, float]]:
        moved = shape + front * np.array([self.aside, self.up])
        return [(x, y) for x, y in self.middle + self.scale * moved @ self.rotation.T]


def oval(x: float, y: float, width: float, height: float) -> Shape:
    return np.stack([x + width * np.cos(TURN), y + height * np.sin(TURN)], 1)


def arc(x: float, y: float, width: float, rise: float) -> Shape:
    """A line from left to right that bends upwards in the middle by ``rise``."""
    place = np.linspace(-1, 1, 9)
    return np.stack([x + width * place, y - rise * (1 - place**2)], 1)


def photographed(image: Image.Image, rng: Generator) -> NDArray[np.uint8]:
    """Light from a side, its colour, exposure, the lens and the grain."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    if rng.random() < 0.3:
        small = small.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.7)))
    place = np.linspace(-1, 1, SIDE)
    angle = rng.uniform(0, 2 * np.pi)
    facing = np.cos(angle) * place[None, :] + np.sin(angle) * place[:, None]
    light = rng.uniform(0.7, 1.15) * (1 + rng.uniform(0, 0.3) * facing)
    warm = rng.normal(0, 0.04)
    pixels = np.asarray(small) / 255 * light[:, :, None] * np.array([1 + warm, 1, 1 - warm])
    pixels += rng.normal(0, rng.uniform(0.005, 0.02), pixels.shape)
    photo: NDArray[np.uint8] = (255 * np.clip(pixels, 0, 1)).astype(np.uint8)
    return photo


def _bytes(color: Color) -> tuple[int, ...]:
    return tuple(int(part) for part in (255 * np.clip(color, 0, 1)).round())
