"""The predictions, loss and baseline of each head, and the weighted sum of the losses.

B: batch, C: people, H: heads.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.errors import UserError

AgeOutput = Literal["regression", "classification"]
Weighting = Literal["fixed", "uncertainty"]


class Identity(nn.Module):
    """A logit for each person, ``(B, C)``; without learning, the training photos' shares."""

    baseline_name = "commonest identity"
    baseline: Tensor

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.outputs = len(classes)
        if self.outputs < 2:
            raise UserError(
                f"{self.outputs} people in training ({', '.join(classes)}): two or more are needed "
                "to tell apart (--data.identity), or --model.use_identity=false"
            )
        self.register_buffer("baseline", torch.full((self.outputs,), torch.nan))

    def fit(self, identity: Tensor) -> None:
        """Take the shares from the training photos whose identity is known."""
        counts = torch.bincount(identity, minlength=self.outputs)
        self.baseline.copy_(counts / counts.sum())

    def loss(self, output: Tensor, identity: Tensor) -> Tensor:
        """Cross-entropy of each photo, ``(B,)``, 0 where nobody knows who it is."""
        return nn.functional.cross_entropy(
            output, identity, ignore_index=IGNORE_INDEX, reduction="none"
        )

    def predict(self, output: Tensor) -> Tensor:
        return output.softmax(-1)


class Regression(nn.Module):
    """The age itself, ``(B, 1)``, in deviations from the mean of the training photos."""

    outputs = 1
    baseline_name = "median age"
    baseline: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, ages: Sequence[float]) -> None:
        super().__init__()
        if not ages:
            raise UserError(
                "no training photo has an age (--data.age): add some, or --model.use_age=false"
            )
        for name in ("baseline", "mean", "deviation"):
            self.register_buffer(name, torch.full((), torch.nan))

    def fit(self, age: Tensor) -> None:
        """Take the statistics of the training photos' ages that are known."""
        self.baseline.copy_(age.quantile(0.5))
        self.mean.copy_(age.mean())
        # Of one age alone the deviation is 0.
        self.deviation.copy_(age.std(correction=0).clamp(min=1e-3))

    def loss(self, output: Tensor, age: Tensor) -> Tensor:
        """Error of each photo, ``(B,)``, 0 where nobody knows the age."""
        # In the place of an unknown age any known one, since NaN times 0 would be NaN.
        there = target_mask(age)
        return self.error(output, torch.where(there, age, self.baseline)) * there

    def error(self, output: Tensor, age: Tensor) -> Tensor:
        """Squared, in deviations."""
        return (output[:, 0] - (age - self.mean) / self.deviation).square()

    def predict(self, output: Tensor) -> Tensor:
        """In years, ``(B,)``."""
        return self.mean + self.deviation * output[:, 0]


class Classification(Regression):
    """A logit for each whole year between the youngest and the oldest; the age is the expectation.

    Args:
        ages: The youngest and the oldest of the training photos. Who is younger or older counts
            as them.

    References:
        Rothe et al., DEX: Deep EXpectation of Apparent Age from a Single Image, 2015,
        https://doi.org/10.1109/ICCVW.2015.41
    """

    years: Tensor

    def __init__(self, ages: Sequence[float]) -> None:
        super().__init__(ages)
        youngest, oldest = (round(age) for age in ages)
        self.register_buffer("years", torch.arange(youngest, oldest + 1.0), persistent=False)
        self.outputs = len(self.years)

    def error(self, output: Tensor, age: Tensor) -> Tensor:
        """As a cross-entropy."""
        year = (age - self.years[0]).round().long().clamp(0, self.outputs - 1)
        return nn.functional.cross_entropy(output, year, reduction="none")

    def predict(self, output: Tensor) -> Tensor:
        return output.softmax(-1) @ self.years


class LossWeights(nn.Module):
    """The sum of the weighted losses, ``w_h L_h``.

    A learned weight is the certainty of its head's outputs: the loss is then the sum of
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
            if not 0 < weight < math.inf:
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
