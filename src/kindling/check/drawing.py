"""Panels of the figure: what there is to predict, by split; a series, stretch by stretch."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from kindling.material import Recorded, Recording

COLORS = {"train": "C0", "val": "C1", "test": "C2", "": "0.5"}

STRETCHES = 600
"""Of a file of a series that are drawn."""


def draw_classes(
    axes: Axes, classes: Sequence[str], counts: Mapping[str, NDArray[np.int64]]
) -> None:
    order = np.argsort(-np.sum(list(counts.values()), axis=0), kind="stable")[:40]
    place, height = np.arange(len(order)), 0.8 / len(counts)
    for k, (part, count) in enumerate(counts.items()):
        label = part or "left out"
        axes.barh(place + k * height, count[order], height, label=label, color=COLORS[part])
    axes.set_yticks(place + 0.4 - height / 2, [classes[k] for k in order], fontsize="small")
    axes.invert_yaxis()
    axes.set_xlabel("samples")
    axes.legend(loc="lower right", frameon=False, fontsize="small")


def draw_numbers(axes: Axes, chosen: Mapping[str, NDArray[np.float64]]) -> None:
    there = {part: values for part, values in chosen.items() if len(values)}
    values = np.concatenate(list(there.values()))
    edges = np.histogram_bin_edges(values, min(40, max(10, int(len(values) ** 0.5)))).tolist()
    for part, values in there.items():
        weights = np.full(len(values), 100 / len(values))
        label = part or "left out"
        axes.hist(values, edges, weights=weights, histtype="step", label=label, color=COLORS[part])
    axes.set_ylabel("% of the split")
    axes.legend(loc="upper right", frameon=False, fontsize="small")


def draw_series(axes: Axes, read: dict[Recorded, Recording]) -> None:
    """Least and most of each stretch of time; gaps are red."""
    for k, (series, recording) in enumerate(read.items()):
        count = min(STRETCHES, len(recording.values))
        starts = np.linspace(0, len(recording.values), count, endpoint=False).astype(np.int64)
        times = recording.ticks[starts].astype("datetime64[us]")
        low = np.fmin.reduceat(recording.values, starts)
        high = np.fmax.reduceat(recording.values, starts)
        axes.fill_between(times, low, high, color=f"C{k}", linewidth=0.6, label=series.path.name)
        for place in np.flatnonzero(np.diff(recording.ticks) > recording.step)[:50]:
            gap = recording.ticks[place : place + 2].astype("datetime64[us]")
            axes.axvspan(gap[0], gap[1], color="C3", linewidth=1)
    axes.tick_params(axis="x", rotation=30)
    axes.legend(loc="upper left", frameon=False, fontsize="small")


def draw_changes(axes: Axes, changes: dict[Recorded, NDArray[np.float64]]) -> None:
    for k, (series, change) in enumerate(changes.items()):
        known = change[~np.isnan(change)]
        if len(known):
            axes.hist(known, 80, histtype="step", color=f"C{k}", label=series.path.name)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("steps")
