"""Figures of a split of photos, with the photos that were predicted worst.

N: samples, C: classes.
"""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from kindling.data.dataset import FieldDataset
from kindling.data.files import printable
from kindling.data.targets import target_mask
from kindling.errors import short
from kindling.evaluation.class_figures import (
    Tally,
    confusion,
    draw_confused_pairs,
    draw_confusion,
    draw_per_class,
    hardest,
    tally,
    worst,
)
from kindling.evaluation.number_figures import draw_predicted
from kindling.training.metrics import MANY_CLASSES
from kindling.training.module import EvalOutput

ROWS, COLUMNS = 3, 4
MOST = ROWS * COLUMNS
"""Photos on the page."""

WIDTH, HEIGHT, GAP, HEAD = 2.4, 2.95, 0.06, 0.45
"""Inches of a photo with its caption, of the gap around it, and of the title's line."""

LONGEST = 28
"""Letters of a file's name above a photo."""

Explain = Callable[[Tensor, Tensor], Tensor]
"""From photos ``(M, 3, H, W)`` and classes ``(M,)`` to pictures of what spoke for the classes."""


class PhotoOutcome:
    """An evaluated split of photos; of a sample's several photos, the first is shown."""

    def __init__(
        self, dataset: FieldDataset[Any], field: str, names: Sequence[str], outcome: EvalOutput
    ) -> None:
        self.dataset, self.field, self.names, self.outcome = dataset, field, names, outcome

    def draw_classes(
        self, head: str, classes: Sequence[str], explain: Explain | None = None
    ) -> dict[str, Figure]:
        """Scores by class, the mistakes that the model was surest of, and a confusion matrix.

        There is no such matrix of photos with several labels. With ``explain``, also the evidence
        for these mistakes, and for each class in its surest photo. Of the samples whose class is
        known; none if there is no such sample. The predictions are probabilities, ``(N, C)``.
        """
        rows, true, probability = self._known(head)
        if not len(rows):
            return {}
        figures = {}
        if true.ndim == 2:
            count, mistakes = _of_labels(true, probability, classes)
        else:
            matrix = confusion(true, probability.argmax(1), len(classes))
            figures["confusion_matrix"] = draw_confusion(matrix, classes)
            if len(classes) > MANY_CLASSES:
                figures["confused_pairs"] = draw_confused_pairs(matrix, classes)
            count, mistakes = tally(matrix), _of_classes(true, probability, classes)
            true = np.eye(len(classes))[true]
        wrong, captions = rows[mistakes.samples], mistakes.captions
        title = f"The most confident of {mistakes.found:,} mistakes in {len(true):,} photos"
        figures["per_class"] = draw_per_class(count, classes)
        figures["worst_mistakes"] = self._page(title, wrong, captions)
        if explain is not None:
            where = "Where the evidence for the mistakes lies, from blue (none) to red"
            evidence = explain(self._photos(wrong), torch.from_numpy(mistakes.classes))
            figures["explained_mistakes"] = self._page(where, wrong, captions, evidence)
            likely = np.where(true, probability, -1.0)
            shown = [k for k in hardest(count, MOST) if count.true[k]]
            surest = likely.argmax(0)[shown]
            captions = [f"{classes[k]} ({likely[:, k].max():.0%})" for k in shown]
            where = "Where the evidence for each class lies, in its most confident photo"
            evidence = explain(self._photos(rows[surest]), torch.tensor(shown))
            figures["explained_classes"] = self._page(where, rows[surest], captions, evidence)
        return figures

    def draw_numbers(self, head: str, name: str, log: bool = False) -> dict[str, Figure]:
        """Predicted against true values, and the photos with the largest errors.

        Only of samples whose number is known; there are no figures without one.

        Args:
            head: The head, whose predictions are ``(N,)``.
            name: What is predicted, with its unit.
            log: Compare numbers by their ratio.
        """
        rows, true, predicted = self._known(head)
        if not len(rows):
            return {}
        error = predicted / true - 1 if log else predicted - true
        figures = {"predicted": draw_predicted(true, predicted, name, log)}
        if self.dataset.fields[self.field][:1].numel():
            chosen = np.argsort(-np.abs(np.log1p(error) if log else error), kind="stable")[:MOST]
            share = [f" ({error[k]:+.0%})" if log else "" for k in chosen]
            captions = [
                f"true {short(true[k])}\npredicted {short(predicted[k])}{ratio}"
                for k, ratio in zip(chosen, share, strict=True)
            ]
            title = f"The largest errors in {len(true):,} samples"
            figures["largest_errors"] = self._page(title, rows[chosen], captions)
        return figures

    def _known(self, head: str) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """The samples that have the head's target, these targets, and their predictions."""
        target, prediction = self.outcome.targets[head], self.outcome.predictions[head]
        there = target_mask(target).reshape(len(target), -1).all(1)
        true = target[there].double() if target.is_floating_point() else target[there]
        return np.flatnonzero(there.numpy()), true.numpy(), prediction[there].double().numpy()

    def _photos(self, rows: NDArray[np.int64]) -> Tensor:
        index = self.dataset.fields[self.field][self.outcome.indices[rows]]
        return self.dataset.shared[self.field][index if index.ndim == 1 else index[:, 0]]

    def _page(
        self, title: str, rows: NDArray[np.int64], captions: Sequence[str],
        pictures: Tensor | None = None,
    ) -> Figure:  # fmt: skip
        """A page of photos, or of ``pictures`` of them, each with the name of its file."""
        images = self._photos(rows) if pictures is None else pictures
        named = (f"{c}\n{shortened(self.names[k])}" for c, k in zip(captions, rows, strict=True))
        return draw_photos(title, zip(images, named, strict=True))


