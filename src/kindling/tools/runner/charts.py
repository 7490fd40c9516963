"""What the tools' charts have in common."""

from typing import Literal

from matplotlib.axes import Axes


def style(axes: Axes, title: str, xlabel: str, grid: Literal["both", "x"] = "both") -> None:
    """Title, grid and the name of what is on the horizontal axis."""
    axes.set_title(title, loc="left")
    axes.set_xlabel(xlabel)
    axes.grid(axis=grid, color="0.93")
    axes.set_axisbelow(True)
