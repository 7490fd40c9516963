"""Convolutional blocks, the first layers of every net for photos that is not a timm backbone.

B: batch, C: channels, H: height, W: width, K: blocks.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kindling.errors import UserError
from kindling.images.read import ImageSize, sides


class ConvBlocks(nn.Sequential):
    """Blocks of a 3x3 convolution, batch normalization, ELU and max-pooling by 2.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C, H / 2^K, W / 2^K)``, C of the last block.

    Raises:
        UserError: The blocks leave nothing of the photo.

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167
        Clevert et al., Fast and Accurate Deep Network Learning by ELUs, 2016, arXiv:1511.07289
    """

    def __init__(
        self, image_size: ImageSize, channels: Sequence[int], batch_norm: bool = True
    ) -> None:
        if not channels or min(channels) < 1:
            raise UserError(f"model.channels={list(channels)}: one width for each block, 1 or more")
        smallest = min(sides(image_size))
        if not smallest >> len(channels):
            fault = f"{len(channels)} blocks halve {smallest} pixels to nothing"
            raise UserError(
                f"model.channels: {fault}; fewer of them, or a larger --data.image_size"
            )
        self.out_channels = channels[-1]
        self.places = math.prod(side >> len(channels) for side in sides(image_size))
        widths = zip([3, *channels], channels, strict=False)
        super().__init__(*(_block(*width, batch_norm) for width in widths))


class RandomFeatures(nn.Module):
    """Cosines and sines of random directions: a linear layer of them is a Gaussian kernel's.

    It is meant for features that are scaled to a deviation of 1, of which there are more than
    there are samples to learn from.

    Shape:
        ``(B, D)`` to ``(B, 2 K)``, K directions.

    References:
        Rahimi and Recht, Random Features for Large-Scale Kernel Machines, NeurIPS 2007
    """

    directions: Tensor

    def __init__(self, inputs: int, count: int) -> None:
        super().__init__()
        self.register_buffer("directions", torch.randn(inputs, count) * (2 / inputs) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        angle = x @ self.directions
        return torch.cat([angle.cos(), angle.sin()], -1)


def check_size(net: nn.Module, setting: str, image_size: ImageSize) -> Tensor:
    """The output of a net for one black photo: some take one size alone, others no small one.

    Raises:
        UserError: It does not take photos of this size; ``setting`` names the net.
    """
    try:
        with torch.inference_mode():
            output: Tensor = net.eval()(torch.zeros(1, 3, *sides(image_size)))
    except (AssertionError, RuntimeError, ValueError) as error:
        size = "x".join(map(str, sides(image_size)))
        fault = f"cannot take photos of {size}; try --data.image_size=224"
        raise UserError(f"{setting}: {fault}") from error
    net.train()
    return output


def _block(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm)
    norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
    # ELU rises throughout, so that it may follow the pooling: the same output, a quarter the work.
    return nn.Sequential(convolution, *norm, nn.MaxPool2d(2), nn.ELU())
