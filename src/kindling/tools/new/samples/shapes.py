"""A picture of one shape: any colour, place, turn, so that shape and size alone tell anything."""

import math

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

SHAPES = ("circle", "cross", "square", "triangle")
SIDE = 64
FINE = 3
"""Drawn so much larger, because Pillow draws without antialiasing."""


def draw(shape: str, size: float, rng: Generator) -> Image.Image:
    """A shape of a size from 0 to 1: from a fifth of the picture's side to two thirds."""
    side = SIDE * FINE
    dark, light = rng.uniform(0, 110, 3), rng.uniform(140, 255, 3)
    back, front = (dark, light) if rng.random() < 0.5 else (light, dark)
    picture = Image.new("RGB", (side, side), _bytes(back))
    reach = side * (0.1 + 0.23 * size)
    x, y = side / 2 + rng.uniform(-0.12, 0.12, 2) * side
    pen = ImageDraw.Draw(picture)
    if shape == "circle":
        pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=_bytes(front))
    else:
        turn = rng.uniform(0, 2 * math.pi)
        corners = [
            (x + far * reach * math.cos(turn + angle), y + far * reach * math.sin(turn + angle))
            for far, angle in _corners(shape)
        ]
        pen.polygon(corners, fill=_bytes(front))
    grain = rng.normal(0, 8, (SIDE, SIDE, 3))
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)) + grain
    return Image.fromarray(np.clip(small, 0, 255).astype(np.uint8))


def _corners(shape: str) -> list[tuple[float, float]]:
    """Distance from the middle and angle of each."""
    if shape == "cross":
        turns = [k * math.pi / 2 + d for k in range(4) for d in (-0.3, 0.3, math.pi / 4)]
        return [(0.4 if k % 3 == 2 else 1.0, angle) for k, angle in enumerate(turns)]
    count = {"triangle": 3, "square": 4}[shape]
    return [(1.0, 2 * math.pi * k / count) for k in range(count)]


def _bytes(color: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[int, ...]:
    return tuple(int(part) for part in color)
