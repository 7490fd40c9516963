"""Thirty invented people for the sample: what they keep all their life, and what age does.

Lengths are in parts of half the head's height, colours run from 0 to 1.
"""

import colorsys
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Color = NDArray[np.float64]
Style = Literal["short", "fringe", "parted", "spiky", "curly", "bob", "long", "bun", "shaved"]

NAMES = (
    "Ada", "Bo", "Cleo", "Dov", "Edda", "Finn", "Gaia", "Hugo", "Ines", "Jona",
    "Kaia", "Leon", "Mira", "Nico", "Olga", "Pax", "Quin", "Runa", "Silas", "Tove",
    "Uma", "Vito", "Wren", "Xenia", "Yara", "Zeno", "Alma", "Bela", "Cato", "Dina",
)  # fmt: skip
STYLES: tuple[Style, ...] = (
    "short", "fringe", "parted", "spiky", "curly", "bob", "long", "bun", "shaved"
)  # fmt: skip
GREY = np.array([0.82, 0.82, 0.84])


@dataclass(frozen=True)
class Person:
    """One person's features, most of them places from 0 to 1 between two extremes."""

    name: str
    skin: Color
    hair: Color
    eyes: Color
    frame: Color
    style: Style
    width: float
    jaw: float
    eye_gap: float
    eye_size: float
    brows: float
    brow_tilt: float
    nose: float
    mouth: float
    ears: float
    recedes: float
    greys: float
    glasses: Literal["", "round", "square"]
    beard: Literal["", "full", "moustache"]
    freckles: bool


@dataclass(frozen=True)
class Aged:
    """What a person's age makes of the face, each from 0 to 1."""

    child: float
    wrinkles: float
    grey: float
    bald: float
    grown: bool


def invent(rng: Generator) -> list[Person]:
    """The people; of every feature there are as many low as high ones, each on its own person."""
    count = len(NAMES)
    spread = {name: (rng.permutation(count) + rng.uniform(0, 1, count)) / count for name in SPREAD}
    styles, glasses = rng.permutation(count), rng.permutation(count)
    beards, freckles = rng.permutation(count), rng.permutation(count)
    return [
        Person(
            name=name,
            skin=_skin(spread["skin"][k]),
            hair=_hair(spread["hair"][k], spread["depth"][k]),
            eyes=_rgb(0.07 + 0.65 * spread["eyes"][k], 0.75, 0.6),
            frame=_rgb(spread["frame"][k], 0.9, 0.45),
            style=STYLES[styles[k] % len(STYLES)],
            glasses=("round", "square", "", "", "")[glasses[k] % 5],
            beard=("full", "moustache", "", "", "")[beards[k] % 5],
            freckles=bool(freckles[k] % 5 == 0),
            **{feature: float(spread[feature][k]) for feature in PLACES},
        )
        for k, name in enumerate(NAMES)
    ]


PLACES = (
    "width", "jaw", "eye_gap", "eye_size", "brows", "brow_tilt", "nose", "mouth", "ears",
    "recedes", "greys",
)  # fmt: skip
SPREAD = (*PLACES, "skin", "hair", "depth", "eyes", "frame")


def at_age(person: Person, age: float) -> Aged:
    """What ``age`` in years has done to a person by then."""
    return Aged(
        child=_ramp(age, 22, 4),
        wrinkles=_ramp(age, 22, 80),
        grey=0.4 * _ramp(age, 35 + 15 * person.greys, 60 + 15 * person.greys),
        bald=0.6 * _ramp(age, 25, 75) * max(0.0, 2 * person.recedes - 1),
        grown=age >= 18,
    )


def _ramp(age: float, start: float, end: float) -> float:
    """0 before ``start``, 1 after ``end``, a line between."""
    return float(np.clip((age - start) / (end - start), 0, 1))


def _skin(place: float) -> Color:
    light, dark = np.array([0.98, 0.84, 0.74]), np.array([0.36, 0.22, 0.15])
    mixed: Color = light + (dark - light) * place
    return mixed


def _hair(hue: float, depth: float) -> Color:
    """All colours, since nobody here is real."""
    return _rgb(hue, 0.65, 0.25 + 0.6 * depth)


def _rgb(hue: float, saturation: float, value: float) -> Color:
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))
