"""What trees add to a linear forecast, on windows that neither has seen."""

import pytest
import torch
from torch import Tensor

from kindling.series.added import AddedTrees
from kindling.tables.linear import LinearModel

FEW, MANY = 400, 2_200


def windows(number: int, seed: int, noise: float = 0.1) -> tuple[Tensor, Tensor]:
    """Values of a window, and a change that falls where the last value is large."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.randn(number, 6, generator=rng)
    change = torch.where(rows[:, 0] > 0.5, -2.0, 1.0) + noise * torch.randn(number, generator=rng)
    return rows, change


def fitted(rows: Tensor, change: Tensor) -> tuple[AddedTrees, LinearModel]:
    torch.manual_seed(0)
    linear, trees = LinearModel(rows.shape[1], 1), AddedTrees(60)
    linear.fit_numbers(rows, change[:, None], torch.ones(len(rows)))
    trees.fit(rows, change, linear(rows)[:, 0])
    return trees, linear


@pytest.mark.parametrize("number", [FEW, MANY])
def test_they_add_what_a_linear_forecast_lacks(number: int) -> None:
    trees, linear = fitted(*windows(number, 0))
    rows, change = windows(500, 1)
    before = linear(rows)[:, 0]
    error, added = (change - before).square().mean(), trees(rows, before)
    assert (change - before - added).square().mean() < 0.3 * error


@pytest.mark.parametrize("number", [FEW, MANY])
def test_they_add_nothing_to_what_is_random(number: int) -> None:
    torch.manual_seed(1)
    rows = torch.randn(number, 6)
    trees, linear = fitted(rows, torch.randn(number))
    before = linear(rows)[:, 0]
    assert trees(rows, before).square().mean() < 0.05
