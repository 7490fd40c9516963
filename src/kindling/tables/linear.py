"""Linear and logistic regression on a table's columns, which a net has to beat.

N: rows, D: columns, T: targets, K: classes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

PENALTY = 1.0
"""Least weight of the penalty of logistic regression beside the sum over the rows."""

FEW = 10
"""Rows for each column below which classes need more of it."""

PENALTIES = [10 ** (k / 2) for k in range(-8, 13)]
"""Penalties of which the best is chosen."""

FLAT = 1e-6
"""Smallest deviation of a column that varies, relative to its largest number."""

STEPS = 100
"""Most iterations of LBFGS."""

SEEN = 50_000
"""Most rows to fit, drawn by a fixed seed."""


class LinearModel(nn.Module):
    """Ridge regression, or multinomial logistic regression, both with a ridge penalty.

    Nothing here is trained by gradient with the net: :meth:`fit_numbers` or :meth:`fit_classes`
    takes the training rows once. Until then every output is NaN.

    Args:
        columns: D.
        outputs: Targets T, or classes K.

    Shape:
        ``(B, D)`` without missing values to ``(B, outputs)``: numbers, or logits.
    """

    coefficients: Tensor

    def __init__(self, columns: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("coefficients", torch.full((columns + 1, outputs), torch.nan))

    def fit_numbers(
        self, columns: Tensor, target: Tensor, weight: Tensor, subsets: Sequence[Tensor] = ()
    ) -> None:
        """Ridge regression of ``(N, T)`` on ``(N, D)``, with the penalty best on held-out rows.

        Columns may be of any scale, rows count by their weight ``(N,)``. Rows are left out one at a
        time; how far off each is without itself follows from the one fit. The models of ``subsets``
        of columns, all by default, are averaged by their likelihood on such rows: few rows do not
        tell which is best.

        References:
            Allen, The Relationship between Variable Selection and Data Augmentation and a Method
            for Prediction, 1974, Technometrics 16(1)
            Buckland et al., Model Selection: An Integral Part of Inference, 1997,
            doi:10.2307/2533961
        """
        columns, target, weight = _some_rows(columns, target, weight)
        rows, wanted, share, middle, mean, size = _standardized(columns, target, weight)
        subsets = subsets or [torch.arange(rows.shape[1])]
        slopes, errors = wanted.new_zeros(len(subsets), rows.shape[1], wanted.shape[1]), []
        for slope, kept in zip(slopes, subsets, strict=True):
            error, _, slope[kept] = _ridge(rows[:, kept], wanted, share)
            errors.append(max(error, 1e-30))
        likelihood = -len(rows) / 2 * torch.tensor(errors, dtype=torch.float64).log()
        slope = torch.einsum("s,sdt->dt", likelihood.softmax(0), slopes) / size[:, None]
        self.coefficients.copy_(torch.cat([slope, (mean - middle @ slope)[None]]))

    def fit_classes(self, columns: Tensor, target: Tensor, weight: Tensor) -> None:
        """Logistic regression of class indices ``(N,)`` on columns ``(N, D)``, rows by weight.

        With few rows for a column, the penalty is what least squares take to the classes, times
        what the logistic loss curves.
        """
        columns, target, weight = _some_rows(columns, target, weight)
        penalty = PENALTY
        if len(columns) < FEW * columns.shape[1]:
            ones = nn.functional.one_hot(target, self.coefficients.shape[1])
            rows, wanted, share, _, mean, _ = _standardized(columns, ones, weight)
            curvature = float((mean * (1 - mean)).mean())
            penalty = max(penalty, _ridge(rows, wanted, share)[1] * curvature)
        rows = _with_one(columns).double()
        size = self.coefficients.shape
        slope = torch.zeros(size, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([slope], max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            errors = nn.functional.cross_entropy(rows @ slope, target, reduction="none")
            shrinkage = penalty / 2 * slope[:-1].square().sum()
            total = ((weight * errors).sum() + shrinkage) / len(rows)
            total.backward()  # type: ignore[no-untyped-call]
            return total

        with torch.enable_grad():
            optimizer.step(loss)  # type: ignore[no-untyped-call]
        self.coefficients.copy_(slope.detach())

    def forward(self, columns: Tensor) -> Tensor:
        return _with_one(columns.to(self.coefficients)) @ self.coefficients


def _standardized(columns: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Columns and targets about their means, rows by root weight; shares; means and deviations."""
    rows, wanted, share = columns.double(), target.double(), (weight / weight.sum()).double()
    middle, mean = share @ rows, share @ wanted
    size, root = (share @ (rows - middle).square()).sqrt(), (share * len(rows)).sqrt()[:, None]
    size = size.where(size > FLAT * rows.abs().amax(0), torch.inf)
    return root * (rows - middle) / size, root * (wanted - mean), share, middle, mean, size


def _ridge(rows: Tensor, wanted: Tensor, share: Tensor) -> tuple[float, float, Tensor]:
    """The least error on rows left out, and the penalty and the slopes ``(D, T)`` that have it."""
    axes, squares = _axes(rows)
    along = rows @ axes
    leverage, found = along.square(), (torch.inf, PENALTY, wanted[:0])
    for penalty in PENALTIES:
        shrunk = 1 / (squares.clamp(min=0) + penalty)
        slopes = shrunk[:, None] * (along.T @ wanted)
        left = (1 - share - leverage @ shrunk).clamp(min=FLAT)
        error = float(((wanted - along @ slopes) / left[:, None]).square().mean())
        if error < found[0]:
            found = error, penalty, axes @ slopes
    return found


def _axes(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Orthogonal directions ``(D, min(N, D))`` that rows differ in, and their sums of squares."""
    if rows.shape[1] <= len(rows):
        squares, axes = torch.linalg.eigh(rows.T @ rows)
        return axes, squares
    squares, across = torch.linalg.eigh(rows @ rows.T)
    return rows.T @ across / squares.clamp(min=1e-9).sqrt(), squares


def _some_rows(*values: Tensor) -> list[Tensor]:
    """All rows, or a sample if there are too many to fit."""
    rows = len(values[0])
    if rows <= SEEN:
        return [*values]
    index = torch.randperm(rows, generator=torch.Generator().manual_seed(0))[:SEEN]
    return [value[index] for value in values]


def _with_one(columns: Tensor) -> Tensor:
    return nn.functional.pad(columns, (0, 1), value=1.0)
