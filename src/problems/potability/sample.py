"""A generated stand-in for the Kaggle water potability set, in its file's own layout.

Water is potable if it is near an ideal and in balance, so a single measurement says next to
nothing and a linear model little more than the majority class.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FILE = "water_potability.csv"
ROWS = 3276
POTABLE = 1278
NOISE = 0.45  # scale of logistic noise, in deviations of the quality: an AUROC of 0.8 for an MLP


class Column(NamedTuple):
    """How the values of one measurement are distributed."""

    mean: float
    deviation: float
    skew: float
    low: float
    high: float
    missing: int


# Rounded from the real file; only the holes are counted exactly.
COLUMNS = {
    "ph": Column(7.08, 1.59, 0.0, 0, 14, 491),
    "Hardness": Column(196.4, 32.9, 0.0, 47, 324, 0),
    "Solids": Column(22014, 8769, 0.62, 320, 61300, 0),
    "Chloramines": Column(7.12, 1.58, 0.0, 0.35, 13.2, 0),
    "Sulfate": Column(333.8, 41.4, 0.0, 129, 481.1, 781),
    "Conductivity": Column(426.2, 80.8, 0.26, 181, 753.4, 0),
    "Organic_carbon": Column(14.28, 3.31, 0.0, 2.2, 28.3, 0),
    "Trihalomethanes": Column(66.4, 16.2, 0.0, 0.7, 124, 162),
    "Turbidity": Column(3.97, 0.78, 0.0, 1.4, 6.8, 0),
}


def write_sample(folder: Path, seed: int = 0) -> None:
    """Write the sample into the folder, which is made if need be."""
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((ROWS, len(COLUMNS)))
    table = pd.DataFrame(_measurements(normal), columns=list(COLUMNS))
    for name, column in COLUMNS.items():
        table.loc[rng.choice(ROWS, column.missing, replace=False), name] = np.nan
    table["Potability"] = _potable(normal, rng)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / FILE, index=False, lineterminator="\r\n")


def _measurements(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    mean, deviation, skew, low, high, _ = np.array(list(COLUMNS.values())).T
    # Cornish and Fisher's first term bends a normal variable to the skewness asked for.
    bent = normal + skew / 6 * (normal**2 - 1)
    measured: NDArray[np.float64] = np.clip(mean + deviation * bent, low, high)
    return measured


def _potable(normal: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    quality = _quality(normal)
    noisy = quality + NOISE * quality.std() * rng.logistic(size=ROWS)
    potable = np.zeros(ROWS, dtype=np.int64)
    potable[np.argsort(noisy)[-POTABLE:]] = 1
    return potable


def _quality(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from an ideal, a disinfectant that must match its load, a mineral balance.

    Shape:
        Deviations from the mean, ``(N, F)``, to ``(N,)``.
    """
    ph, hardness, solids, chloramines, sulfate, _, carbon, _, turbidity = normal.T
    ideal = -np.abs(ph) - 0.7 * np.abs(sulfate)
    balance = 0.5 * hardness * solids - 1.2 * np.abs(chloramines - carbon)
    quality: NDArray[np.float64] = ideal + balance - 0.15 * turbidity
    return quality
