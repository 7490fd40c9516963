"""Numbers by their place in bins, against numpy's quantiles and interpolation."""

import numpy as np
import torch

from problems.timeseries.encoding import OUTERMOST, PiecewiseLinear


def fitted(values: torch.Tensor, bins: int) -> PiecewiseLinear:
    encode = PiecewiseLinear(bins)
    encode.fit(values)
    return encode


def test_edges_are_quantiles() -> None:
    values = torch.randn(50, 40, generator=torch.Generator().manual_seed(0))
    shares = np.linspace(OUTERMOST, 1 - OUTERMOST, 9)
    expected = np.quantile(values.double().numpy(), shares)
    np.testing.assert_allclose(fitted(values, 8).edges.numpy(), expected, rtol=1e-6)


def test_the_sum_over_the_bins_is_the_place_among_the_edges() -> None:
    values = torch.randn(3000, generator=torch.Generator().manual_seed(0))
    encode = fitted(values, 8)
    encoded = encode(values.reshape(1000, 3))
    assert encoded.shape == (1000, 24)
    place = np.interp(values.numpy(), encode.edges.numpy(), np.arange(9))
    sums = encoded.unflatten(-1, (3, 8)).sum(-1).flatten()
    np.testing.assert_allclose(sums.numpy(), place, atol=1e-4)


def test_beyond_the_training_numbers_it_is_constant() -> None:
    encode = fitted(torch.linspace(-1, 1, 1001), 4)
    far = encode(torch.tensor([[-1.0], [-1e6], [1.0], [1e6]]))
    assert torch.equal(far, torch.tensor([[0.0] * 4, [0.0] * 4, [1.0] * 4, [1.0] * 4]))


def test_a_common_number_is_a_step() -> None:
    """More than one edge lies on it, and nothing is divided by zero."""
    encode = fitted(torch.cat([torch.zeros(900), torch.linspace(-1, 1, 100)]), 4)
    encoded = encode(torch.tensor([[-0.5], [0.0], [0.5]]))
    assert encoded.isfinite().all()
    below, at, above = encoded.sum(-1).tolist()
    assert below < at < above


def test_a_constant_is_told_from_other_numbers() -> None:
    encoded = fitted(torch.full((10,), 3.0), 2)(torch.tensor([[2.0], [4.0]]))
    assert torch.equal(encoded, torch.tensor([[0.0, 0.0], [1.0, 1.0]]))


def test_there_may_be_many_numbers() -> None:
    """More than torch takes quantiles of."""
    values = torch.linspace(0, 1, 20_000_001)
    middle = fitted(values, 2).edges[1]
    torch.testing.assert_close(middle, torch.tensor(0.5), atol=1e-4, rtol=0)
