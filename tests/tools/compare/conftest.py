"""A comparison of runs that are made of files alone."""

from collections.abc import Callable

import pytest

from kindling.tools.compare.costs import TRAINING
from kindling.tools.compare.scores import Comparison, Variant
from kindling.tools.runner.record import Record

Make = Callable[..., Record]


@pytest.fixture
def compared(make: Make) -> Comparison:
    """Two variants over seeds, one of which the first does not have."""
    scores = {"lstm": [0.5, 0.6, 0.55], "gru": [0.4, 0.52, 0.43, 9.0]}
    variants = []
    for cell, values in scores.items():
        runs = [make(f"{cell}_{s}", {"mse": v}, seed=s, cell=cell) for s, v in enumerate(values)]
        variants.append(Variant(cell, runs, {TRAINING: 4.0 * (1 + len(variants))}))
    return Comparison(variants)
