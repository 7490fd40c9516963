"""Tests of the convolutional blocks."""

import pytest
import torch

from kindling.errors import UserError
from kindling.images import ConvBlocks, RandomFeatures


@pytest.mark.parametrize("batch_norm", [False, True])
def test_pooling_before_elu_changes_nothing(batch_norm: bool) -> None:
    blocks = ConvBlocks(32, [8], batch_norm).train()
    (*before, pool, elu) = blocks[0]  # type: ignore[misc]
    x = torch.randn(2, 3, 32, 32)
    expected = pool(elu(torch.nn.Sequential(*before)(x)))
    torch.testing.assert_close(blocks(x), expected)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([], r"^model\.channels=\[\]: one width for each block"),
        ([8, 0], r"^model\.channels=\[8, 0\]: one width for each block"),
        ([8] * 6, "6 blocks halve 32 pixels to nothing; fewer of them"),
    ],
)
def test_channels_that_cannot_be(channels: list[int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ConvBlocks(32, channels)


def test_products_of_random_features_are_a_gaussian_kernel() -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 20)
    z = RandomFeatures(20, 20_000)(x)
    kernel = torch.exp(-torch.cdist(x, x).square() / 20)
    torch.testing.assert_close(z @ z.T / 20_000, kernel, rtol=0, atol=0.03)
