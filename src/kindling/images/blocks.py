"""Convolutional blocks: what every net of ours that looks at photos begins with.

B: batch, C: channels of the last block, H: height, W: width, K: blocks.
"""

from collections.abc import Sequence

from torch import nn

from kindling.errors import UserError


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
        super().__init__(*(_block(inputs, outputs, batch_norm) for inputs, outputs in widths))
        self.side, self.out_channels = side, channels[-1]


def _block(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    norm = [nn.BatchNorm2d(outputs)] if batch_norm else []
    # ELU rises throughout, so that it may follow the pooling: the same output, a quarter the work.
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm),
        *norm,
        nn.MaxPool2d(2),
        nn.ELU(),
    )
