"""What the finders of a learning rate and a batch size saw."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

SKIPPED = 10
"""Steps at the start that Lightning's suggestion leaves out; it leaves out the last one too."""


def draw_rates(
    rates: Sequence[float], losses: Sequence[float], suggested: float | None, kept: float
) -> Figure:
    """The smoothed loss over the learning rate, one step each, as far as it does not blow up.

    The first steps are left out, as the suggestion does: Lightning's smoothing is too low there.
    """
    rates, losses = rates[SKIPPED:], losses[SKIPPED : len(rates)]
    finite = [loss for loss in losses if math.isfinite(loss)]
    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color="C0")
    if finite:
        fall = max(finite[0] - min(finite), 0.05 * abs(finite[0]))
        axes.set_ylim(min(finite) - 0.3 * fall, finite[0] + fall)
    if suggested is not None:
        axes.axvline(suggested, color="C3", label=f"suggested, {suggested:.1e}")
    axes.axvline(kept, color="0.4", linestyle=":", label=f"kept, {kept:.3g}")
    axes.set_xscale("log")
    axes.set_title("loss of a step, smoothed", loc="left")
    axes.set_xlabel("learning rate")
    axes.grid(color="0.93")
    axes.legend(loc="lower left", frameon=False)
    return figure


def draw_speeds(speeds: Mapping[int, float], kept: int) -> Figure:
    """Samples a second over the batch size; the one that the run has stands out."""
    sizes = sorted(speeds)
    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(sizes, [speeds[size] for size in sizes], "o-", color="C0")
    axes.plot([kept], [speeds[kept]], "o", color="0.4", markersize=9, label=f"kept, {kept}")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set_title("samples a second in training", loc="left")
    axes.set_xlabel("batch size")
    axes.grid(color="0.93")
    axes.legend(loc="lower right", frameon=False)
    return figure
