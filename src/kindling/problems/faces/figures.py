"""Pictures of what was taken for what: people for one another, an age for another.

N: photos.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from kindling.figures.classes import confusion, draw_confusion, draw_per_class, worst
from kindling.figures.numbers import draw_error_bands, draw_predicted
from kindling.figures.photos import MOST, draw_photos, shortened
from kindling.module import Outcome
from kindling.problems.faces.photos import Faces
from kindling.targets import known


def draw(people: Sequence[str], photos: Faces, outcome: Outcome) -> dict[str, Figure]:
    """Pictures of each head, of the photos that have its target; none if no photo has.

    Args:
        people: Names of the classes of the identity head.
        photos: The split that was evaluated.
        outcome: Of its photos.
    """
    figures: dict[str, Figure] = {}
    for head, prediction in outcome.predictions.items():
        there = known(outcome.targets[head])
        if there.any():
            given = outcome.place[there], outcome.targets[head][there], prediction[there]
            figures |= (
                _draw_identity(people, photos, *given)
                if head == "identity"
                else _draw_age(photos, *given)
            )
    return figures


def _draw_identity(
    people: Sequence[str], photos: Faces, place: Tensor, target: Tensor, prediction: Tensor
) -> Mapping[str, Figure]:
    truth, probability = target.numpy(), prediction.numpy()
    said = probability.argmax(1)
    count = confusion(truth, said, len(people))

    def caption(k: int) -> str:
        return (
            f"{people[truth[k]]} ({probability[k, truth[k]]:.0%})\n"
            f"taken for {people[said[k]]} ({probability[k, said[k]]:.0%})"
        )

    mistakes = {k: caption(k) for k in worst(truth, probability, MOST).tolist()}
    total = f"{np.count_nonzero(said != truth):,} mistakes in {len(truth):,} photos"
    return {
        "identity_confusion_matrix": draw_confusion(count, people),
        "identity_per_person": draw_per_class(count, people),
        "identity_worst": _draw_worst(f"The surest of {total}", mistakes, photos, place),
    }


def _draw_age(
    photos: Faces, place: Tensor, target: Tensor, prediction: Tensor
) -> Mapping[str, Figure]:
    truth, said = target.numpy(), prediction.numpy()
    error = said - truth
    largest = np.argsort(-np.abs(error), kind="stable")[:MOST]
    shown = {k: f"{truth[k]:g} years\ntaken for {said[k]:.0f}" for k in largest.tolist()}
    title = f"The largest errors of age in {len(truth):,} photos"
    return {
        "age_predicted": draw_predicted(truth, said, "age in years"),
        "age_errors": draw_error_bands(truth, error, "age in years", "years too old"),
        "age_worst": _draw_worst(title, shown, photos, place),
    }


def _draw_worst(title: str, captions: Mapping[int, str], photos: Faces, place: Tensor) -> Figure:
    """Photos by their number among those of ``place``, with a caption and the name of the file."""
    where = {k: int(place[k]) for k in captions}
    return draw_photos(
        title,
        (
            (photos[where[k]].image, f"{caption}\n{shortened(photos.names[where[k]])}")
            for k, caption in captions.items()
        ),
    )
