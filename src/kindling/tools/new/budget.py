"""How long and how wide a net of a table is trained: rules by its rows and columns, in one place.

`make new` writes what they say as plain numbers, with a note beside each.
"""

import importlib.util
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

TRAINING = 0.64
"""Share of a table's rows that the data module trains on by default."""

STEPS = 6_000
"""Of the optimizer in all: what a table of some thousand rows takes."""

WIDE = 300
"""Columns from which on trees take longer than the net."""

DENSE = 1_000
"""Rows from which on bins of the numbers are worth their weights, where a number is predicted."""


class Budget(NamedTuple):
    """Settings of data, model, trainer and early stopping, and why they are what they are."""

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    patience: int
    notes: Mapping[str, str]


def budget(rows: int, columns: int, target: str) -> Budget:
    """What a table of so many rows and columns of numbers and categories takes.

    Args:
        rows: Of the file.
        columns: That are learned from.
        target: ``classification`` or ``regression``.
    """
    training = max(32, rows * TRAINING)
    batch = min(512, max(16, 2 ** round(math.log2(training / 32))))
    epochs = int(min(100, max(20, STEPS * batch / training)))
    model: dict[str, Any] = {"lr": 2e-3, "hidden": [128, 128]}
    notes = {
        "batch_size": f"for {training:,.0f} rows to train on",
        "trainer": f"{epochs * training / batch:,.0f} steps at most",
        "early_stopping": "epochs without a better validation loss",
    }
    if target == "regression" and columns <= WIDE:
        model["trees"] = 300 if importlib.util.find_spec("sklearn") is not None else 0
        notes["trees"] = "half of the prediction; 0 is without, and needs no scikit-learn"
        if rows >= DENSE:
            model["bins"] = 16
            notes["bins"] = f"of each number, from {DENSE:,} rows on"
    return Budget({"batch_size": batch}, model, epochs, max(8, epochs // 8), notes)