class Mistakes(NamedTuple):
    """Samples that are wrong, the surest first, the class of each that is wrong, and captions."""

    found: int
    samples: NDArray[np.int64]
    classes: NDArray[np.int64]
    captions: list[str]


def _of_classes(
    true: NDArray[np.int64], probability: NDArray[Any], classes: Sequence[str]
) -> Mistakes:
    predicted, chosen = probability.argmax(1), worst(true, probability, MOST)
    captions = [
        f"{classes[true[k]]} ({probability[k, true[k]]:.0%})\n"
        f"taken for {classes[predicted[k]]} ({probability[k, predicted[k]]:.0%})"
        for k in chosen
    ]
    return Mistakes(int((predicted != true).sum()), chosen, predicted[chosen], captions)


def _of_labels(
    true: NDArray[np.int64], probability: NDArray[Any], classes: Sequence[str]
) -> tuple[Tally, Mistakes]:
    """Of photos with several labels, each by its label with the largest error."""
    predicted = probability > 0.5
    wrong, error = predicted != true, np.abs(probability - true)
    label = error.argmax(1)
    order = np.argsort(-error.max(1), kind="stable")
    chosen = order[wrong.any(1)[order]][:MOST]
    captions = []
    for k in chosen:
        fault = "missed" if true[k, label[k]] else "wrongly"
        has = textwrap.shorten(", ".join(compress(classes, true[k])), 36, placeholder=" ...")
        what = f"{fault} {classes[label[k]]} ({probability[k, label[k]]:.0%})"
        captions.append(f"{what}\nis {has or 'without label'}")
    count = Tally((predicted & (true > 0)).sum(0), predicted.sum(0), true.sum(0))
    return count, Mistakes(int(wrong.sum()), chosen, label[chosen], captions)


def draw_photos(title: str, photos: Iterable[tuple[Tensor, str]]) -> Figure:
    """A page of the first photos, ``(3, H, W)`` bytes each, with their captions."""
    figure = Figure(figsize=(WIDTH * COLUMNS, HEIGHT * ROWS + HEAD))
    figure.suptitle(title)
    # One pair of axes, in inches: to draw axes for each photo takes longer than the photo.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, figure.get_figheight()))
    axes.axis("off")
    for k, (image, caption) in zip(range(MOST), photos, strict=False):
        row, column = divmod(k, COLUMNS)
        left, low = WIDTH * column + GAP, HEIGHT * (ROWS - 1 - row) + GAP
        right, high = left + WIDTH - 2 * GAP, low + WIDTH - 2 * GAP
        axes.imshow(image.permute(1, 2, 0).numpy(), extent=(left, right, low, high))
        axes.text(left, high + GAP, caption, fontsize="x-small", verticalalignment="bottom")
    return figure


def shortened(file: str) -> str:
    """The beginning of a file's name: names are often hashes, whose first letters are enough."""
    name = printable(Path(file.rpartition("/")[2]))
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
