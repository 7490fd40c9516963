"""What a quantile as the aim means, against scikit-learn's and torch's own losses."""

import pytest
import torch
from sklearn.metrics import mean_pinball_loss
from torch import Tensor, nn

from kindling.errors import UserError
from problems.prices.loss import QuantileLoss, make_loss


@pytest.fixture
def target() -> Tensor:
    """The logarithm is normal, with a deviation of 0.3."""
    return (0.3 * torch.randn(2001, generator=torch.Generator().manual_seed(0))).exp()


@pytest.mark.parametrize("quantile", [0.1, 0.45, 0.9])
def test_it_is_twice_the_pinball_loss(quantile: float, target: Tensor) -> None:
    estimate = target.flip(0)
    expected = 2 * mean_pinball_loss(target.numpy(), estimate.numpy(), alpha=quantile)
    assert QuantileLoss(quantile)(estimate, target).item() == pytest.approx(expected, rel=1e-5)


def test_at_the_median_it_is_the_absolute_error(target: Tensor) -> None:
    estimates = [target.flip(0).requires_grad_() for _ in range(2)]
    losses = (QuantileLoss(0.5), nn.L1Loss())
    values = [loss(said, target) for loss, said in zip(losses, estimates, strict=True)]
    for value in values:
        value.backward()
    assert torch.equal(*values)
    assert torch.equal(estimates[0].grad, estimates[1].grad)  # type: ignore[arg-type]


@pytest.mark.parametrize("quantile", [0.1, 0.45, 0.9])
def test_it_is_least_at_the_quantile(quantile: float, target: Tensor) -> None:
    loss, best = QuantileLoss(quantile), target.quantile(quantile)
    for aside in (0.97, 1.03):
        assert loss(best.expand_as(target), target) < loss(aside * best.expand_as(target), target)


def test_the_relative_error_is_least_below_the_median(target: Tensor) -> None:
    errors = {q: ((target.quantile(q) - target) / target).abs().mean() for q in (0.2, 0.4, 0.5)}
    assert errors[0.4] < min(errors[0.2], errors[0.5])


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.2])
def test_no_quantile(quantile: float) -> None:
    with pytest.raises(UserError, match=f"model.quantile={quantile}: must be between 0 and 1"):
        make_loss("l1", quantile)


@pytest.mark.parametrize("kind", ["huber", "mse"])
def test_a_loss_that_aims_at_none(kind: str) -> None:
    with pytest.raises(UserError, match=f"only model.loss=l1 aims at one, not {kind}"):
        make_loss(kind, 0.45)  # type: ignore[arg-type]
