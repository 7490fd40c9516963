"""Evidence lies where it was put, by either way of looking for it."""

import pytest
import torch
from torch import Tensor, nn

from kindling.images.explain import overlay


def photos() -> Tensor:
    """Grey, but for a red corner at the top left and a blue one at the bottom right."""
    images = torch.full((2, 3, 56, 56), 60, dtype=torch.uint8)
    images[:, 0, :16, :16] = images[:, 2, 40:, 40:] = 250
    return images


def by_colour(convolutions: int) -> nn.Sequential:
    """A net whose first class is red, and whose second is blue."""
    layers = [nn.Conv2d(3, 3, 1) for _ in range(convolutions)]
    readout = nn.Linear(3, 2)
    for layer in layers:
        nn.init.dirac_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    with torch.no_grad():
        readout.weight.copy_(torch.tensor([[1.0, 0, -1], [-1, 0, 1]]))
    pool = [nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), readout]
    return nn.Sequential(*layers, *pool).eval()


@pytest.mark.parametrize("convolutions", [0, 1, 2])
@pytest.mark.parametrize("frozen", [False, True])
def test_evidence_is_where_the_class_is(convolutions: int, frozen: bool) -> None:
    net = by_colour(convolutions).requires_grad_(not frozen)
    with torch.inference_mode():  # as in a test
        seen = overlay(net, lambda x: net(x.float() / 255), photos(), torch.tensor([0, 1]))
    assert (seen.dtype, seen.shape) == (torch.uint8, (2, 3, 56, 56))
    heat = seen.float()[:, 0] - seen.float()[:, 2]  # of the colours, from blue to red
    first, second = heat[:, :14, :14].mean((1, 2)), heat[:, 42:, 42:].mean((1, 2))
    assert first[0] > second[0] + 40
    assert second[1] > first[1] + 40
    assert all(p.grad is None for p in net.parameters())
