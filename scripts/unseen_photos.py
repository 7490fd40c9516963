"""Photos that nobody tuned the defaults for, and other methods that see their pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw
from sklearn import datasets, ensemble, linear_model, pipeline, preprocessing

SIDE, FINE = 40, 4
"""Pixels of a drawn photo, and how many times as many it is drawn with."""


def digits(folder: Path) -> None:
    """Scikit-learn's digits, in a folder for each class."""
    images, labels = datasets.load_digits(return_X_y=True)
    for number, (pixels, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / f"digit {label}" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((pixels.reshape(8, 8) * 15.9).astype(np.uint8)).save(path)


def drawn(draw: Callable[[ImageDraw.ImageDraw], object], rng: np.random.Generator) -> Image.Image:
    """A grey photo of a shape, with noise."""
    picture = Image.new("L", (SIDE * FINE, SIDE * FINE), int(rng.integers(20, 90)))
    draw(ImageDraw.Draw(picture))
    small = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), float)
    return Image.fromarray((small + rng.normal(0, 12, small.shape)).clip(0, 255).astype(np.uint8))


def arrows(folder: Path, count: int = 900) -> None:
    """Arrows that point up, down, left or right, anywhere in the photo: a flip changes two."""
    rng, wide = np.random.default_rng(0), SIDE * FINE
    shaft = np.array([(0, -1), (0, 1)])
    tip = np.array([(-0.55, -0.35), (0, -1), (0.55, -0.35)])
    for number in range(count):
        way = ("up", "right", "down", "left")[number % 4]
        angle = np.pi / 2 * (number % 4) + rng.normal(0, 0.15)
        turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
        place, size = rng.uniform(0.3, 0.7, 2) * wide, rng.uniform(0.12, 0.25) * wide
        light, line = int(rng.integers(110, 240)), int(wide * rng.uniform(0.025, 0.06))

        def arrow(pen: ImageDraw.ImageDraw) -> None:
            for part in (shaft, tip):
                points = [tuple(p) for p in place + size * part @ turn]  # noqa: B023
                pen.line(points, fill=light, width=line)  # noqa: B023

        (folder / way).mkdir(exist_ok=True)
        drawn(arrow, rng).save(folder / way / f"{number}.png")


def angles(folder: Path, count: int = 900) -> None:
    """A hand of a clock, and how many degrees it has come from the left to the right."""
    rng, wide = np.random.default_rng(1), SIDE * FINE
    rows = []
    for number in range(count):
        degrees, light = rng.uniform(-80, 80), int(rng.integers(120, 240))
        way = np.array([np.sin(np.deg2rad(degrees)), -np.cos(np.deg2rad(degrees))])
        foot = np.array([0.5, 0.8]) * wide + rng.normal(0, 0.03 * wide, 2)
        end = foot + way * rng.uniform(0.35, 0.6) * wide
        line = [*foot, *end], int(wide * rng.uniform(0.03, 0.07))
        name = f"{number}.png"
        drawn(lambda pen: pen.line(line[0], fill=light, width=line[1]), rng).save(folder / name)  # noqa: B023
        rows.append({"photo": name, "target": round(degrees, 2)})
    pd.DataFrame(rows).to_csv(folder / "unseen.csv", index=False)


PHOTOS: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "arrows": ("photos", "chosen", arrows),
    "digits' photos": ("photos", "checked", digits),
    "angles": ("numbers of photos", "checked", angles),
}
"""What is predicted, half, and how the photos are written into a folder."""


def pixels(files: "pd.Series[str]", folder: Path) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(Image.open(folder / f).convert("L"), float).ravel() for f in files])


scaled = preprocessing.StandardScaler
SEERS: dict[str, dict[str, Callable[[], Any]]] = {
    "photos": {
        "linear": lambda: pipeline.make_pipeline(
            scaled(), linear_model.LogisticRegression(max_iter=500)
        ),
        "forest": lambda: ensemble.RandomForestClassifier(300, random_state=0),
    },
    "numbers of photos": {
        "linear": lambda: pipeline.make_pipeline(
            scaled(), linear_model.RidgeCV(np.logspace(-1, 6, 15))
        ),
        "forest": lambda: ensemble.RandomForestRegressor(300, max_features=1 / 3, random_state=0),
    },
}
"""Methods that see the pixels."""
