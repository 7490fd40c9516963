"""How long and how wide a net is trained, and what it looks back on: rules, all in one place.

They go by rows and columns of a table, by steps and season of a series. `make new` writes what they
say as plain numbers, with a note beside each.
"""

import importlib.util
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kindling.series.calendar import WEEK, Calendar

TRAINING = 0.64
"""Share of a table's rows that the data module trains on by default, and about that of a series."""

STEPS = 6_000
"""Of the optimizer in all: what a table of some thousand rows takes."""

SERIES_STEPS = 2_000
"""The same of a series, where a linear model does most."""

PHOTO_STEPS = 2_000
"""The same of a net of photos, from scratch."""

DETAILED = 96
"""Pixels of photos from which on a net that knows ImageNet's has something to see in them."""

WIDE = 300
"""Columns from which on trees take longer than the net."""

DENSE = 1_000
"""Rows from which on bins of the numbers are worth their weights, where a number is predicted."""

DENSE_CLASSES = 300
"""Rows a column from which on they are, where a class is predicted."""

ROUNDS = 1_000
"""Of boosting, at most."""

VALIDATED = ((1_000, 0.15), (5_000, 0.1))
"""Shares of a series' training that validate, below so many steps; of longer ones, a twentieth."""

LONGEST = 48
"""Steps of a window, at most, that have a day in them."""

WEEKS = 52
"""Of a year."""


class Budget(NamedTuple):
    """Settings of data, model, trainer and early stopping, and why they are what they are."""

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    patience: int
    notes: Mapping[str, str]


def of_table(rows: int, columns: int, target: str) -> Budget:
    """What a table of so many rows and columns of numbers and categories takes.

    Args:
        rows: Of the file.
        columns: That are learned from.
        target: ``classification`` or ``regression``.
    """
    training = max(32, rows * TRAINING)
    batch = _batch(training, 512)
    epochs = int(min(100, max(20, STEPS * batch / training)))
    model: dict[str, Any] = {"lr": 2e-3, "hidden": [128, 128]}
    notes = _notes(training, batch, epochs, "rows")
    if columns <= WIDE:
        model |= _trees(ROUNDS)
        notes["trees"] = "rounds at most, until held-out rows gain nothing; 0 needs no scikit-learn"
        if rows >= (DENSE if target == "regression" else DENSE_CLASSES * columns):
            model["bins"] = 16
            notes["bins"] = "of each number, where there are rows enough"
    return Budget({"batch_size": batch}, model, epochs, max(8, epochs // 8), notes)


def of_series(steps: int, series: int, calendar: Calendar, log: bool) -> Budget:
    """What so many series of so many steps take.

    Args:
        steps: Of each.
        series: How many there are.
        calendar: Of their steps, with a day, a week and a year in them.
        log: They swing the more the higher they are.
    """
    window, lags = look_back(steps, calendar)
    training = max(32, steps * series * TRAINING)
    batch = _batch(training, 128)
    epochs = int(min(100, max(4, SERIES_STEPS * batch / training)))
    data = {
        "window": window,
        "lags": lags,
        "calendar": any(calendar.seasons()),
        "overlap": True,
        "val_fraction": next((share for most, share in VALIDATED if steps < most), 0.05),
        "batch_size": batch,
    }
    model = {"lr": 2e-3, "schedule": "cosine", **_trees(300), "logarithm": log}
    notes = _notes(training, batch, epochs, "steps") | {
        "window": f"steps, one every {calendar.name.removesuffix(', 0:00:00')}",
        "overlap": "windows of validation and test may begin in the steps before",
        "trees": "boosted, beside a linear model and the net; 0 needs no scikit-learn",
        "logarithm": "whether the swings grow with the level",
    }
    return Budget(data, model, epochs, max(8, epochs // 8), notes)


def of_photos(photos: int, side: int) -> Budget:
    """What so many photos take, of about so many pixels on their longer side.

    Detailed ones are given to a pretrained net that stays as it is, where a package has brought
    one; others train a net from scratch.
    """
    training = max(32, photos * TRAINING)
    batch = _batch(training, 64)
    epochs = int(min(100, max(10, PHOTO_STEPS * batch / training)))
    notes = _notes(training, batch, epochs, "photos")
    net = _pretrained() if side >= DETAILED else None
    if net is not None:
        size = 224
        model = {"backbone": net, "cached_views": 2, "lr": 1e-3, "weight_decay": 0.1}
        notes["backbone"] = "pretrained, its weights are a package's; null trains blocks instead"
        notes["cached_views"] = "of each training photo, which this net looks at once"
    else:
        size = next((size for size in (32, 64, 96) if side <= 1.5 * size), 128)
        model = {"channels": [16, 32, 64] if size == 32 else [16, 32, 64, 128], "lr": 3e-3}
    notes["image_size"] = f"pixels on a side, for photos of about {side:,}"
    data = {"image_size": size, "batch_size": batch}
    return Budget(data, model | {"schedule": "cosine"}, epochs, max(10, epochs // 4), notes)


def _pretrained() -> str | None:
    """A net whose weights a package has brought."""
    from kindling.images.backbone import PACKAGED  # with torch, which takes seconds

    if importlib.util.find_spec("timm") is None:
        return None
    return next(
        (net for net, package in PACKAGED.items() if importlib.util.find_spec(package)), None
    )


def look_back(steps: int, calendar: Calendar) -> tuple[int, list[str]]:
    """A window, and what lies a season before: as far as a tenth of the series reaches."""
    day, week, year = [*calendar.seasons(), 0, 0][:3]
    reach = max(2, steps // 10)
    if day:
        window, lags = min(max(2 * day, LONGEST // 2), LONGEST), {"1d": day, "7d": week}
        lags = {name: lag for name, lag in lags.items() if lag > window}
    elif year:
        window, lags = 2 * year + 1, {}
    elif calendar.length == WEEK and reach > WEEKS:
        window, lags = WEEKS + 2, {}
    else:
        window, lags = 4 * week or LONGEST // 2, {}
    if year and window > reach:
        window = year + 1
    window = min(window, reach)
    return window, [name for name, lag in lags.items() if lag and window + lag <= 2 * reach]


def _batch(training: float, most: int) -> int:
    return min(most, max(16, 1 << round(math.log2(training / 32))))


def _trees(number: int) -> dict[str, int]:
    return {"trees": number if importlib.util.find_spec("sklearn") is not None else 0}


def _notes(training: float, batch: int, epochs: int, what: str) -> dict[str, str]:
    return {
        "batch_size": f"for {training:,.0f} {what} to train on",
        "trainer": f"{epochs * training / batch:,.0f} steps at most",
        "early_stopping": "epochs without a better validation loss",
    }
