"""Convolutional blocks: what every net of ours that looks at photos begins with.

B: batch, C: channels, H: height, W: width, h, w: half of them, K: blocks.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional

from kindling.errors import UserError

VECTOR = 64
"""Numbers side by side at least, for which torch's statistics are fast on a CPU."""

EACH = (slice(None), None, None)
"""One number a channel, ``(C,)``, to what goes with a batch, ``(C, 1, 1)``."""


class ConvBlocks(nn.Sequential):
    """Blocks of a 3x3 convolution, ELU and max-pooling by 2.

    Args:
        image_size: Pixels on a side.
        channels: Of each block.
        batch_norm: Normalize after each convolution.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C, H / 2^K, W / 2^K)``, C of the last block.

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


def check_size(net: nn.Module, setting: str, image_size: int) -> None:
    """Show a net one black photo: some take one size alone, others none that is small.

    Raises:
        UserError: It does not take photos of this size; ``setting`` names the net.
    """
    try:
        with torch.inference_mode():
            net.eval()(torch.zeros(1, 3, image_size, image_size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{setting}: cannot take photos of {image_size}x{image_size}; try --data.image_size=224"
        ) from error
    net.train()


def _plain_block(inputs: int, outputs: int) -> nn.Sequential:
    # ELU rises throughout, so that it may follow the pooling: the same output, a quarter the work.
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ELU())


class NormalizedBlock(nn.Sequential):
    """A block with batch normalization, ``(B, inputs, H, W)`` to ``(B, outputs, h, w)``.

    In training on a CPU, less is normalized (:func:`pool_and_normalize`): the output is that of the
    layers in a row, and they are not called, so that a forward hook of theirs is not either.
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
        output, mean, variance = pool_and_normalize(
            convolved, norm.weight * sign, norm.bias, norm.eps
        )
        count = convolved.numel() / convolved.shape[1]
        norm.running_mean.lerp_(mean * sign, norm.momentum)
        norm.running_var.lerp_(variance * count / (count - 1), norm.momentum)
        norm.num_batches_tracked += 1
        return elu(output)  # type: ignore[no-any-return]


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


def pool_and_normalize(
    x: Tensor, weight: Tensor, bias: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """What batch normalization in training and max-pooling by 2 make of ``x``, in less time.

    Normalization by a positive weight rises in its input, so the largest input is the largest
    output: a quarter is normalized, and no normalized copy of all is kept for the gradient.

    Args:
        x: ``(B, C, H, W)``, at best with channels last in memory.
        weight: ``(C,)``, 0 or more; where it is below, give it and the channel the other sign.
        bias: ``(C,)``, of the output.
        eps: Added to the variance.

    Returns:
        The output ``(B, C, h, w)``, and mean and variance of the channels in front of the pooling.

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167
    """
    x = x.contiguous(memory_format=torch.channels_last)
    output, mean, variance = _PoolAndNormalize.apply(x, weight, bias, eps)
    return output, mean, variance


class _PoolAndNormalize(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = _moments(x)
        inverse = (variance + eps).rsqrt()
        largest, index = functional.max_pool2d_with_indices(x, (2, 2))
        normalized = (largest - mean[EACH]).mul_(inverse[EACH])
        ctx.save_for_backward(x, index, normalized, mean, inverse, weight)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(bias[EACH], normalized, weight[EACH]), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, index, normalized, mean, inverse, weight = ctx.saved_tensors
        of_bias = gradient.sum((0, 2, 3))
        of_weight = (gradient * normalized).sum((0, 2, 3))
        scale = weight * inverse
        # By way of mean and variance, every input has a share in each output of its channel.
        count = x.numel() / x.shape[1]
        slope = -scale * inverse * of_weight / count
        level = -scale * of_bias / count - slope * mean
        of_x = torch.addcmul(level[EACH], x, slope[EACH])
        of_largest = (gradient * scale[EACH]).contiguous(memory_format=torch.channels_last)
        # The pooling counts in a channel, ``(B, C, h, w)``; in memory an image lies as ``(HWC,)``.
        channels = index.shape[1]
        channel = torch.arange(channels, device=index.device)
        flat = torch.add(channel[EACH], index, alpha=channels)
        _in_memory(of_x).scatter_add_(1, _in_memory(flat), _in_memory(of_largest))
        return of_x, of_weight, of_bias, None


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each channel, ``(C,)`` each.

    Few channels are taken together with their neighbours' in the row, as channels of their own.
    """
    channels, width = x.shape[1], x.shape[3]
    together = math.gcd(width, VECTOR // math.gcd(channels, VECTOR))
    wide = x.permute(0, 2, 3, 1).reshape(len(x), -1, width // together, together * channels)
    means, variances = (
        part.view(together, channels)
        for part in torch.batch_norm_update_stats(wide.permute(0, 3, 1, 2), None, None, 0.0)
    )
    mean = means.mean(0)
    return mean, variances.mean(0) + (means - mean).square().mean(0)


def _in_memory(batch: Tensor) -> Tensor:
    """An image's numbers in the order in which they lie in memory, ``(B, HWC)``."""
    return batch.permute(0, 2, 3, 1).view(len(batch), -1)
