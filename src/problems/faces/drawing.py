"""Draws a cartoon of an invented person at some age, in some pose, light and place.

Places are in parts of half the head's height, from the head's middle, y downwards.
P: corners of a shape.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from problems.faces.pen import CORNERS, TURN, UPPER, Pen, Shape, arc, oval, photographed
from problems.faces.people import GREY, Aged, Color, Person, at_age


def draw(person: Person, age: float, rng: Generator) -> NDArray[np.uint8]:
    """A photo of a person, ``(SIDE, SIDE, 3)``, unlike any other of the same."""
    aged = at_age(person, age)
    pen = Pen(_dull(rng), rng)
    _draw_background(pen, rng)
    hair = person.hair + (GREY - person.hair) * aged.grey
    skin = person.skin * (1 - 0.06 * aged.wrinkles) + 0.03 * aged.wrinkles
    outline = _outline(person, aged)
    _draw_hair_behind(pen, person, outline, hair)
    _draw_body(pen, skin, rng)
    ears = 0.1 + 0.1 * person.ears + 0.03 * aged.wrinkles
    for side in (-1, 1):
        pen.fill(oval(side * outline[:, 0].max(), 0.05, ears, 1.6 * ears), 0.9 * skin, -0.3)
    pen.fill(outline, skin)
    _draw_skin(pen, person, aged, skin, rng)
    _draw_beard(pen, person, aged, outline, hair)
    _draw_features(pen, person, aged, skin, hair, rng)
    _draw_hair(pen, person, aged, outline, hair)
    return photographed(pen.image, rng)


def _outline(person: Person, aged: Aged) -> Shape:
    """The head: round of a child, jowled of the old, by the person's own width and jaw."""
    width = 0.66 + 0.2 * person.width + 0.1 * aged.child
    square = 2 + 1.3 * person.jaw * (1 - aged.child) + 0.4 * aged.wrinkles
    power = 2 / np.where(np.sin(TURN) > 0, square, 2.2)
    x = np.sign(np.cos(TURN)) * np.abs(np.cos(TURN)) ** power
    y = np.sign(np.sin(TURN)) * np.abs(np.sin(TURN)) ** power
    chin = np.where(y > 0, 0.95 - 0.15 * aged.child, 1.0)
    return np.stack([width * x * (1 - 0.12 * np.maximum(y, 0)), chin * y], 1)


def _draw_background(pen: Pen, rng: Generator) -> None:
    for _ in range(rng.integers(0, 6)):
        x, y, width, height = rng.uniform(-2, 2, 2).tolist() + rng.uniform(0.2, 1.2, 2).tolist()
        pen.fill(oval(x, y, width, height), _dull(rng), front=-1)


def _draw_body(pen: Pen, skin: Color, rng: Generator) -> None:
    pen.fill(oval(0, 2.1, 1.35, 1.0), _dull(rng), -0.5)
    pen.fill(np.array([[-0.3, 0.6], [0.3, 0.6], [0.36, 1.25], [-0.36, 1.25]]), 0.88 * skin)


def _draw_skin(pen: Pen, person: Person, aged: Aged, skin: Color, rng: Generator) -> None:
    """Freckles, wrinkles of forehead, eyes and mouth, and the flush of a child's cheeks."""
    for side in (-1, 1):
        flushed = skin + aged.child * 0.35 * (np.array([0.95, 0.4, 0.4]) - skin)
        pen.fill(oval(0.42 * side, 0.35, 0.17, 0.14), flushed, 0.5)
    if person.freckles:
        for x, y in np.random.default_rng(0).uniform((-0.5, 0.1), (0.5, 0.42), (14, 2)):
            pen.fill(oval(x, y, 0.025, 0.025), 0.72 * skin, 0.8)
    if aged.wrinkles == 0:
        return
    color = skin * (1 - 0.45 * aged.wrinkles)
    width = 0.02 + 0.03 * aged.wrinkles
    for k in range(1 + round(3 * aged.wrinkles)):
        pen.line(arc(0, -0.62 + 0.11 * k, 0.3 + 0.1 * rng.random(), 0.04), color, width, 0.7)
    for side in (-1, 1):
        pen.line(arc(side * 0.3, 0.22, 0.14, -0.06), color, width)
        fold = np.array([[0.2, 0.25], [0.3, 0.4], [0.33, 0.4 + 0.25 * aged.wrinkles]])
        pen.line(fold * (side, 1), color, width, 0.8)


def _draw_beard(pen: Pen, person: Person, aged: Aged, outline: Shape, hair: Color) -> None:
    if not aged.grown or not person.beard:
        return
    if person.beard == "full":
        chin = outline[outline[:, 1] > 0.15]
        pen.fill(np.concatenate([chin, arc(0, 0.2, -0.6, -0.24)]), 0.85 * hair, 0.1)
    pen.fill(oval(0, 0.47, 0.14 + 0.14 * person.mouth, 0.07), 0.85 * hair, 0.9)


