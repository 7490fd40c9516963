"""Figures of predicted classes: confusion matrix, scores by class, confused pairs.

N: samples, C: classes.
"""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

Counts = npt.NDArray[np.int64]

MANY = 12
"""Classes above which each is drawn smaller and with less text."""

PAIRS = 25
"""Most confused pairs of classes that are listed."""

MOST = 40
"""Classes that are drawn; of more, those with the worst scores."""


class Tally(NamedTuple):
    """How often each class was predicted and true, was predicted, and was true, ``(C,)`` each."""

    right: Counts
    predicted: Counts
    true: Counts


def draw_confusion(count: Counts, classes: Sequence[str]) -> Figure:
    shown = hardest(tally(count))
    many = len(shown) > MANY
    side = 2.4 + (0.32 if many else 0.75) * len(shown)
    figure = Figure(figsize=(side, side - 0.3))
    axes = figure.add_axes((1.6 / side, 1.5 / side, 1 - 1.8 / side, 1 - 2.0 / side))
    share = (count / np.maximum(count.sum(1, keepdims=True), 1))[np.ix_(shown, shown)]
    count = count[np.ix_(shown, shown)]
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), part in np.ndenumerate(share):
        if many and not count[row, column]:
            continue
        color = "white" if part > 0.5 else "black" if count[row, column] else "0.7"
        text = f"{count[row, column]:,}" + (f"\n{part:.0%}" if row == column and not many else "")
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize="small")
    names, positions = [_wrapped(classes[k]) for k in shown], range(len(shown))
    axes.set_xticks(positions, names, rotation=45, ha="right", fontsize="small")
    axes.set_yticks(positions, names, fontsize="small")
    if many:
        axes.set_xticks(np.arange(len(shown) - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(len(shown) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="0.93", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
    axes.set(title=f"Confusion matrix{_part(shown, classes)}", xlabel="predicted", ylabel="true")
    return figure


def draw_confused_pairs(count: Counts, classes: Sequence[str]) -> Figure:
    """How often one class was mistaken for another, for the pairs with most mistakes."""
    wrong = count - np.diag(np.diag(count))
    order = np.argsort(-wrong, axis=None, kind="stable")[:PAIRS]
    pairs = [divmod(int(k), len(classes)) for k in order if wrong.flat[k]]
    height = 1.0 + 0.25 * max(1, len(pairs))
    figure = Figure(figsize=(8, height))
    axes = figure.add_axes((0.5, 0.45 / height, 0.46, 1 - 0.9 / height))
    bars = axes.barh(range(len(pairs)), [wrong[pair] for pair in pairs])
    axes.bar_label(bars, [f"{wrong[t, p]:,} of {count[t].sum():,}" for t, p in pairs], padding=3)
    names = [[textwrap.shorten(classes[k], 24, placeholder="…") for k in pair] for pair in pairs]
    axes.set_yticks(range(len(pairs)), [" taken for ".join(pair) for pair in names])
    axes.set(ylim=(len(pairs) - 0.4, -0.6), xlabel="photos")
    axes.margins(x=0.2)
    axes.set_title("Most confused", loc="left")
    return figure


def draw_per_class(count: Tally, classes: Sequence[str]) -> Figure:
    shown = hardest(count)
    height = 1.2 + (0.33 if len(shown) > MANY else 0.6) * len(shown)
    figure = Figure(figsize=(7, height))
    axes = figure.add_axes((0.24, 0.4 / height, 0.72, 1 - 1.1 / height))
    positions = np.arange(len(shown))
    for k, (name, score) in enumerate(by_class(count).items()):
        axes.barh(positions + 0.25 * (k - 1), score[shown], 0.25, label=name)
    names = [_wrapped(f"{classes[k]} ({count.true[k]:,})") for k in shown]
    axes.set_yticks(positions, names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set(xlim=(0, 1))
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.set_title(f"Scores by class{_part(shown, classes)}", loc="left")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
    return figure


def confusion(truth: Counts, predicted: Counts, classes: int) -> Counts:
    """How often each class (row) was taken for each other (column), ``(C, C)``."""
    count: Counts = np.bincount(classes * truth + predicted, minlength=classes**2)
    return count.reshape(classes, classes)


def tally(count: Counts) -> Tally:
    """Of a confusion matrix ``(C, C)``."""
    return Tally(np.diag(count), count.sum(0), count.sum(1))


def by_class(count: Tally) -> dict[str, npt.NDArray[np.float64]]:
    """Precision, recall and F1, ``(C,)`` each; 0 where a class neither occurs nor is predicted."""
    return {
        "precision": count.right / np.maximum(count.predicted, 1),
        "recall": count.right / np.maximum(count.true, 1),
        "F1": 2 * count.right / np.maximum(count.predicted + count.true, 1),
    }


def hardest(count: Tally, most: int = MOST) -> Counts:
    """Indices of the classes with the lowest F1, in order; classes without samples come last."""
    order = np.lexsort((by_class(count)["F1"], count.true == 0))
    return np.sort(order[:most])


def worst(truth: Counts, probability: npt.NDArray[np.floating], most: int) -> Counts:
    """Indices of the mistakes that the model was surest of, the surest first."""
    wrong = np.flatnonzero(probability.argmax(1) != truth)
    return wrong[np.argsort(-probability[wrong].max(1), kind="stable")][:most]


def _part(shown: Counts, classes: Sequence[str]) -> str:
    """The part of a title that says how many classes are shown."""
    return f": the worst {len(shown)} of {len(classes):,}" if len(shown) < len(classes) else ""


def _wrapped(name: str) -> str:
    return textwrap.fill(name, 16, break_long_words=False)
