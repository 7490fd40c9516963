"""A page of photos, each with what there is to say of it."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from kindling.images.read import printable

ROWS, COLUMNS = 3, 4
MOST = ROWS * COLUMNS
"""Photos on the page."""

LONGEST = 28
"""Letters of a name that fit above a photo."""


def draw_photos(title: str, photos: Iterable[tuple[Tensor, str]]) -> Figure:
    """As many photos, ``(3, H, W)`` bytes each, as fit the page, each below its caption."""
    figure = Figure(figsize=(2.4 * COLUMNS, 3.1 * ROWS))
    grid = figure.subplots(ROWS, COLUMNS)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.89, 0.05, 0.35)
    figure.suptitle(title)
    for axes in grid.flat:
        axes.axis("off")
    for axes, (image, caption) in zip(grid.flat, photos, strict=False):
        axes.imshow(image.permute(1, 2, 0).numpy())
        axes.set_title(caption, fontsize="x-small", loc="left")
    return figure


def shortened(file: str) -> str:
    """Names of files are often hashes: the first letters are enough to find one."""
    name = printable(Path(file.rpartition("/")[2]))
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
