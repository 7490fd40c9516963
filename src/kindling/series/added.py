"""What trees and nets add to a linear forecast, shrunk to what is sure of it.

N: windows, D: columns of a window.
"""

import torch
from torch import Tensor, nn

from kindling.tables.trees import Trees


def worth(added: Tensor, left: Tensor, errors: float = 1.0) -> Tensor:
    """The share of an addition that counts: by least squares, less so many standard errors.

    Args:
        added: To a forecast, of windows that it was not fitted to.
        left: Errors of that forecast, of the same shape.
        errors: How many.

    Shape:
        ``()``, from 0 to 1.
    """
    size = added.square().sum().clamp(min=1e-12)
    share = ((added * left).sum() / size).clamp(0, 1)
    error = (left - share * added).square().mean()
    return (share - errors * (error / size).sqrt()).clamp(min=0)


class AddedTrees(nn.Module):
    """Boosted trees for the change that is forecast, or for what a linear forecast leaves of it.

    Which of them, and what they are worth, is seen on the third and the last quarter of the
    windows, by trees on those before. Where that is nothing, as of a random walk, they add nothing;
    its root counts, since trees on all windows know more.

    Shape:
        Windows ``(N, D)`` and their linear forecast ``(N,)`` to what is added to that, ``(N,)``.
    """

    share: Tensor
    whole: Tensor

    def __init__(self, number: int) -> None:
        super().__init__()
        self.trees = Trees("boosted", number, quantile=None)
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("whole", torch.zeros(()))

    def fit(self, rows: Tensor, change: Tensor, linear: Tensor) -> None:
        half, found = len(rows) // 2, []
        left = (change - linear)[half:]
        for whole in (1, 0):
            parts, target = [], change - (1 - whole) * linear
            for start, stop in ((half, half * 3 // 2), (half * 3 // 2, len(rows))):
                few = Trees("boosted", max(1, self.trees.number // 3), quantile=None)
                few.fit(rows[:start], target[:start])
                parts.append(few(rows[start:stop]) - whole * linear[start:stop])
            added = torch.cat(parts)
            best = worth(added, left, errors=0)
            error = (left - best * added).square().sum()
            found.append((float(error), whole, worth(added, left).sqrt()))
        _, whole, share = min(found, key=lambda each: each[0])
        self.share.copy_(share)
        self.whole.fill_(whole)
        self.trees.fit(rows, change - (1 - whole) * linear)

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        added: Tensor = self.share * (self.trees(rows) - self.whole * linear)
        return added
