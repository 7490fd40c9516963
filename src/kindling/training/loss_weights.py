"""One loss out of those of several heads, by weights that are set or learned.

H: heads.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from kindling.errors import UserError

Weighting = Literal["fixed", "uncertainty"]


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
