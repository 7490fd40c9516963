"""Pictures of what was taken for what."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kindling.evaluation.class_figures import confusion, draw_confusion, draw_per_class, worst
from kindling.images.figures import MOST, draw_photos, shortened
from kindling.training.module import EvalOutput
from problems.clouds.photos import Photos


def draw(
    head: str, classes: Sequence[str], photos: Photos, files: Sequence[str], outcome: EvalOutput
) -> Mapping[str, Figure]:
    """Confusion matrix, scores by class, and mistakes; ``files`` names the outcome's photos."""
    probability = outcome.predictions[head].numpy()
    count = confusion(outcome.targets[head].numpy(), probability.argmax(1), len(classes))
    return {
        "confusion_matrix": draw_confusion(count, classes),
        "per_class": draw_per_class(count, classes),
        "worst_mistakes": _draw_mistakes(head, classes, photos, files, outcome),
    }


def _draw_mistakes(
    head: str, classes: Sequence[str], photos: Photos, files: Sequence[str], outcome: EvalOutput
) -> Figure:
    """The photos, what they show, and what the model said with which probability."""
    truth, probability = outcome.targets[head].numpy(), outcome.predictions[head].numpy()

    def caption(k: int) -> str:
        predicted = probability[k].argmax()
        return (
            f"{classes[truth[k]]} ({probability[k, truth[k]]:.0%})\n"
            f"taken for {classes[predicted]} ({probability[k, predicted]:.0%})\n"
            f"{shortened(files[k])}"
        )

    mistakes = np.count_nonzero(probability.argmax(1) != truth)
    return draw_photos(
        f"The surest of {mistakes:,} mistakes in {len(truth):,} photos",
        (
            (photos[int(outcome.indices[k])].image, caption(k))
            for k in worst(truth, probability, MOST)
        ),
    )
