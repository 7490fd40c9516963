"""Several models of the same target as one: their mean, weighted by validation.

M: models, B: batch, K: classes, T: targets.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PRIOR = 10.0
"""Rows that count for equal weights; with few others, all models count alike."""

STEPS = 100
"""Of the EM algorithm."""

GRID = 20
"""Weights of numbers are multiples of a twentieth."""


class ClassMixture(nn.Module):
    """The weighted mean of probabilities; until :meth:`fit`, all models count alike.

    Shape:
        Logits of each model, ``(B, K)``, to logarithms of probabilities ``(B, K)``.

    References:
        Dempster, Laird and Rubin, Maximum Likelihood from Incomplete Data via the EM Algorithm,
        1977, doi:10.1111/j.2517-6161.1977.tb01600.x
    """

    weights: Tensor

    def __init__(self, models: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((models,), 1 / models))

    def fit(self, logits: Sequence[Tensor], target: Tensor, counts: Tensor) -> None:
        """Choose the likeliest mixture by rows that no model was fitted to.

        Args:
            logits: Of each model, ``(B, K)``.
            target: Index of the class, ``(B,)``.
            counts: How much each row counts, ``(B,)``.
        """
        true = torch.stack([each.log_softmax(1).double() for each in logits])
        likely = true.gather(2, target.expand(len(true), -1)[..., None])[..., 0].exp()  # (M, B)
        counts, weights = counts.double(), likely.new_full((len(true),), 1 / len(true))
        for _ in range(STEPS):
            shares = weights[:, None] * likely.clamp(min=1e-12)
            weights = PRIOR + (counts * shares / shares.sum(0)).sum(1)
            weights = weights / weights.sum()
        self.weights.copy_(weights)

    def forward(self, logits: Sequence[Tensor]) -> Tensor:
        models = torch.stack([each.log_softmax(1) for each in logits])
        return (models + self.weights.log()[:, None, None]).logsumexp(0)


class NumberMixture(nn.Module):
    """The weighted mean of numbers; until :meth:`fit`, all models count alike.

    Shape:
        Values of each model, ``(B, T)``, to ``(B, T)``.
    """

    weights: Tensor

    def __init__(self, models: int, targets: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.full((models, targets), 1 / models))

    def fit(self, values: Sequence[Tensor], target: Tensor, counts: Tensor) -> None:
        """Choose the weights of least squared error, by rows that no model was fitted to.

        Args:
            values: Of each model, ``(B, T)``.
            target: ``(B, T)``.
            counts: How much each row counts, ``(B,)``.
        """
        grid = torch.cartesian_prod(*[torch.arange(GRID + 1) for _ in values])
        grid = (grid[grid.sum(1) == GRID] / GRID).to(target.device, torch.float64)
        errors = torch.stack([*values]).double() - target.double()  # (M, B, T)
        shares = counts.double() / counts.sum()
        for k, error in enumerate(errors.unbind(2)):
            products = (shares * error) @ error.T
            apart = PRIOR / len(target) * products.diagonal().min()
            products = products + apart * torch.eye(len(values)).to(products)
            found = ((grid @ products) * grid).sum(1).argmin()
            self.weights[:, k] = grid[found].to(self.weights)

    def forward(self, values: Sequence[Tensor]) -> Tensor:
        return (torch.stack([*values]) * self.weights[:, None]).sum(0)