def _draw_features(
    pen: Pen, person: Person, aged: Aged, skin: Color, hair: Color, rng: Generator
) -> None:
    """Eyes, brows, nose, mouth and glasses; a child's lie lower and its eyes are larger."""
    level = -0.12 + 0.2 * aged.child
    gap, size = 0.24 + 0.14 * person.eye_gap, 0.09 + 0.06 * person.eye_size + 0.04 * aged.child
    lids = rng.uniform(0.45, 1) * (1 - 0.25 * aged.wrinkles)
    gaze, raised = rng.normal(0, 0.02), rng.uniform(-0.02, 0.08)
    tilt = 0.14 * (person.brow_tilt - 0.5)
    for side in (-1, 1):
        x = side * gap
        pen.fill(oval(x, level, 1.5 * size, size * lids), np.full(3, 0.97), 1)
        pen.fill(oval(x + gaze, level, 0.75 * size, size * min(lids, 0.75)), person.eyes, 1)
        pen.fill(oval(x + gaze, level, 0.35 * size, size * min(lids, 0.35)), np.zeros(3), 1)
        brow = arc(x, level - 0.2 - raised, 0.17, 0.05)
        brow[:, 1] -= side * tilt * (brow[:, 0] - x) / 0.17
        pen.line(brow, 0.75 * hair, 0.03 + 0.08 * person.brows * (1 - 0.5 * aged.child))
    length = level + 0.28 + 0.16 * person.nose * (1 - 0.6 * aged.child) + 0.06 * aged.wrinkles
    broad = 0.08 + 0.07 * person.nose
    nose = np.array(
        [[-0.03, level + 0.05], [0.03, level + 0.05], [broad, length], [-broad, length]]
    )
    pen.fill(nose, 0.84 * skin, 1.25)
    _draw_mouth(pen, person, aged, skin, rng)
    if person.glasses and rng.random() < 0.85:
        _draw_glasses(pen, person, gap, level)


def _draw_mouth(pen: Pen, person: Person, aged: Aged, skin: Color, rng: Generator) -> None:
    width, smile = 0.14 + 0.14 * person.mouth, rng.uniform(-0.05, 0.15)
    y = 0.58 + 0.05 * aged.child - 0.02 * aged.wrinkles
    lips = 0.6 * skin + 0.4 * np.array([0.75, 0.2, 0.25])
    upper, lower = arc(0, y, width, -smile), arc(0, y, -width, -smile - rng.uniform(0, 0.12))
    pen.fill(np.concatenate([upper, lower]), np.array([0.35, 0.08, 0.1]), 0.9)
    pen.line(upper, lips, 0.05 * (1 - 0.5 * aged.wrinkles), 0.9)


def _draw_glasses(pen: Pen, person: Person, gap: float, level: float) -> None:
    square = np.array([[-1, -0.8], [1, -0.8], [1, 0.8], [-1, 0.8], [-1, -0.8]])
    rim = (
        square if person.glasses == "square" else oval(0, 0, 1, 1)[np.arange(CORNERS + 1) % CORNERS]
    )
    for side in (-1, 1):
        pen.line(0.21 * rim + (side * gap, level), person.frame, 0.045, 1.1)
    bridge = np.array([[0.21 - gap, level], [gap - 0.21, level]])
    pen.line(bridge, person.frame, 0.045, 1.1)


def _draw_hair_behind(pen: Pen, person: Person, outline: Shape, hair: Color) -> None:
    reach = {"bob": 0.75, "long": 1.5}.get(person.style)
    if reach is not None:
        width = outline[:, 0].max() + 0.16
        sides = np.array([[width, reach], [-width, reach]])
        pen.fill(np.concatenate([1.12 * outline[UPPER], [[width, 0]], sides]), 0.85 * hair)
    if person.style == "bun":
        pen.fill(oval(0, -1.15, 0.35, 0.3), 0.9 * hair, -0.5)


def _draw_hair(pen: Pen, person: Person, aged: Aged, outline: Shape, hair: Color) -> None:
    """What frames the forehead; it draws back from those who go bald."""
    top = outline[UPPER | (TURN == 0)]
    width = outline[:, 0].max()
    low = {"fringe": -0.38, "shaved": -0.66, "parted": -0.5}.get(person.style, -0.56)
    place = np.linspace(-1, 1, 13)
    line = low - 0.75 * aged.bald * (1 - place**4) + 0.3 * place**4
    if person.style == "parted":
        line += 0.2 * np.abs(place + 0.3) - 0.25 * np.exp(-(((place + 0.3) / 0.15) ** 2))
    inner = np.stack([width * place, np.maximum(line, -1.02)], 1)
    thick = 1.03 if person.style == "shaved" else 1.12 - 0.07 * aged.bald
    color = 0.7 * hair + 0.3 * person.skin if person.style == "shaved" else hair
    outer = thick * top[np.argsort(top[:, 0])][::-1]
    if person.style == "spiky" and aged.bald < 0.6:
        outer = outer * (1 + 0.14 * (np.arange(len(outer)) % 3 == 0))[:, None]
    pen.fill(np.concatenate([inner, outer]), color)
    if person.style == "curly" and aged.bald < 0.6:
        for x, y in 1.06 * top[::3]:
            pen.fill(oval(x, y, 0.17, 0.17), color, 0)


def _dull(rng: Generator) -> Color:
    """A colour of walls and clothes."""
    return 0.5 * (rng.uniform(0.05, 0.95) + rng.uniform(0.05, 0.95, 3))
