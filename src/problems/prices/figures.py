"""Pictures of what was predicted beside what was paid.

N: samples.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kindling.evaluation.number_figures import Values, draw_error_bands, draw_predicted
from kindling.images.figures import MOST, draw_photos
from kindling.training.module import EvalOutput
from problems.prices.offers import PriceDataset


def draw(
    head: str,
    name: str,
    log: bool,
    offers: PriceDataset,
    rows: Mapping[str, Any],
    outcome: EvalOutput,
) -> Mapping[str, Figure]:
    """Predicted against true, error by band of prices, and the photos of the largest errors.

    Args:
        head: Of the price.
        name: The file's own name of it.
        log: Whether prices are compared by their ratio.
        offers: The split that the outcome is of.
        rows: What identifies its samples.
        outcome: Targets must be known.
    """
    truth = outcome.targets[head].double().numpy()
    predicted = outcome.predictions[head].double().numpy()
    error = 100 * (predicted - truth) / truth if log else predicted - truth
    unit = "error in % of the price" if log else "predicted - true"
    figures = {
        "predicted": draw_predicted(truth, predicted, name, log),
        "error_bands": draw_error_bands(truth, error, name, unit),
    }
    if offers.photos.shape[1]:
        figures["largest_errors"] = _draw_largest(truth, predicted, log, offers, rows, outcome)
    return figures


def _draw_largest(
    truth: Values,
    predicted: Values,
    log: bool,
    offers: PriceDataset,
    rows: Mapping[str, Any],
    outcome: EvalOutput,
) -> Figure:
    """The first photo of each, by the ratio of the prices where they are compared so."""
    distance = np.abs(np.log(predicted / truth)) if log else np.abs(predicted - truth)
    largest = np.argsort(-distance, kind="stable")[:MOST]

    def caption(k: int) -> str:
        ratio = f" ({predicted[k] / truth[k] - 1:+.0%})" if log else ""
        place = ", ".join(f"{name} {values[k]}" for name, values in rows.items())
        return f"true {truth[k]:,.0f}\npredicted {predicted[k]:,.0f}{ratio}\n{place[:36]}"

    title = f"The largest errors in {len(truth):,} rows"
    first = offers.photos[outcome.indices[largest], 0]
    pictures = (offers.images[where] for where in first.tolist())
    return draw_photos(title, zip(pictures, map(caption, largest.tolist()), strict=True))
