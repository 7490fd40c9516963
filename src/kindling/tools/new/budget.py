"""How long and how wide a net is trained, and what it looks back on: rules, all in one place.

They go by rows and columns of a table, by steps and season of a series. `make new` writes what they
say as plain numbers, with a note beside each.
"""

import importlib.util
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from kindling.series.calendar import WEEK, Calendar

TRAINING = 0.64  # share of the rows that are trained on by default, about that of a series' steps
STEPS = 6_000  # of the optimizer in all: what a table of some thousand rows takes
SERIES_STEPS = 2_000  # the same of a series, where a linear model does most
PHOTO_STEPS = 2_000  # the same of a net of photos, from scratch
DETAILED = 96  # pixels of photos from which on a net that knows ImageNet's sees something in them
WIDE = 300  # columns from which on trees take longer than the net, but of a small table's
CELLS = 1_000_000  # of a table whose trees are quick, however wide it is
DENSE = 1_000  # rows from which on bins of the numbers are worth their weights, for a number
ROUNDS = 1_000  # of boosting, at most
VALIDATED = ((1_000, 0.15), (5_000, 0.1))  # below so many steps of a series, else a twentieth
LONGEST = 48  # steps of a window, at most, that have a day in them
WEEKS = 52  # of a year
SEASONS = 2  # at least, in training, for columns of the calendar


class Budget(NamedTuple):
    """Settings of data, model, trainer and early stopping, and why they are what they are."""

    data: Mapping[str, Any]
    model: Mapping[str, Any]
    epochs: int
    patience: int
    notes: Mapping[str, str]


def of_table(rows: int, columns: int, target: str) -> Budget:
    """What a table of so many rows and columns of numbers and categories takes."""
    batch, epochs, notes = _length(rows, "rows", 512, STEPS, 20)
    model: dict[str, Any] = {"lr": 2e-3, "hidden": [128, 128]}
    if columns <= WIDE or rows * columns <= CELLS:
        model |= _trees(ROUNDS)
        notes["trees"] = "rounds at most, until held-out rows gain nothing; 0 needs no scikit-learn"
        if target == "regression" and rows >= DENSE:
            model["bins"] = 16
            notes["bins"] = f"of each number, from {DENSE:,} rows on"
    return Budget({"batch_size": batch}, model, epochs, max(8, epochs // 8), notes)


def of_series(steps: int, series: int, calendar: Calendar, log: bool) -> Budget:
    """What so many series of so many steps each take; ``log``: they swing with their level."""
    batch, epochs, notes = _length(steps * series, "steps", 128, SERIES_STEPS, 4)
    window, lags = look_back(steps, calendar)
    longest = max(calendar.seasons())
    data = {
        "window": window,
        "lags": lags,
        "calendar": 0 < longest * SEASONS <= steps * TRAINING,
        "overlap": True,
        "val_fraction": next((share for most, share in VALIDATED if steps < most), 0.05),
        "batch_size": batch,
    }
    model = {"lr": 2e-3, "schedule": "cosine", **_trees(300), "logarithm": log}
    notes |= {
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
    batch, epochs, notes = _length(photos, "photos", 64, PHOTO_STEPS, 10)
    if side >= DETAILED and (net := _pretrained()):
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


def look_back(steps: int, calendar: Calendar) -> tuple[int, list[str]]:
    """A window, and what lies a season before: as far as a tenth of the series reaches.

    A window may take a fifth of it to see the last season whole.
    """
    day, week, year = [*calendar.seasons(), 0, 0][:3]
    reach, lags = max(2, steps // 10), {}
    season = day or year or week or WEEKS * (calendar.length == WEEK)
    whole = season + 1 if 5 * (season + 1) <= steps else 0
    if day:
        window, lags = min(max(2 * day, LONGEST // 2), LONGEST), {"1d": day, "7d": week}
    elif year:
        window = 2 * year + 1
    elif calendar.length == WEEK and whole:
        window = WEEKS + 2
    else:
        window = 4 * week or LONGEST // 2
    if year and window > reach:
        window = year + 1
    window = min(window, max(reach, whole))
    return window, [name for name, lag in lags.items() if window < lag <= 2 * reach - window]


def _length(
    count: int, what: str, largest: int, steps: int, fewest: int
) -> tuple[int, int, dict[str, str]]:
    """Batch size, epochs, and why, for so many samples before they are split."""
    training = count * TRAINING
    batch = min(largest, max(16, 1 << round(math.log2(max(1, training / 32)))))
    epochs = int(min(100, max(fewest, steps * batch / training)))
    return (
        batch,
        epochs,
        {
            "batch_size": f"for {training:,.0f} {what} to train on",
            "trainer": f"{epochs * training / batch:,.0f} steps at most",
            "early_stopping": "epochs without a better validation loss",
        },
    )


def _trees(number: int) -> dict[str, int]:
    return {"trees": number if importlib.util.find_spec("sklearn") is not None else 0}


def _pretrained() -> str | None:
    """A net whose weights a package has brought."""
    from kindling.images.backbone import PACKAGED  # with torch, which takes seconds

    installed = (net for net, package in PACKAGED.items() if importlib.util.find_spec(package))
    return next(installed, None) if importlib.util.find_spec("timm") else None
