"""Seven kinds of sky drawn from noise, in the folders and the format of the real photos.

Light, hue, haze, sun and horizon vary alike within every kind, so that texture tells the kinds
apart and colour does not. Brightness and cover run from 0 to 1, places are in parts of the side.
"""

import colorsys
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.floating]

SIDE = 256
_PLACE = np.arange(SIDE, dtype=np.float32) / SIDE
_DOWN, _RIGHT = _PLACE[:, None], _PLACE[None, :]
_WAVES_DOWN = np.fft.fftfreq(SIDE, 1 / SIDE).astype(np.float32)[:, None]
_WAVES_RIGHT = np.fft.rfftfreq(SIDE, 1 / SIDE).astype(np.float32)[None, :]


class Clouds(NamedTuple):
    """What hangs in a sky: how much of it each pixel hides, and how bright it is there."""

    cover: Field
    light: Field


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write ``clouds_train`` and ``clouds_test``, with as many photos a class as the real set."""
    for split, name in enumerate(("clouds_train", "clouds_test")):
        for kind, (label, (counts, _)) in enumerate(KINDS.items()):
            target = folder / name / label
            target.mkdir(parents=True, exist_ok=True)
            for number in range(counts[split]):
                rng = np.random.default_rng([seed, split, kind, number])
                photo = Image.fromarray(draw(label, rng))
                photo.save(target / f"{number:03d}.jpg", quality=90)


def draw(label: str, rng: Generator) -> NDArray[np.uint8]:
    """A photo of one kind of sky, ``(256, 256, 3)``."""
    sky, clouds = _sky(rng), KINDS[label][1](rng)
    shade = _colour(rng.uniform(0.58, 0.68), rng.uniform(0.05, 0.25), rng.uniform(0.2, 0.5))
    lit = _colour(rng.uniform(0.05, 0.13), rng.uniform(0, 0.15), rng.uniform(0.8, 1))
    picture = sky + (shade + (lit - shade) * clouds.light - sky) * clouds.cover
    photo = _exposed(_foreground(picture, rng), rng)
    return (255 * _clip(photo)).astype(np.uint8).transpose(1, 2, 0)


def _cirrus(rng: Generator) -> Clouds:
    """Thin streaks, combed and curled by the wind."""
    streaks = _noise(rng, 1.5, stretch=rng.uniform(4, 9), angle=rng.uniform(0, math.pi))
    streaks = _bent(streaks, rng.uniform(5, 25), rng)
    where = _noise(rng, 2.6)
    cover = _clip(rng.uniform(0.2, 0.4) * (streaks + where + rng.uniform(-0.4, 0.6)))
    return Clouds(rng.uniform(0.6, 0.95) * cover, 0.8 + 0.2 * cover)


def _clear(rng: Generator) -> Clouds:
    haze = _clip(rng.uniform(0, 0.04) * (_noise(rng, 3) + 1))
    return Clouds(haze, np.ones_like(haze))


def _cumulonimbus(rng: Generator) -> Clouds:
    """One tower that fills the sky, dark at the foot."""
    rise = rng.uniform(-0.1, 1, 30)
    middle, top, spread = rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.45), rng.uniform(0.08, 0.2)
    x = middle + spread * rng.normal(size=30) * (1.3 - rise)
    size = rng.uniform(0.08, 0.18, 30)
    return _heaped(rng, x, 1 - rise * (1 - top), size, dark=rng.uniform(0.4, 0.8))


def _cumulus(rng: Generator) -> Clouds:
    """Separate white heaps."""
    heaps = rng.integers(3, 8)
    width = rng.uniform(0.05, 0.16, (heaps, 1))
    x = rng.uniform(0, 1, (heaps, 1)) + width * rng.normal(size=(heaps, 8))
    y = rng.uniform(0, 1, (heaps, 1)) - width * rng.uniform(0, 0.7, (heaps, 8))
    size = width * rng.uniform(0.3, 0.7, (heaps, 8))
    return _heaped(rng, x.ravel(), y.ravel(), size.ravel(), dark=rng.uniform(0, 0.3))


def _ripples(rng: Generator) -> Clouds:
    """Many small cells, regular as scales."""
    cells = _cells(rng, waves=rng.uniform(10, 20), stretch=rng.uniform(1, 2))
    depth = cells + 0.8 * _noise(rng, 1.6) + rng.uniform(0.4, 1) * _noise(rng, 2.5)
    cover = _clip(0.4 + 0.3 * (depth + rng.uniform(-0.5, 1.5)))
    return Clouds(rng.uniform(0.5, 0.95) * cover, _clip(0.8 + 0.1 * _relief(rng, depth, 3)))


def _stratus(rng: Generator) -> Clouds:
    """A grey layer without edges."""
    layer = _noise(rng, rng.uniform(2, 2.8), stretch=rng.uniform(1, 3))
    light = _clip(rng.uniform(0.15, 0.85) + rng.uniform(0.02, 0.1) * layer)
    return Clouds(np.full_like(light, rng.uniform(0.92, 1)), light)


def _stratocumulus(rng: Generator) -> Clouds:
    """Large lumps side by side, with few gaps."""
    lumps = _cells(rng, waves=rng.uniform(3.5, 7), stretch=rng.uniform(1, 2))
    depth = lumps + 0.9 * _noise(rng, 1.7) + rng.uniform(0.3, 1.6)
    light = 0.75 + 0.1 * _relief(rng, depth, 5) - rng.uniform(0.05, 0.2) * depth
    return Clouds(_clip(0.8 * depth + 0.4), _clip(light))


# How many photos the real training and test folders hold, and how to draw one.
KINDS: dict[str, tuple[tuple[int, int], Callable[[Generator], Clouds]]] = {
    "cirriform clouds": ((66, 77), _cirrus),
    "clear sky": ((60, 64), _clear),
    "cumulonimbus clouds": ((14, 11), _cumulonimbus),
    "cumulus clouds": ((91, 120), _cumulus),
    "high cumuliform clouds": ((133, 103), _ripples),
    "stratiform clouds": ((49, 40), _stratus),
    "stratocumulus clouds": ((61, 71), _stratocumulus),
}


def _noise(rng: Generator, slope: float, stretch: float = 1.0, angle: float = 0.0) -> Field:
    """Fractal noise: the steeper the spectrum falls, the smoother; drawn out along ``angle``."""
    waves = _waves(stretch, angle)
    waves[0, 0] = np.inf
    return _field(rng, waves**-slope)


def _cells(rng: Generator, waves: float, stretch: float) -> Field:
    """Bumps of nearly one size, so many on a side."""
    far = _waves(stretch, rng.uniform(0, math.pi)) / waves - 1
    return _field(rng, np.exp(-((far / 0.6) ** 2)))


def _waves(stretch: float, angle: float) -> Field:
    cos, sin = math.cos(angle), math.sin(angle)
    along = stretch * (cos * _WAVES_RIGHT + sin * _WAVES_DOWN)
    across = cos * _WAVES_DOWN - sin * _WAVES_RIGHT
    return np.hypot(along, across)


def _field(rng: Generator, spectrum: Field) -> Field:
    """Noise with this spectrum, mean 0, deviation 1."""
    parts = rng.standard_normal((*spectrum.shape, 2), dtype=np.float32)
    field: Field = np.fft.irfft2(spectrum * parts.view(np.complex64)[..., 0])
    field /= field.std()
    return field


def _bent(field: Field, pixels: float, rng: Generator) -> Field:
    """The field as seen through uneven glass."""
    down = SIDE * _DOWN + pixels * _noise(rng, 3.5)
    right = SIDE * _RIGHT + pixels * _noise(rng, 3.5)
    return np.asarray(field[down.astype(int) % SIDE, right.astype(int) % SIDE])


def _heaped(rng: Generator, x: Field, y: Field, size: Field, dark: float) -> Clouds:
    """Puffs grown together, lit from above and dark at the foot."""
    down, right = (np.exp(-(((_PLACE[:, None] - at) / size) ** 2)) for at in (y, x))
    bulk = np.tanh(np.einsum("yp,xp->yx", down, right), dtype=np.float32)
    rough, billows = _noise(rng, rng.uniform(1.5, 1.9)), np.abs(_noise(rng, 1.7))
    depth = 2.4 * bulk + 0.45 * rough + 0.3 * billows - 1.4
    light = 0.75 + 0.1 * _relief(rng, depth, 5) + 0.12 * _relief(rng, depth, 20) - dark * _DOWN
    return Clouds(_clip(1.5 * depth), _clip(light))


def _relief(rng: Generator, depth: Field, step: int) -> Field:
    """Bright where a surface faces a light from above, over so many pixels; about 0."""
    facing = depth - np.roll(depth, (step, round(step * rng.uniform(-1, 1))), (0, 1))
    facing /= facing.std()
    return facing


def _sky(rng: Generator) -> Field:
    hue, saturation, value = rng.uniform(0.55, 0.64), rng.uniform(0.15, 0.75), rng.uniform(0.3, 0.8)
    top = _colour(hue, saturation, value)
    pale, bright = rng.uniform(0.3, 0.9), rng.uniform(1, 1.6)
    low = _colour(hue, saturation * pale, min(1, value * bright))
    tilt = rng.normal(0, 0.5)
    return top + (low - top) * _clip(_DOWN * math.cos(tilt) + _RIGHT * math.sin(tilt))


def _foreground(picture: Field, rng: Generator) -> Field:
    """The sun's glow and, in some photos, the dark line of a horizon."""
    x, y = rng.uniform(-0.3, 1.3), rng.uniform(-0.3, 1.3)
    distance = (_DOWN - y) ** 2 + (_RIGHT - x) ** 2
    picture += rng.uniform(0, 0.5) * np.exp(-distance / rng.uniform(0.05, 0.4)) * (1 - picture)
    if rng.random() < 0.25:
        horizon = rng.uniform(0.75, 0.97) + np.cumsum(rng.normal(0, 0.006, SIDE))
        picture *= np.where(horizon < _DOWN, np.float32(0.15), np.float32(1))
    return picture


def _exposed(picture: Field, rng: Generator) -> Field:
    """The camera's exposure, white balance, vignette and grain."""
    warm = rng.normal(0, 0.04)
    balance = rng.uniform(0.65, 1.1) * np.array([1 + warm, 1, 1 - warm], np.float32)
    vignette = 1 - rng.uniform(0, 0.5) * ((_DOWN - 0.5) ** 2 + (_RIGHT - 0.5) ** 2)
    grain = 0.01 * rng.standard_normal((SIDE, SIDE), np.float32)
    return picture * (balance[:, None, None] * vignette) + grain


def _colour(hue: float, saturation: float, value: float) -> Field:
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)[:, None, None]


def _clip(field: Field) -> Field:
    return np.clip(field, 0, 1)
