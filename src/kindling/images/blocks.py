"""Convolutional blocks: what every net of ours that looks at photos begins with.

B: batch, C: channels of the last block, H: height, W: width, K: blocks.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindling.errors import UserError
from kindling.images.norm import pool_and_normalize


class ConvBlocks(nn.Sequential):
    """Blocks of a 3x3 convolution, ELU and max-pooling by 2.

    Args:
        image_size: Pixels on a side.
        channels: Of each block.
        batch_norm: Normalize after each convolution.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C, H / 2^K, W / 2^K)``.

    Raises:
        UserError: The blocks leave nothing of the photo.

    References:
        Clevert et al., Fast and Accurate Deep Network Learning by ELUs, 2016, arXiv:1511.07289
    """

    def __init__(self, image_size: int, channels: Sequence[int], batch_norm: bool = True) -> None:
        if not channels or min(channels) < 1:
            raise UserError(f"model.channels={list(channels)}: one width a block, each 1 or more")
        side = image_size >> len(channels)
        if side < 1:
            raise UserError(
                f"model.channels: {len(channels)} blocks halve {image_size} pixels to nothing; "
                "fewer of them, or a larger --data.image_size"
            )
        widths = zip([3, *channels], channels, strict=False)
        block = NormalizedBlock if batch_norm else _plain_block
        super().__init__(*(block(inputs, outputs) for inputs, outputs in widths))
        self.side, self.out_channels = side, channels[-1]


def _plain_block(inputs: int, outputs: int) -> nn.Sequential:
    # ELU rises throughout, so that it may follow the pooling: the same output, a quarter the work.
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ELU())


class NormalizedBlock(nn.Sequential):
    """A block with batch normalization.

    In training on a CPU, less is normalized (:func:`pool_and_normalize`): the output is that of the
    layers in a row, and they are not called, so that a forward hook of theirs is not either.

    Args:
        inputs: Channels.
        outputs: Channels.

    Shape:
        ``(B, inputs, H, W)`` to ``(B, outputs, H / 2, W / 2)``.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs), nn.MaxPool2d(2), nn.ELU())

    def forward(self, x: Tensor) -> Tensor:
        layers: tuple[Any, ...] = tuple(self)
        convolution, norm, _, elu = layers
        if not self.training or not _shortened(x, norm):
            return super().forward(x)  # type: ignore[no-any-return, no-untyped-call]
        # The largest output of a channel with a negative weight is of its smallest input.
        sign = torch.where(norm.weight < 0, -1.0, 1.0)
        weight = convolution.weight * sign[:, None, None, None]
        convolved = functional.conv2d(x, weight, padding=convolution.padding)
        normalized = pool_and_normalize(convolved, norm.weight * sign, norm.bias, norm.eps)
        count = convolved.numel() / convolved.shape[1]
        norm.running_mean.lerp_(normalized.mean * sign, norm.momentum)
        norm.running_var.lerp_(normalized.variance * count / (count - 1), norm.momentum)
        norm.num_batches_tracked += 1
        return elu(normalized.output)  # type: ignore[no-any-return]


def _shortened(x: Tensor, norm: nn.Module) -> bool:
    """Whether less needs to be normalized: not where that is untried, or not what was asked for."""
    return (
        type(norm) is nn.BatchNorm2d  # which Lightning may make one of several processes
        and norm.training  # neither it nor its statistics are frozen
        and norm.track_running_stats
        and x.device.type == "cpu"
        and x.dtype == norm.weight.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )
