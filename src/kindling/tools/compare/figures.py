"""The comparison as a chart, a row a metric: each run's score, and the mean by training time."""

from typing import Any

from matplotlib.figure import Figure

from kindling.tools.compare.scores import Comparison

METRICS = 6
"""Of all, those that there is room for."""

MARKERS = "os^Dv"
"""Of variants, each with all colors."""


def draw(comparison: Comparison) -> Figure:
    """Each variant has a color and a marker of its own in all panels."""
    metrics, names = comparison.metrics[:METRICS], comparison.names
    times = comparison.table.groupby("variant")["training_s"].mean()
    rows = max(1, len(metrics))
    size = 11, rows * max(2.8, 0.28 * len(names)) + 0.6
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, 2, squeeze=False)
    for metric, (left, right) in zip(metrics, panels, strict=False):
        values = comparison.values[comparison.values["metric"] == metric]
        for k, name in enumerate(names):
            mark: dict[str, Any] = {"color": f"C{k % 10}", "marker": MARKERS[k // 10 % 5]}
            score = values.loc[values["variant"] == name, "value"]
            left.plot(score, [k] * len(score), ls="", alpha=0.5, **mark)
            left.plot([score.mean()] * 2, [k - 0.3, k + 0.3], color=mark["color"])
            right.plot([times[name]], [score.mean()], ls="", **mark)
        left.set_yticks(range(len(names)), names)
        left.invert_yaxis()
        left.set_xlabel(f"{metric}: each {comparison.over}, and the mean")
        right.set_xlabel("training_s, mean")
        right.set_ylabel(f"{metric}, mean")
        for axes, axis in ((left, "x"), (right, "both")):
            axes.grid(axis=axis, color="0.93")
            axes.set_axisbelow(True)
    return figure
