"""Pictures of what was taken for what: people for one another, an age for another.

N: photos.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from kindling.data.targets import target_mask
from kindling.evaluation.class_figures import confusion, draw_confusion, draw_per_class, worst
from kindling.evaluation.number_figures import draw_error_bands, draw_predicted
from kindling.images.figures import MOST, draw_photos, shortened
from kindling.training.module import EvalOutput
from problems.faces.photos import Faces


def draw(people: Sequence[str], photos: Faces, outcome: EvalOutput) -> dict[str, Figure]:
    """Pictures of each head, of the photos that have its target; none if no photo has.

    Args:
        people: Names of the classes of the identity head.
        photos: The split that was evaluated.
        outcome: Of its photos.
    """
    figures: dict[str, Figure] = {}
    for head, prediction in outcome.predictions.items():
        there = target_mask(outcome.targets[head])
        if there.any():
            given = outcome.indices[there], outcome.targets[head][there], prediction[there]
            figures |= (
                _draw_identity(people, photos, *given)
                if head == "identity"
                else _draw_age(photos, *given)
            )
    return figures


def _draw_identity(
    people: Sequence[str], photos: Faces, index: Tensor, target: Tensor, prediction: Tensor
) -> Mapping[str, Figure]:
    truth, probability = target.numpy(), prediction.numpy()
    predicted = probability.argmax(1)
    count = confusion(truth, predicted, len(people))

    def caption(k: int) -> str:
        return (
            f"{people[truth[k]]} ({probability[k, truth[k]]:.0%})\n"
            f"taken for {people[predicted[k]]} ({probability[k, predicted[k]]:.0%})"
        )

    mistakes = {k: caption(k) for k in worst(truth, probability, MOST).tolist()}
    total = f"{np.count_nonzero(predicted != truth):,} mistakes in {len(truth):,} photos"
    return {
        "identity_confusion_matrix": draw_confusion(count, people),
        "identity_per_person": draw_per_class(count, people),
        "identity_worst": _draw_worst(f"The surest of {total}", mistakes, photos, index),
    }


def _draw_age(
    photos: Faces, index: Tensor, target: Tensor, prediction: Tensor
) -> Mapping[str, Figure]:
    truth, predicted = target.numpy(), prediction.numpy()
    error = predicted - truth
    largest = np.argsort(-np.abs(error), kind="stable")[:MOST]
    shown = {k: f"{truth[k]:g} years\ntaken for {predicted[k]:.0f}" for k in largest.tolist()}
    title = f"The largest errors of age in {len(truth):,} photos"
    return {
        "age_predicted": draw_predicted(truth, predicted, "age in years"),
        "age_errors": draw_error_bands(truth, error, "age in years", "years too old"),
        "age_worst": _draw_worst(title, shown, photos, index),
    }


def _draw_worst(title: str, captions: Mapping[int, str], photos: Faces, index: Tensor) -> Figure:
    """Photos by their number among those of ``index``, with a caption and the name of the file."""
    where = {k: int(index[k]) for k in captions}
    return draw_photos(
        title,
        (
            (photos[where[k]].image, f"{caption}\n{shortened(photos.names[where[k]])}")
            for k, caption in captions.items()
        ),
    )
