"""The age as a number or as probabilities of whole years, and one loss out of those of two heads.

B: batch, Y: years, H: heads.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.errors import UserError

AgeOutput = Literal["regression", "classification"]
Weighting = Literal["fixed", "uncertainty"]


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


class LossWeights(nn.Module):
    """The sum of the weighted losses, ``w_h L_h``.

    Learned, a weight says how sure of its head the net is: the loss is then the sum of
    ``w_h L_h - log(w_h) / 2``, least at ``w_h = 1 / (2 L_h)``, be ``L_h`` a squared error or a
    cross-entropy. What is learned is the logarithm of the factor by which a weight differs from
    the one that is set, so that weight decay draws it back there.

    Args:
        weights: Above 0, by head.
        weighting: Whether they are left as they are.

    References:
        Kendall et al., Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry
        and Semantics, 2018, arXiv:1705.07115
    """

    start: Tensor

    def __init__(self, weights: Mapping[str, float], weighting: Weighting) -> None:
        super().__init__()
        for head, weight in weights.items():
            if weight <= 0:
                off = f"--model.use_{head}=false"
                raise UserError(f"model.{head}_weight={weight}: must be above 0; or {off}")
        self.heads, self.learned = list(weights), weighting == "uncertainty"
        start = torch.tensor(list(weights.values())).log()
        self.register_buffer("start", start, persistent=False)
        if self.learned:
            self.shift = nn.Parameter(torch.zeros_like(start))

    @property
    def log_weights(self) -> Tensor:
        """``(H,)``."""
        return self.start + self.shift if self.learned else self.start

    def by_head(self) -> dict[str, float]:
        """The weights as they are now."""
        return dict(zip(self.heads, self.log_weights.detach().exp().tolist(), strict=True))

    def forward(self, losses: Mapping[str, Tensor], known: Mapping[str, Tensor]) -> Tensor:
        """One loss; ``known`` counts the photos that each head's loss is the mean of."""
        weights = self.log_weights
        total = weights.exp() @ torch.stack([losses[head] for head in self.heads])
        if not self.learned:
            return total
        # A head without targets in the batch has nothing to be sure of.
        present = torch.stack([known[head] for head in self.heads]) > 0
        return total - (weights * present).sum() / 2
