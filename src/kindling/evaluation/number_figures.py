"""Figures of predicted numbers.

N: samples.
"""

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

Values = npt.NDArray[np.floating]

SQUARE = (0.15, 0.13, 0.8, 0.8)
"""Position of the axes; to compute a layout would take longer than to draw."""


def draw_predicted(truth: Values, predicted: Values, name: str, log: bool = False) -> Figure:
    """Each sample as a point; predictions on the diagonal are right.

    Args:
        truth: ``(N,)``.
        predicted: ``(N,)``.
        name: What is predicted, with its unit.
        log: Draw logarithmic axes.
    """
    figure = Figure(figsize=(6, 6))
    axes = figure.add_axes(SQUARE)
    ends = (min(truth.min(), predicted.min()), max(truth.max(), predicted.max()))
    axes.plot(ends, ends, color="0.6", linewidth=1)
    axes.scatter(truth, predicted, s=12, alpha=min(1.0, 0.15 + 60 / len(truth)), linewidths=0)
    axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}", title=f"{len(truth):,} samples")
    if log:
        axes.set(xscale="log", yscale="log")
        for axis in (axes.xaxis, axes.yaxis):
            # Powers of ten are drawn as formulas, and there may be none in the range.
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if ends[1] < 1e4 * ends[0] else (1,)))
            axis.set_major_formatter(lambda value, _: brief(value))
            axis.set_minor_locator(NullLocator())
    axes.grid(color="0.93")
    axes.set_axisbelow(True)
    return figure


def brief(value: float) -> str:
    """A label of an axis: ``0.02``, ``500``, ``20k``, ``1.5M``."""
    return EngFormatter(sep="")(value) if abs(value) >= 1000 else f"{value:g}"
