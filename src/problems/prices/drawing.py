"""A picture of a car from the side. Places on the car are in parts of its length, from the front.

The car's size, place and light in the picture vary a little by the camera.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, ...]

SIZE = (160, 120)
FINE = 2  # drawn so many times larger, for smooth edges

# The outline's upper edge from bumper to bumper, then the windows, in lengths above the sill.
OUTLINES: dict[str, tuple[Sequence[Point], Sequence[Sequence[Point]]]] = {
    "hatchback": (
        [(0.0, 0.11), (0.24, 0.17), (0.38, 0.33), (0.84, 0.33), (0.99, 0.18)],
        [
            [(0.3, 0.18), (0.4, 0.3), (0.58, 0.3), (0.58, 0.18)],
            [(0.62, 0.18), (0.62, 0.3), (0.82, 0.3), (0.9, 0.18)],
        ],
    ),
    "saloon": (
        [(0.0, 0.11), (0.27, 0.16), (0.4, 0.3), (0.68, 0.3), (0.82, 0.17), (1.0, 0.15)],
        [
            [(0.33, 0.17), (0.42, 0.27), (0.54, 0.27), (0.54, 0.17)],
            [(0.57, 0.17), (0.57, 0.27), (0.67, 0.27), (0.77, 0.17)],
        ],
    ),
    "estate": (
        [(0.0, 0.11), (0.25, 0.16), (0.38, 0.3), (0.95, 0.3), (1.0, 0.15)],
        [
            [(0.31, 0.17), (0.4, 0.27), (0.56, 0.27), (0.56, 0.17)],
            [(0.59, 0.17), (0.59, 0.27), (0.74, 0.27), (0.74, 0.17)],
            [(0.77, 0.17), (0.77, 0.27), (0.92, 0.27), (0.96, 0.17)],
        ],
    ),
    "van": (
        [(0.0, 0.16), (0.09, 0.23), (0.2, 0.44), (0.99, 0.44), (1.0, 0.18)],
        [[(0.14, 0.24), (0.22, 0.4), (0.37, 0.4), (0.37, 0.24)]],
    ),
    "pickup": (
        [(0.0, 0.15), (0.22, 0.19), (0.31, 0.36), (0.53, 0.36), (0.56, 0.2), (1.0, 0.2)],
        [[(0.28, 0.2), (0.34, 0.33), (0.5, 0.33), (0.52, 0.2)]],
    ),
    "coupe": (
        [(0.0, 0.08), (0.32, 0.14), (0.48, 0.25), (0.64, 0.25), (0.94, 0.14), (1.0, 0.12)],
        [[(0.4, 0.15), (0.49, 0.23), (0.63, 0.23), (0.78, 0.15)]],
    ),
}
PAINTS: dict[str, Colour] = {
    "white": (236, 236, 232),
    "black": (40, 40, 44),
    "silver": (160, 166, 172),
    "red": (190, 30, 34),
    "blue": (36, 70, 170),
    "green": (30, 110, 60),
    "brown": (112, 72, 42),
    "yellow": (226, 190, 40),
}
BODIES, COLOURS = list(OUTLINES), list(PAINTS)


def draw(
    body: str, colour: str, size: float, dents: int, mirrored: bool, rng: Generator
) -> Image.Image:
    """The car from its left, or from its right where it is ``mirrored``.

    Args:
        body: One of ``BODIES``.
        colour: One of ``COLOURS``.
        size: From -1 to 1.
        dents: How many are on this side.
        mirrored: Facing the other way.
        rng: For the camera, the light and the places of the dents.
    """
    width, height = (FINE * side for side in SIZE)
    length = width * (0.7 + 0.2 * size) * rng.uniform(0.98, 1.02)
    left = (width - length) * rng.uniform(0.3, 0.7)
    sill = height * rng.uniform(0.7, 0.78)
    picture = _scene(width, height, rng)
    brush = ImageDraw.Draw(picture)
    paint = tuple(int(np.clip(c + rng.normal(0, 5), 0, 255)) for c in PAINTS[colour])
    roof, windows = OUTLINES[body]

    def at(point: Point) -> Point:
        return left + length * point[0], sill - length * point[1]

    def disc(middle: Point, radius: float, fill: Colour, flat: float = 1.0) -> None:
        x, y = at(middle)
        r = length * radius
        brush.ellipse((x - r, y - flat * r, x + r, y + flat * r), fill)

    (x0, y0), (x1, y1) = at((-0.02, -0.06)), at((1.02, -0.12))
    brush.ellipse((x0, y0, x1, y1), (40, 40, 44))
    brush.polygon([at(p) for p in [(0.01, 0.0), *roof, (0.99, 0.0)]], paint)
    for window in windows:
        brush.polygon([at(p) for p in window], (58, 74, 88))
    disc((0.03, 0.09), 0.02, (250, 240, 190))
    for x in (0.19, 0.81):
        disc((x, 0.0), 0.085, (22, 22, 22))
        disc((x, 0.0), 0.045, (150, 150, 155))
    for place in rng.permutation(5)[:dents]:
        # A row of places along the doors, so that dents neither meet nor hide behind a wheel.
        middle = (0.31 + 0.095 * float(place) + rng.uniform(-0.01, 0.01), rng.uniform(0.05, 0.11))
        disc(middle, 0.04, _shaded(paint, 60), flat=0.8)
        disc((middle[0] + 0.006, middle[1] - 0.006), 0.03, _shaded(paint, -70), flat=0.8)
    picture = picture.resize(SIZE, Image.Resampling.BOX)
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return _exposed(picture, rng)


def _scene(width: int, height: int, rng: Generator) -> Image.Image:
    """A wall behind and a yard below."""
    wall = tuple(int(c) for c in rng.uniform(120, 215) + rng.normal(0, 8, 3))
    yard = tuple(int(c) for c in rng.uniform(70, 130) + rng.normal(0, 6, 3))
    picture = Image.new("RGB", (width, height), wall)
    horizon = height * rng.uniform(0.5, 0.62)
    ImageDraw.Draw(picture).rectangle((0, horizon, width, height), yard)
    return picture


def _shaded(paint: Colour, by: int) -> Colour:
    return tuple(int(np.clip(c + by, 0, 255)) for c in paint)


def _exposed(picture: Image.Image, rng: Generator) -> Image.Image:
    """The camera's exposure and grain."""
    pixels = np.asarray(picture, dtype=np.float32) * rng.uniform(0.8, 1.1)
    grain = rng.standard_normal(pixels.shape[:2], np.float32)[..., None] * 4
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))
