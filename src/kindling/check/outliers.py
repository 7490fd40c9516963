"""Values far from the others of their column.

N: rows.
"""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from kindling.check.finding import SHOWN, Level, Section, examples
from kindling.check.rows import Rows
from kindling.words import short

FAR = 3.0
"""Interquartile ranges beyond the quartiles from which Tukey calls a value far out."""

SLIP = 30.0
"""Interquartile ranges from which a few values are rather of another unit, or a slip."""

RARE = 0.01
"""Share of the values that such a few are below."""

FEWEST = 10
"""Values of which quartiles say anything."""

LISTED = 40
"""Columns that the figure has room for."""


def check_outliers(rows: Rows, section: Section) -> None:
    """Name the values that lie far from the middle half of their column."""
    for name, values in rows.numbers.items():
        known = values[~np.isnan(values)]
        if len(known) < FEWEST:
            continue
        distance = distances(values)
        worst = farthest(distance, FAR)
        if not len(worst):
            continue
        named = [f"{rows.names[k]}: {short(float(values[k]))}" for k in worst]
        level, doubt = _judged(values, distance)
        section.add(
            level,
            f"{name}: more than {FAR:g} interquartile ranges beyond the quartiles: "
            f"{len(worst):,} of {len(known):,} values, the median being "
            f"{short(float(np.median(known)))} ({examples(named)}){doubt}",
        )
    if rows.numbers:
        section.panels.append(("numbers, in interquartile ranges", lambda axes: _boxes(axes, rows)))


def distances(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interquartile ranges beyond the quartiles; 0 between them and where missing, ``(N,)``.

    All are 0 where the quartiles are equal.
    """
    low, high = np.nanquantile(values, (0.25, 0.75))
    if high == low:
        return np.zeros_like(values)
    beyond: NDArray[np.float64] = np.maximum(low - values, values - high) / (high - low)
    return np.nan_to_num(np.maximum(beyond, 0))


def farthest(distance: NDArray[np.float64], limit: float) -> NDArray[np.int64]:
    """Places of the distances above ``limit``, the largest first."""
    far = np.flatnonzero(distance > limit)
    return far[np.argsort(-distance[far], kind="stable")]


def _judged(values: NDArray[np.float64], distance: NDArray[np.float64]) -> tuple[Level, str]:
    """Whether the farthest values are a fault, and which."""
    slip = distance > SLIP
    if np.nanmin(values) > 0:  # amounts over many powers of ten are no faults
        slip &= distances(np.log(values)) > FAR
    if not slip.any():
        return "note", ""
    if slip.sum() > 1 and len(np.unique(values[slip])) == 1:
        return "warn", "; does it stand for a missing value?"
    return ("warn" if slip.sum() <= max(SHOWN, RARE * len(values)) else "note"), ""


def _boxes(axes: Axes, rows: Rows) -> None:
    names = list(rows.numbers)[:LISTED]
    scaled = []
    for name in names:
        known = rows.numbers[name][~np.isnan(rows.numbers[name])]
        low, median, high = np.quantile(known, (0.25, 0.5, 0.75)) if len(known) else (0, 0, 0)
        scaled.append((known - median) / (high - low if high > low else 1.0))
    axes.boxplot(scaled, orientation="horizontal", whis=FAR, flierprops={"markersize": 2})
    axes.set_yticklabels(names)
    axes.invert_yaxis()
