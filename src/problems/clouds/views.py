"""Pictures of what the net is shown and what it makes of it: augmentation, filters, feature maps.

N: pictures, h, w: height and width of a filter.
"""

from collections.abc import Mapping

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kindling.images import Augment, sample_seeds
from problems.clouds.net import ConvNet
from problems.clouds.photos import Photos

SHOWN = 8
"""Photos before and after augmentation, and channels of each block."""


def draw_augmentation(photos: Photos, augment: Augment, seed: int) -> Figure:
    """Training photos as they are, and below each three views that it may be seen in."""
    step = max(1, len(photos) // SHOWN)
    batch = photos[torch.arange(0, len(photos), step)[:SHOWN]]
    views = [augment(batch.image, sample_seeds(seed, epoch, batch.indices)) for epoch in range(3)]
    figure = Figure(figsize=(1.3 * SHOWN, 5.6))
    rows = {"as it is": batch.image} | {f"epoch {k}": view for k, view in enumerate(views)}
    _draw_rows(figure, "Training photos, augmented anew in each epoch", rows)
    return figure


def draw_filters(filters: Tensor) -> Figure:
    """What the first layer looks for, ``(N, 3, h, w)``; mid-grey is nothing."""
    shown = filters[:64].float().cpu()
    columns = min(8, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(columns, rows + 0.5))
    figure.suptitle(f"First layer, {len(filters)} filters")
    grid = figure.subplots(rows, columns, squeeze=False)
    figure.subplots_adjust(0.02, 0.02, 0.98, rows / (rows + 0.5), 0.1, 0.1)
    reach = shown.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture in zip(grid.flat, 0.5 + 0.5 * shown / reach, strict=False):
        axes.imshow(picture.permute(1, 2, 0).numpy())
    return figure


@torch.no_grad()
def draw_feature_maps(net: ConvNet, image: Tensor, x: Tensor) -> Figure:
    """A photo's way through the blocks: of each, the channels that vary most over the photo.

    Args:
        net: In evaluation mode.
        image: The photo, ``(3, H, W)`` bytes.
        x: The same photo as the net takes it, ``(1, 3, H, W)``.
    """
    rows = {}
    for number, block in enumerate(net.blocks, 1):
        x = block(x)
        liveliest = x[0].std((1, 2), correction=0).argsort(descending=True)[:SHOWN]
        rows[f"block {number}\n{x.shape[1]} x {x.shape[2]}²"] = x[0, liveliest].float().cpu()
    figure = Figure(figsize=(1.3 * SHOWN, 1.35 * (len(rows) + 1)))
    _draw_rows(figure, "Feature maps of a photo", {"photo": image[None].cpu(), **rows})
    return figure


def _draw_rows(figure: Figure, title: str, rows: Mapping[str, Tensor]) -> None:
    """A row of pictures by its name, colour photos ``(N, 3, H, W)`` or maps ``(N, H, W)``."""
    figure.suptitle(title)
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    height = figure.get_figheight()
    figure.subplots_adjust(0.09, 0.1 / height, 0.99, 1 - 0.5 / height, 0.05, 0.05)
    for line, (name, pictures) in zip(grid, rows.items(), strict=True):
        line[0].text(-0.1, 0.5, name, ha="right", va="center", transform=line[0].transAxes)
        for k, axes in enumerate(line):
            _show(axes, pictures[k] if k < len(pictures) else None)


def _show(axes: Axes, picture: Tensor | None) -> None:
    axes.axis("off")
    if picture is None:
        return
    if picture.ndim == 3:
        axes.imshow(picture.permute(1, 2, 0).cpu().numpy())
    else:
        axes.imshow(picture.numpy(), cmap="viridis")
