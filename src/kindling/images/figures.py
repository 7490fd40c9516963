"""A page of photos, each with what there is to say of it."""

from collections.abc import Iterable
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from kindling.data.files import printable

ROWS, COLUMNS = 3, 4
MOST = ROWS * COLUMNS
"""Photos on the page."""

WIDTH, HEIGHT, GAP, HEAD = 2.4, 2.95, 0.06, 0.45
"""In inches: of a photo with its caption, of the gap around it, and of the title's line."""

LONGEST = 28
"""Letters of a name that fit above a photo."""


def draw_photos(title: str, photos: Iterable[tuple[Tensor, str]]) -> Figure:
    """As many photos, ``(3, H, W)`` bytes each, as fit the page, each below its caption."""
    figure = Figure(figsize=(WIDTH * COLUMNS, HEIGHT * ROWS + HEAD))
    figure.suptitle(title)
    # In inches, and for all photos: axes of its own take longer to draw than the photo in them.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, figure.get_figwidth()), ylim=(0, figure.get_figheight()))
    axes.axis("off")
    for k, (image, caption) in zip(range(MOST), photos, strict=False):
        row, column = divmod(k, COLUMNS)
        left, low = WIDTH * column + GAP, HEIGHT * (ROWS - 1 - row) + GAP
        right, high = left + WIDTH - 2 * GAP, low + WIDTH - 2 * GAP
        axes.imshow(image.permute(1, 2, 0).numpy(), extent=(left, right, low, high))
        axes.text(left, high + GAP, caption, fontsize="x-small", verticalalignment="bottom")
    return figure


def shortened(file: str) -> str:
    """Names of files are often hashes: the first letters are enough to find one."""
    name = printable(Path(file.rpartition("/")[2]))
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 3]}..."
