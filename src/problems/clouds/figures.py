"""Figures of augmented photos, of the net's filters and of its feature maps.

N: pictures, h, w: height and width of a filter.
"""

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from kindling.data.dataset import FieldDataset
from kindling.images import Augment, ConvBlocks, ImageBatch, sample_seeds

SHOWN = 8
"""Photos before and after augmentation, and channels of each block."""


def draw_augmentation(photos: FieldDataset[ImageBatch], augment: Augment, seed: int) -> Figure:
    """Training photos, and below each three augmented views of it."""
    augment = copy.deepcopy(augment).train()
    batch = photos[torch.arange(0, len(photos), max(1, len(photos) // SHOWN))[:SHOWN]]
    rows = {"as it is": batch.image}
    for epoch in range(3):
        rows[f"epoch {epoch}"] = augment(batch.image, sample_seeds(seed, epoch, batch.indices))
    return _draw_rows("Training photos, augmented anew in each epoch", rows, 5.6)


@torch.no_grad()
def draw_net(net: nn.Module, pixels: nn.Module, image: Tensor) -> dict[str, Figure]:
    """Filters of the first layer, and a photo's way through the blocks, as far as there are any.

    Args:
        net: In evaluation mode.
        pixels: Normalizes its input.
        image: The photo, ``(3, H, W)`` bytes.
    """
    figures = {}
    if (filters := first_filters(net, image.shape[-2:])) is not None:
        figures["filters"] = _draw_filters(filters)
    if isinstance(blocks := getattr(net, "blocks", None), ConvBlocks):
        figures["feature_maps"] = _draw_feature_maps(blocks, image, pixels(image[None]))
    return figures


def first_filters(net: nn.Module, size: Sequence[int]) -> Tensor | None:
    """The first layer's filters as pictures ``(N, 3, h, w)``, if they are of three channels."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.weight.detach() if layer.weight.shape[1] == 3 else None
        if isinstance(layer, nn.Linear) and layer.in_features == 3 * math.prod(size):
            return layer.weight.detach().reshape(-1, 3, *size)
    return None


def _draw_filters(filters: Tensor) -> Figure:
    """Each scaled by its own largest weight; mid-grey is nothing."""
    shown = filters[:64].float().cpu()
    columns = min(8, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(columns, rows + 0.5))
    figure.suptitle(f"First layer, {len(filters)} filters")
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.02, 0.02, 0.98, rows / (rows + 0.5), 0.1, 0.1)
    reach = shown.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    pictures = 0.5 + 0.5 * shown / reach
    for k, axes in enumerate(grid.flat):
        _show(axes, pictures[k] if k < len(pictures) else None)
    return figure


def _draw_feature_maps(blocks: ConvBlocks, image: Tensor, x: Tensor) -> Figure:
    """Of each block, the channels that vary most over the photo ``x``, ``(1, 3, H, W)``."""
    rows = {"photo": image[None].cpu()}
    for number, block in enumerate(blocks, 1):
        x = block(x)
        liveliest = x[0].std((1, 2), correction=0).argsort(descending=True)[:SHOWN]
        rows[f"block {number}\n{x.shape[1]} x {x.shape[2]}²"] = x[0, liveliest].float().cpu()
    return _draw_rows("Feature maps of a photo", rows, 1.35 * len(rows))


def _draw_rows(title: str, rows: Mapping[str, Tensor], height: float) -> Figure:
    """A row of pictures by its name, colour photos ``(N, 3, H, W)`` or maps ``(N, H, W)``."""
    figure = Figure(figsize=(1.3 * SHOWN, height))
    figure.suptitle(title)
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    figure.subplots_adjust(0.09, 0.1 / height, 0.99, 1 - 0.5 / height, 0.05, 0.05)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        line[0].text(-0.1, 0.5, name, ha="right", va="center", transform=line[0].transAxes)
        for k, axes in enumerate(line):
            _show(axes, pictures[k] if k < len(pictures) else None)
    return figure


def _show(axes: Axes, picture: Tensor | None) -> None:
    axes.axis("off")
    if picture is not None:
        colours = picture.ndim == 3
        axes.imshow(
            (picture.permute(1, 2, 0) if colours else picture).cpu().numpy(), cmap="viridis"
        )
