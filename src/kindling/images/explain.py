"""Where in a photo the evidence for its predicted class is.

M: photos, H: height, W: width, C: classes, h, w: height and width of a map.
"""

from collections.abc import Callable, Sequence

import matplotlib
import torch
from torch import Tensor, nn
from torch.nn import functional

CHUNK = 4  # photos at a time: all maps of a net are kept for them
PATCHES = 7
"""On a side of a photo, of which one at a time is hidden."""

Logits = Callable[[Tensor], Tensor]


@torch.inference_mode(False)
@torch.enable_grad()
def overlay(
    net: nn.Module, logits: Logits, images: Tensor, classes: Tensor, multilabel: bool = False
) -> Tensor:
    """Photos in grey, in colour where the evidence for a class is, from blue over green to red.

    By Grad-CAM where there are several convolutions, and else by hiding one patch after another:
    the only convolution of a transformer cuts the photo into patches.

    Args:
        net: The model, in evaluation mode.
        logits: Its outputs for photos, ``(M, C)``.
        images: ``(M, 3, H, W)`` bytes.
        classes: ``(M,)`` int64: whose evidence is shown.
        multilabel: Whether logits are of labels, each on its own.

    References:
        Selvaraju et al., Grad-CAM, 2017, arXiv:1610.02391
        Zeiler and Fergus, Visualizing and Understanding Convolutional Networks, 2014,
        arXiv:1311.2901
    """
    if not len(images):
        return images
    convolutions = [layer for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    device = next(net.parameters()).device
    pictures = []
    for some, chosen in zip(images.split(CHUNK), classes.split(CHUNK), strict=True):  # type: ignore[no-untyped-call]
        photos, index = some.to(device, copy=True), chosen.to(device, copy=True)
        if len(convolutions) > 1:
            evidence = _grad_cam(convolutions, logits, photos, index)
        else:
            evidence = _occlusion(logits, photos, index, multilabel)
        pictures.append(_blend(some, evidence.float().cpu()))
    return torch.cat(pictures)


def _grad_cam(
    layers: Sequence[nn.Module], logits: Logits, images: Tensor, classes: Tensor
) -> Tensor:
    """The last maps, ``(M, h, w)``, each channel weighted by its mean slope."""
    maps: list[Tensor] = []

    def keep(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        if output.ndim != 4 or output[0, 0].numel() == 1:
            return None  # of squeeze and excitation, say
        maps.append(output if output.requires_grad else output.requires_grad_())
        return output.clone()  # for what is done in place behind it

    hooks = [layer.register_forward_hook(keep) for layer in layers]
    try:
        score = logits(images).gather(1, classes[:, None]).sum()
    finally:
        for hook in hooks:
            hook.remove()
    [slope] = torch.autograd.grad(score, maps[-1])
    return (slope.mean((2, 3), keepdim=True) * maps[-1]).sum(1).detach()


@torch.no_grad()
def _occlusion(logits: Logits, images: Tensor, classes: Tensor, multilabel: bool) -> Tensor:
    """By how much the probability falls without a patch, ``(M, h, w)``."""
    height, width = images.shape[-2:]

    def probability(photos: Tensor) -> Tensor:
        return logits(photos).sigmoid() if multilabel else logits(photos).softmax(-1)

    rows = torch.arange(height, device=images.device) * PATCHES // height
    columns = torch.arange(width, device=images.device) * PATCHES // width
    patch = rows[:, None] * PATCHES + columns  # (H, W)
    grey = images.float().mean((2, 3), keepdim=True).to(images.dtype)
    whole = probability(images)
    left = []
    for k in range(PATCHES**2):
        left.append(probability(torch.where(patch == k, grey, images)))
    fall = whole - torch.stack(left)  # (h * w, M, C)
    return fall[:, torch.arange(len(images)), classes].T.reshape(-1, PATCHES, PATCHES)


def _blend(images: Tensor, evidence: Tensor) -> Tensor:
    """Evidence ``(M, h, w)`` over photos ``(M, 3, H, W)`` bytes; what speaks against it is none."""
    sized = functional.interpolate(evidence[:, None], images.shape[-2:], mode="bilinear")[:, 0]
    sized = sized.relu() / sized.amax((1, 2), keepdim=True).clamp(min=1e-12)
    # Without the ends of the map, which are dark.
    colours = torch.from_numpy(matplotlib.colormaps["turbo"](0.1 + 0.78 * sized.numpy())[..., :3])
    grey = images.float().mean(1, keepdim=True)
    mixed = 0.6 * grey + 0.4 * 255 * colours.permute(0, 3, 1, 2)
    return mixed.clamp(0, 255).to(torch.uint8)
