"""Tests of the convolutional blocks: what is left out of them changes nothing."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from kindling.images import ConvBlocks
from kindling.images.blocks import NormalizedBlock, pool_and_normalize

SHAPES = [(3, 8, 4, 6), (2, 16, 7, 9), (5, 5, 64, 2), (1, 64, 2, 2), (4, 1, 6, 6), (2, 12, 5, 16)]


def pair(inputs: int, outputs: int) -> tuple[nn.Sequential, NormalizedBlock]:
    """The layers in a row, and the block; half of the weights are negative."""
    torch.manual_seed(0)
    block = NormalizedBlock(inputs, outputs).to(memory_format=torch.channels_last)
    nn.init.normal_(block[1].weight)  # type: ignore[arg-type]
    nn.init.normal_(block[1].bias)  # type: ignore[arg-type]
    return nn.Sequential(*copy.deepcopy(list(block))), block


def photos(batch: int, channels: int, height: int, width: int, shift: float = 0.0) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, channels, height, width, generator=generator) + shift
    return x.to(memory_format=torch.channels_last)


def called(block: NormalizedBlock) -> Callable[[], int]:
    """How often the block's own normalization was called."""
    calls = []
    block[1].register_forward_hook(lambda *_: calls.append(1))
    return lambda: len(calls)


@pytest.mark.parametrize("shift", [0.0, 3.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_block_is_its_layers_in_a_row(shape: tuple[int, int, int, int], shift: float) -> None:
    batch, outputs, height, width = shape
    layers, block = pair(6, outputs)
    count, x = called(block), photos(batch, 6, height, width, shift)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for net, given in zip((layers, block), inputs, strict=True):
        output = net(given)
        output.square().sum().backward()
    torch.testing.assert_close(block(x), layers(x), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-3, atol=1e-3)
    for expected, found in zip(layers.parameters(), block.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(block.state_dict(), layers.state_dict())
    assert count() == 0


def test_the_gradient_is_that_of_the_differences() -> None:
    x = photos(2, 3, 4, 6).double().requires_grad_()
    weight = torch.tensor([0.5, 2.0, 1.0], dtype=torch.double, requires_grad=True)
    bias = torch.tensor([0.1, -1.0, 0.0], dtype=torch.double, requires_grad=True)

    def output(*given: Tensor) -> Tensor:
        return pool_and_normalize(*given, 1e-5)[0]

    assert torch.autograd.gradcheck(output, (x, weight, bias))


def test_of_equal_inputs_one_has_the_gradient() -> None:
    layers, block = pair(2, 4)
    x = torch.ones(2, 2, 8, 8).to(memory_format=torch.channels_last)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for net, given in zip((layers, block), inputs, strict=True):
        net(given).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("case", ["evaluated", "bfloat16", "double", "channels first"])
def test_elsewhere_the_layers_are_called(case: str) -> None:
    _, block = pair(3, 8)
    count, x = called(block), photos(2, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "bfloat16"):
        if case == "evaluated":
            block.eval()(x)
        elif case == "double":
            block.double()(x.double())
        else:
            block(x if case == "bfloat16" else x.contiguous())
    assert count() == 1


def test_the_weights_have_the_names_of_layers_in_a_row() -> None:
    names = set(ConvBlocks(8, [4, 4]).state_dict())
    assert {"0.0.weight", "0.1.weight", "0.1.running_mean", "1.1.num_batches_tracked"} <= names
    assert set(ConvBlocks(8, [4], batch_norm=False).state_dict()) == {"0.0.weight", "0.0.bias"}


def test_pooling_before_elu_changes_nothing() -> None:
    (block,) = ConvBlocks(32, [8], batch_norm=False)
    convolution, pool, elu = block  # type: ignore[misc]
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(block(x), pool(elu(convolution(x))))
