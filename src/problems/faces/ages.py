"""Two ways to say an age: as a number, or as probabilities of whole years.

B: batch, Y: years.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.errors import UserError

AgeOutput = Literal["regression", "classification"]


class Regression(nn.Module):
    """The age itself, in deviations from the mean of the training photos.

    Shape:
        An output ``(B, 1)`` and an age ``(B,)`` in years.
    """

    outputs = 1
    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((), torch.nan))
        self.register_buffer("deviation", torch.full((), torch.nan))

    def fit(self, age: Tensor) -> None:
        """Take the statistics of the training photos' ages."""
        self.mean.copy_(age.mean())
        # Of one age alone the deviation is 0.
        self.deviation.copy_(age.std(correction=0).clamp(min=1e-3))

    def loss(self, output: Tensor, age: Tensor) -> Tensor:
        """Squared error of each photo, ``(B,)``."""
        return (output[:, 0] - (age - self.mean) / self.deviation).square()

    def years(self, output: Tensor) -> Tensor:
        """``(B,)``."""
        return self.mean + self.deviation * output[:, 0]


class Classification(nn.Module):
    """A logit for each whole year between the youngest and the oldest; the age is the expectation.

    Args:
        ages: The youngest and the oldest of the training photos. Who is younger or older counts
            as them.

    Shape:
        An output ``(B, Y)`` and an age ``(B,)`` in years.

    References:
        Rothe et al., DEX: Deep EXpectation of Apparent Age from a Single Image, 2015,
        https://doi.org/10.1109/ICCVW.2015.41
    """

    bins: Tensor

    def __init__(self, ages: Sequence[float]) -> None:
        super().__init__()
        youngest, oldest = (round(age) for age in ages)
        self.register_buffer("bins", torch.arange(youngest, oldest + 1.0), persistent=False)
        self.outputs = len(self.bins)

    def fit(self, age: Tensor) -> None:
        """Nothing: the years say it all."""

    def loss(self, output: Tensor, age: Tensor) -> Tensor:
        """Cross-entropy of each photo, ``(B,)``."""
        year = (age - self.bins[0]).round().long().clamp(0, self.outputs - 1)
        return nn.functional.cross_entropy(output, year, reduction="none")

    def years(self, output: Tensor) -> Tensor:
        """``(B,)``."""
        return output.softmax(-1) @ self.bins


def age_head(kind: AgeOutput, ages: Sequence[float]) -> Regression | Classification:
    """The way to say an age that a setting names."""
    if not ages:
        raise UserError(
            "no training photo has an age (--data.age): add some, or --model.use_age=false"
        )
    return Regression() if kind == "regression" else Classification(ages)
