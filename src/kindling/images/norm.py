"""Batch normalization behind max-pooling, by the statistics of what is in front of it.

B: batch, C: channels, H: height, W: width, h, w: half of them.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import max_pool2d_with_indices

VECTOR = 64
"""Numbers side by side at least, for which torch's statistics are fast on a CPU."""

EACH = (slice(None), None, None)
"""One number a channel, ``(C,)``, to what goes with a batch, ``(C, 1, 1)``."""


class Normalized(NamedTuple):
    """A batch ``(B, C, h, w)``, and mean and variance of its channels in front of the pooling."""

    output: Tensor
    mean: Tensor
    variance: Tensor


def pool_and_normalize(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Normalized:
    """What batch normalization in training and max-pooling by 2 make of ``x``, in less time.

    Normalization by a positive weight rises in its input, so the largest input is the largest
    output: a quarter is normalized, and no normalized copy of all is kept for the gradient.

    Args:
        x: At best with channels last in memory.
        weight: Above or at 0; where it is below, give it and the channel the other sign.
        bias: Of the output.
        eps: Added to the variance.

    Shape:
        ``x`` ``(B, C, H, W)``, ``weight`` and ``bias`` ``(C,)``.

    References:
        Ioffe and Szegedy, Batch Normalization, 2015, arXiv:1502.03167
    """
    x = x.contiguous(memory_format=torch.channels_last)
    return Normalized(*_PoolAndNormalize.apply(x, weight, bias, eps))


class _PoolAndNormalize(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Normalized:
        mean, variance = _moments(x)
        inverse = (variance + eps).rsqrt()
        largest, place = max_pool2d_with_indices(x, (2, 2))
        normalized = (largest - mean[EACH]).mul_(inverse[EACH])
        ctx.save_for_backward(x, place, normalized, mean, inverse, weight)
        ctx.mark_non_differentiable(mean, variance)
        return Normalized(torch.addcmul(bias[EACH], normalized, weight[EACH]), mean, variance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, place, normalized, mean, inverse, weight = ctx.saved_tensors
        of_bias = gradient.sum((0, 2, 3))
        of_weight = (gradient * normalized).sum((0, 2, 3))
        scale = weight * inverse
        # By way of mean and variance, every input has a share in each output of its channel.
        count = x.numel() / x.shape[1]
        slope = -scale * inverse * of_weight / count
        level = -scale * of_bias / count - slope * mean
        of_x = torch.addcmul(level[EACH], x, slope[EACH])
        of_largest = (gradient * scale[EACH]).contiguous(memory_format=torch.channels_last)
        _in_memory(of_x).scatter_add_(1, _among_all(place), _in_memory(of_largest))
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


def _among_all(place: Tensor) -> Tensor:
    """Places ``(B, C, h, w)`` in a channel as those among all that an image has, ``(B, hwC)``."""
    channels = place.shape[1]
    channel = torch.arange(channels, device=place.device)
    return _in_memory(torch.add(channel[EACH], place, alpha=channels))


def _in_memory(batch: Tensor) -> Tensor:
    """An image's numbers in the order in which they lie in memory, ``(B, HWC)``."""
    return batch.permute(0, 2, 3, 1).view(len(batch), -1)
