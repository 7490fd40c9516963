"""What trees and nets add to a linear forecast, shrunk to what holds on other windows.

N: windows, D: columns of a window.
"""

import torch
from torch import Tensor, nn

from kindling.tables.trees import Trees


def shrunk_share(added: Tensor, residual: Tensor, standard_errors: float = 1.0) -> Tensor:
    """The share of an addition that counts: by least squares, less some standard errors of it.

    Args:
        added: To a forecast, of windows that it was not fitted to.
        residual: What that forecast leaves, of the same shape.
        standard_errors: How many.

    Shape:
        ``()``, from 0 to 1.
    """
    size = added.square().sum().clamp(min=1e-12)
    share = ((added * residual).sum() / size).clamp(0, 1)
    error = (residual - share * added).square().mean()
    return (share - standard_errors * (error / size).sqrt()).clamp(min=0)


class AddedTrees(nn.Module):
    """Boosted trees that forecast a change, in place of a linear model as far as they count.

    How much that is follows from the third and the last quarter of the windows, by trees on those
    before. The square root of the share is taken, since trees on all windows know more; of a random
    walk it is 0.

    Shape:
        Windows ``(N, D)`` and their linear forecast ``(N,)`` to what is added to that, ``(N,)``.
    """

    share: Tensor

    def __init__(self, number: int) -> None:
        super().__init__()
        self.trees = Trees("boosted", number, quantile=None)
        self.register_buffer("share", torch.zeros(()))

    def fit(self, rows: Tensor, change: Tensor, linear: Tensor) -> None:
        half, added = len(rows) // 2, []
        for start, stop in ((half, half * 3 // 2), (half * 3 // 2, len(rows))):
            few = Trees("boosted", max(1, self.trees.number // 3), quantile=None)
            few.fit(rows[:start], change[:start])
            added.append(few(rows[start:stop]) - linear[start:stop])
        self.share.copy_(shrunk_share(torch.cat(added), (change - linear)[half:]).sqrt())
        self.trees.fit(rows, change)

    def forward(self, rows: Tensor, linear: Tensor) -> Tensor:
        added: Tensor = self.share * (self.trees(rows) - linear)
        return added
