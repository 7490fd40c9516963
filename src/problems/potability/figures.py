"""Pictures of a two-class prediction: what was taken for what, and how far to trust it.

N: samples.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kindling.evaluation.class_figures import confusion, draw_confusion
from kindling.training.module import EvalOutput

BINS = 10
"""Of the calibration: a tenth of the samples each, so that all are about equally certain."""

SQUARE = (0.15, 0.13, 0.8, 0.8)
"""Where the axes lie. Finding a layout would take longer than all the rest of a drawing."""

Values = npt.NDArray[Any]


def draw(outcome: EvalOutput, target: str) -> Mapping[str, Figure]:
    """Confusion matrix, ROC and calibration; ``target`` is the label's name."""
    positive = outcome.targets["potability"].numpy() == 1
    probability = outcome.predictions["potability"].double().numpy()
    count = confusion(positive.astype(np.int64), (probability > 0.5).astype(np.int64), 2)
    return {
        "confusion_matrix": draw_confusion(count, [f"{target} 0", f"{target} 1"]),
        "roc": _draw_roc(positive, probability),
        "calibration": _draw_calibration(positive, probability, target),
    }


def roc(positive: Values, probability: Values) -> tuple[Values, Values]:
    """False and true positive rate as the threshold falls, from (0, 0) to (1, 1).

    The rate of a class that does not occur is 0.
    """
    order = np.argsort(-probability, kind="stable")
    # Samples of equal probability pass the threshold together.
    last = np.append(np.diff(probability[order]) != 0, True)
    hits = (~positive[order], positive[order])
    false, true = (np.append(0, h.cumsum()[last]) / max(h.sum(), 1) for h in hits)
    return false, true


def calibration(positive: Values, probability: Values) -> tuple[Values, Values, Values]:
    """Mean probability, share of positives and number of samples in bins of equal size.

    Shape:
        ``(N,)`` each, to ``(BINS,)`` each, fewer of fewer samples.
    """
    parts = np.array_split(np.argsort(probability, kind="stable"), min(BINS, len(probability)))
    return (
        np.array([probability[part].mean() for part in parts]),
        np.array([positive[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def _draw_roc(positive: Values, probability: Values) -> Figure:
    figure = Figure(figsize=(4.5, 4.5))
    axes = figure.add_axes(SQUARE)
    false, true = roc(positive, probability)
    area = np.sum(np.diff(false) * (true[1:] + true[:-1]) / 2)
    axes.plot(false, true, color="C0", label=f"model, area {area:.3f}")
    above = np.count_nonzero(np.unique(probability) > 0.5)
    axes.plot(false[above], true[above], "o", color="C0", label="threshold 0.5")
    _draw_diagonal(axes, "guess")
    axes.set(title="ROC", xlabel="false positive rate", ylabel="true positive rate")
    axes.legend(loc="lower right")
    return figure


def _draw_calibration(positive: Values, probability: Values, target: str) -> Figure:
    """What came true beside what was predicted, and how often each was predicted."""
    figure = Figure(figsize=(4.5, 5.5))
    left, bottom, width, height = SQUARE
    lower = figure.add_axes((left, bottom, width, 0.17))
    upper = figure.add_axes((left, bottom + 0.2, width, height - 0.2), sharex=lower)
    mean, share, count = calibration(positive, probability)
    # Wilson's interval, which stays inside of 0 and 1.
    z = 1.96**2 / count
    middle, half = share + z / 2, np.sqrt(z * (share * (1 - share) + z / 4))
    low, high = (middle - half) / (1 + z), (middle + half) / (1 + z)
    upper.vlines(mean, low, high, color="C0", linewidth=1, label="95 % interval")
    upper.plot(mean, share, "o-", color="C0", label="a tenth of the samples")
    _draw_diagonal(upper, "calibrated")
    upper.set(title="Calibration", ylabel=f"share of {target} 1", ylim=(0, 1))
    upper.tick_params(labelbottom=False)
    upper.legend(loc="lower right")
    lower.hist(probability, np.linspace(0, 1, 41).tolist(), color="0.7")
    lower.set(xlabel="predicted probability", ylabel="samples", xlim=(0, 1))
    return figure


def _draw_diagonal(axes: Axes, label: str) -> None:
    axes.plot((0, 1), (0, 1), color="0.7", linestyle="--", linewidth=1, label=label)
