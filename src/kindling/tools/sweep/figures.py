"""The study as charts: what each trial reached, and which settings matter."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

ROOM = 0.25
"""Above and below the complete trials, of their range; worse ones stand at the edge."""


def draw_history(
    points: Sequence[tuple[int, float, bool]], monitor: str, lower: bool
) -> Figure | None:
    """Each trial's best score, the best so far, and a mark on those that were stopped early.

    Args:
        points: Number, score and whether the trial is complete.
        monitor: The score's name.
        lower: Whether lower is better.
    """
    complete = np.array([(number, value) for number, value, whole in points if whole])
    if not len(complete):
        return None
    values = complete[:, 1]
    low, high = values.min(), values.max()
    room = ROOM * (high - low) or abs(high) * 0.05 or 1.0
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    pruned = np.array([(number, value) for number, value, whole in points if not whole])
    if len(pruned):
        shown = np.clip(pruned[:, 1], low - room, high + room)
        axes.plot(pruned[:, 0], shown, "x", color="0.6", label="stopped early", clip_on=False)
    axes.plot(complete[:, 0], values, "o", color="C0", markersize=4, label="complete")
    running = np.minimum.accumulate(values) if lower else np.maximum.accumulate(values)
    axes.step(complete[:, 0], running, where="post", color="C3", label="best so far")
    axes.set_ylim(low - room, high + room)
    axes.set_title(f"{monitor}, best epoch of each trial", loc="left")
    axes.set_xlabel("trial")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(color="0.93")
    axes.legend(loc="upper right", frameon=False)
    return figure


def draw_importance(shares: Mapping[str, float]) -> Figure | None:
    """A bar a setting, the most important one on top."""
    if not shares:
        return None
    names = sorted(shares, key=lambda name: shares[name])
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [shares[name] for name in names], color="C0", height=0.6)
    axes.set_title("importance, PED-ANOVA", loc="left")
    axes.set_xlabel("share of what tells good trials from others")
    axes.grid(axis="x", color="0.93")
    axes.set_axisbelow(True)
    return figure
