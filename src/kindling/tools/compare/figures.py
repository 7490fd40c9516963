"""The comparison as a chart, a row a metric: validation by epoch, each run's score, score by time.

E: epochs.
"""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kindling.api.record import VALIDATION
from kindling.tools.compare.scores import TRAINING, Comparison, aliases

METRICS = 6
"""Of all, those that there is room for."""

MARKERS = "os^Dv"
"""Of variants, each with all colors."""


def draw(comparison: Comparison) -> Figure:
    """A row a metric; each variant has a color and a marker of its own in all of it."""
    metrics, curves = comparison.metrics[:METRICS], _curves(comparison)
    marks: dict[str, dict[str, Any]] = {
        name: {"color": f"C{k % 10}", "marker": MARKERS[k // 10 % len(MARKERS)]}
        for k, name in enumerate(comparison.names)
    }
    rows = max(1, len(metrics))
    height = rows * max(2.8, 0.28 * len(marks))
    figure = Figure(figsize=(13, height + 0.6), layout="constrained")
    panels = figure.subplots(rows, 3, squeeze=False)
    for metric, (left, middle, right) in zip(metrics, panels, strict=False):
        values = comparison.values[comparison.values["metric"] == metric]
        times = {v.name: v.costs.get(TRAINING) for v in comparison.variants}
        for k, (name, mark) in enumerate(marks.items()):
            if metric in curves and name in times:
                _draw_curve(left, curves.loc[curves["variant"] == name, metric].dropna(), mark)
            score = values.loc[values["variant"] == name, "value"]
            middle.plot(score, [k] * len(score), ls="", alpha=0.5, **mark)
            middle.plot([score.mean()] * 2, [k - 0.3, k + 0.3], color=mark["color"])
            if times.get(name):
                right.plot([times[name]], [score.mean()], ls="", label=name, **mark)
        middle.set_yticks(range(len(marks)), list(marks))
        middle.invert_yaxis()
        _style(left, f"{metric}, validation", "epoch: mean and range")
        left.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        _style(middle, metric, f"a {comparison.over} each, and their mean")
        middle.grid(visible=False, axis="y")
        _style(right, metric, f"mean by {TRAINING}")
    return figure


def _style(axes: Axes, title: str, xlabel: str) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel(xlabel)
    axes.grid(color="0.93")
    axes.set_axisbelow(True)


def _curves(comparison: Comparison) -> pd.DataFrame:
    """Validation of all runs, a row an epoch of a run, a column a metric, and the ``variant``."""
    tables = [
        pd.DataFrame(record.curves)
        .filter(regex=f"^{VALIDATION.pattern}")
        .assign(variant=variant.name)
        for variant in comparison.variants
        for record in variant.records
    ]
    tables = [
        table.rename(columns=lambda name: VALIDATION.sub("", name, count=1)) for table in tables
    ]
    longer = aliases(str(name) for table in tables for name in table)
    return pd.concat([table.rename(columns=longer) for table in tables])


def _draw_curve(axes: Axes, scores: "pd.Series[float]", mark: dict[str, Any]) -> None:
    """Mean over the runs, as far as all of them go, and a band from the lowest to the highest."""
    by_epoch = scores.groupby(scores.index + 1)  # (E,)
    mean, low, high = by_epoch.mean(), by_epoch.min(), by_epoch.max()
    axes.plot(mean[by_epoch.size() == by_epoch.size().max()], color=mark["color"])
    axes.fill_between(low.index, low, high, color=mark["color"], alpha=0.18, linewidth=0)
