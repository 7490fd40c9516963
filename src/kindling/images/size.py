"""Whether a net takes photos of a size."""

import torch
from torch import nn

from kindling.errors import UserError


def check_size(net: nn.Module, setting: str, image_size: int) -> None:
    """Show a net one black photo: some take one size alone, others none that is small.

    Args:
        net: From ``(1, 3, H, W)``.
        setting: That names it, such as ``model.net=resnet18``.
        image_size: Pixels on a side.

    Raises:
        UserError: It does not.
    """
    try:
        with torch.inference_mode():
            net.eval()(torch.zeros(1, 3, image_size, image_size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{setting}: cannot take photos of {image_size}x{image_size}; try --data.image_size=224"
        ) from error
    net.train()
