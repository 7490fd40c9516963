"""Columns that tell the target almost alone, and columns that only name the row.

N: rows, K: classes.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.tools.check.finding import Section
from kindling.tools.check.rows import Rows
from kindling.tools.check.score import Target, auroc_noise, one_column

ALMOST_ALONE = 0.95
"""AUROC or R2 of one column above which it rather follows from the target."""

BY_ABSENCE = 0.7
"""AUROC that a column reaches by what is missing in it; of a number, R2 by a tenth of that."""

FEWEST = 20
"""Rows below which nothing can be told by one column."""

NAMES = 0.95
"""Share of different values above which a category names its row."""


def check_leaks(rows: Rows, targets: dict[str, Target], section: Section) -> None:
    """Add the columns that know too much of a target, or too little of anything."""
    _check_identifiers(rows, section)
    learned = rows.learned
    scores: dict[str, float] = {}
    metrics: dict[str, str] = {}
    for target_name, target in targets.items():
        known = target.known & learned
        if known.sum() < FEWEST:
            continue
        for name in rows.used:
            values = rows.numbers.get(name)
            codes = rows.cells[name].factorize()[0]
            score = one_column(
                values if values is not None else codes, target, known, categories=values is None
            )
            label = name if len(targets) == 1 else f"{name} on {target_name}"
            scores[label], metrics[label] = score, target.metric
            if score > ALMOST_ALONE:
                section.add(
                    "warn",
                    f"{name} tells {target_name} almost alone: {target.metric} {score:.3f} by this "
                    "column; is it known before the target is?",
                )
            _check_absence(rows, name, target_name, target, known, section)
    if scores:
        best = max(scores, key=lambda k: scores[k])
        section.add(
            "note",
            f"of single columns {best} says most: {metrics[best]} {scores[best]:.3f}, "
            "5-fold, on training and validation",
        )


def _check_absence(
    rows: Rows,
    name: str,
    target_name: str,
    target: Target,
    known: NDArray[np.bool_],
    section: Section,
) -> None:
    """Whether it says much that a cell is missing, beyond chance."""
    missing = rows.cells[name].isna().to_numpy()
    if not 0 < missing[known].sum() < known.sum():
        return
    score = one_column(missing.astype(np.int64), target, known, categories=True)
    if target.classes:
        limit = max(BY_ABSENCE, 0.5 + auroc_noise(missing[known]))
    else:
        limit = max(BY_ABSENCE / 10, 16 / known.sum())
    if score > limit:
        section.add(
            "warn",
            f"{name}: that it is missing tells {target_name}: {target.metric} {score:.3f} by that "
            "alone; is it filled in after the target is known?",
        )


def _check_identifiers(rows: Rows, section: Section) -> None:
    if len(rows.names) < FEWEST:
        return
    for name, values in rows.numbers.items():
        if np.isnan(values).any() or len(np.unique(values)) < len(values):
            continue
        rises = _rises(rows, values)
        counts = bool((values == np.floor(values)).all() and np.ptp(values) < 2 * len(values))
        if rises or counts:
            how = "rises from row to row" if rises else "counts the rows"
            section.add(
                "warn", f"{name}: {how}, as an identifier or a time does, and is learned from"
            )
    for name in rows.categories:
        there = rows.cells[name].dropna()
        if len(there) and there.nunique() > NAMES * len(there):
            section.add(
                "warn",
                f"{name}: {there.nunique():,} different words in {len(there):,} "
                "rows, as an identifier has, and is learned from",
            )


def _rises(rows: Rows, values: NDArray[np.float64]) -> bool:
    """Whether the values rise, or fall, all the way in each file."""
    files = pd.Series(rows.files).factorize()[0]
    steps = np.diff(values)[np.diff(files) == 0]
    return bool(len(steps)) and bool((steps > 0).all() or (steps < 0).all())
