"""What a model of photos made of a split: the usual pictures, and the photos that went worst.

N: samples, C: classes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from kindling.data.dataset import FieldDataset
from kindling.data.targets import target_mask
from kindling.errors import short
from kindling.evaluation.class_figures import confusion, draw_confusion, draw_per_class, worst
from kindling.evaluation.number_figures import draw_error_bands, draw_predicted
from kindling.images.figures import MOST, draw_photos, shortened
from kindling.training.module import EvalOutput


class PhotoOutcome:
    """An evaluated split of photos, by what its samples are called.

    Args:
        dataset: The split.
        field: Of the photos; of several of a sample, the first is shown.
        names: Of the outcome's N samples.
        outcome: What was predicted.
    """

    def __init__(
        self, dataset: FieldDataset[Any], field: str, names: Sequence[str], outcome: EvalOutput
    ) -> None:
        self.dataset, self.field, self.names, self.outcome = dataset, field, names, outcome

    def draw_classes(self, head: str, classes: Sequence[str]) -> dict[str, Figure]:
        """Confusion matrix, scores by class, and the mistakes that the model was surest of.

        Of the samples whose class is known; none if there is no such sample. The predictions are
        probabilities, ``(N, C)``.
        """
        rows, true, probability = self._known(head)
        if not len(rows):
            return {}
        predicted = probability.argmax(1)
        count, chosen = confusion(true, predicted, len(classes)), worst(true, probability, MOST)
        captions = [
            f"{classes[true[k]]} ({probability[k, true[k]]:.0%})\n"
            f"taken for {classes[predicted[k]]} ({probability[k, predicted[k]]:.0%})"
            for k in chosen
        ]
        mistakes = np.count_nonzero(predicted != true)
        title = f"The surest of {mistakes:,} mistakes in {len(true):,} photos"
        return {
            "confusion_matrix": draw_confusion(count, classes),
            "per_class": draw_per_class(count, classes),
            "worst_mistakes": self._page(title, rows[chosen], captions),
        }

    def draw_numbers(self, head: str, name: str, log: bool = False) -> dict[str, Figure]:
        """Predicted against true, error by band of true values, and the largest errors.

        Of the samples whose number is known; none if there is no such sample.

        Args:
            head: Its predictions are ``(N,)``.
            name: The number's own, with its unit.
            log: Whether numbers are compared by their ratio.
        """
        rows, true, predicted = self._known(head)
        if not len(rows):
            return {}
        error = predicted / true - 1 if log else predicted - true
        unit = f"error in % of the {name}" if log else "predicted - true"
        figures = {
            "predicted": draw_predicted(true, predicted, name, log),
            "error_bands": draw_error_bands(true, 100 * error if log else error, name, unit),
        }
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
        """Which samples have the head's target, these targets, and what was predicted of them."""
        target, prediction = self.outcome.targets[head], self.outcome.predictions[head]
        there = target_mask(target)
        true = target[there].double() if target.is_floating_point() else target[there]
        return np.flatnonzero(there.numpy()), true.numpy(), prediction[there].double().numpy()

    def _page(self, title: str, rows: NDArray[np.int64], captions: Sequence[str]) -> Figure:
        index = self.dataset.fields[self.field][self.outcome.indices[rows]]
        images = self.dataset.shared[self.field][index.reshape(len(rows), -1)[:, 0]]
        named = (f"{c}\n{shortened(self.names[k])}" for c, k in zip(captions, rows, strict=True))
        return draw_photos(title, zip(images, named, strict=True))
