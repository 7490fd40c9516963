"""A generated stand-in for the real table, with its columns: learnable, and no score on real data.

What is to be told follows from all columns, from two numbers together and from chance.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FILE = "tabular.csv"
ROWS = 1000
TARGET = "target"
CLASSES = {"no": 0.6, "yes": 0.4}
"""Share of each class."""

NUMBERS = {"age": (45.0, 12.0, 0.0), "income": (3200.0, 900.0, 0.05), "visits": (6.5, 2.0, 0.0)}
"""Mean, deviation, and the share that is missing."""

CATEGORIES: dict[str, tuple[list[str], float]] = {
    "plan": (["basic", "extra", "full"], 0.0),
    "region": (["east", "north", "south", "west"], 0.02),
}
"""Values, and the share that is missing."""

IDENTIFIERS: list[str] = ["id"]
NOISE = 0.3  # in deviations of what all columns add up to


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write the table into the folder."""
    rng = np.random.default_rng(seed)
    columns: dict[str, list[str]] = {n: [str(k + 1) for k in range(ROWS)] for n in IDENTIFIERS}
    score = np.zeros(ROWS)
    normal = rng.standard_normal((len(NUMBERS), ROWS))
    for k, (name, (mean, deviation, missing)) in enumerate(NUMBERS.items()):
        score += rng.choice([-1, 1]) * normal[k]
        columns[name] = _written(mean + deviation * normal[k], missing, rng)
    if len(NUMBERS) > 1:
        score += normal[0] * normal[1]
    for name, (values, missing) in CATEGORIES.items():
        place = rng.integers(0, len(values), ROWS)
        score += rng.permutation(np.linspace(-1.5, 1.5, len(values)))[place]
        columns[name] = _with_gaps([values[k] for k in place], missing, rng)
    score = (score - score.mean()) / score.std() + NOISE * rng.standard_normal(ROWS)
    columns[TARGET] = _told(score)
    with (folder / FILE).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))


def _told(score: NDArray[np.float64]) -> list[str]:
    """The classes in order of the score, each with its share of the rows."""
    names, shares = list(CLASSES), np.array(list(CLASSES.values()))
    rank = (np.argsort(np.argsort(score)) + 0.5) / len(score)
    place = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], rank)
    return [names[k] for k in place]


def _written(number: NDArray[np.float64], missing: float, rng: Generator) -> list[str]:
    return _with_gaps([f"{value:.6g}" for value in number], missing, rng)


def _with_gaps(cells: list[str], missing: float, rng: Generator) -> list[str]:
    return ["" if rng.random() < missing else cell for cell in cells]
