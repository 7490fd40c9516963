"""The comparison as charts: curves of validation, scores by time, scores and differences.

E: epochs.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from kindling.tools.compare.costs import TRAINING
from kindling.tools.compare.scores import Comparison, Variant, aliases
from kindling.tools.runner.charts import style

CURVES = 4
METRICS = 8
"""Of the curves and of the metrics, those that there is room for."""

MARKERS = "os^Dv"
"""Of variants, each with all colors."""


def draw_curves(comparison: Comparison) -> Figure | None:
    """Validation scores by epoch: mean over the runs, and a band from the lowest to the highest.

    The mean ends where the first run does.
    """
    curves = {v.name: found for v in comparison.variants if (found := _curves(v))}
    names = dict.fromkeys(str(n) for frames in curves.values() for frame in frames for n in frame)
    longer = aliases(set(names))
    metrics = [n for n in names if n not in longer and not n.endswith("/loss")][:CURVES]
    if not metrics:
        return None
    figure = Figure(figsize=(4.6 * len(metrics), 3.6), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        for k, (name, frames) in enumerate(curves.items()):
            renamed = [frame.rename(columns=longer) for frame in frames]
            _band(axes, name, [f[metric].dropna() for f in renamed if metric in f], f"C{k}")
        style(axes, f"{metric}, validation", "epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    title = f"mean and range over {comparison.over}s"
    panels[0].legend(loc="upper right", frameon=False, title=title, title_fontsize="small")
    return figure


def _curves(variant: Variant) -> list[pd.DataFrame]:
    """A row an epoch and a column a score of validation, for each run."""
    tables = [pd.DataFrame(record.curves).filter(regex="^val/") for record in variant.records]
    return [table.rename(columns=lambda name: name[4:]) for table in tables if table.size]


def _band(axes: Axes, name: str, runs: Sequence["pd.Series[float]"], color: str) -> None:
    if not runs:
        return
    table = pd.concat([run.reset_index(drop=True) for run in runs], axis=1)  # (E, runs)
    table.index += 1
    axes.plot(table.index, table.mean(axis=1, skipna=False), color=color, label=name)
    if len(runs) > 1:
        low, high = table.min(axis=1), table.max(axis=1)
        axes.fill_between(table.index, low, high, color=color, alpha=0.18, linewidth=0)


def draw_times(comparison: Comparison) -> Figure | None:
    """The best validation score of each variant by the time of its training, means over the runs.

    The line joins the variants than which no quicker one is as good.
    """
    timed = [v for v in comparison.variants if v.costs.get(TRAINING) and _monitored(v)]
    watched = {record.monitor for variant in timed for record in variant.records}
    if len(timed) < 2 or len(watched) > 1:
        return None
    monitor, mode = watched.pop()
    figure = Figure(figsize=(8, 4.4), layout="constrained")
    axes = figure.subplots()
    points = [(v.costs[TRAINING] or 0.0, float(np.mean(_monitored(v)))) for v in timed]
    table = pd.DataFrame(points, columns=["seconds", "score"]).sort_values("seconds")
    best = table["score"].cummin() if mode == "min" else table["score"].cummax()
    frontier = table[(table["score"] == best) & ~best.duplicated()]
    axes.plot(frontier["seconds"], frontier["score"], color="0.7", linewidth=1, zorder=1)
    for k, (seconds, score) in enumerate(points):
        marker = MARKERS[k // 10 % len(MARKERS)]
        axes.plot([seconds], [score], marker, color=f"C{k % 10}", label=timed[k].name)
    axes.set_xscale("log")
    for axis in ("major", "minor"):
        getattr(axes.xaxis, f"set_{axis}_formatter")("{x:g}")
    axes.tick_params(axis="x", which="minor", labelsize="x-small")
    style(axes, f"{monitor}, best epoch", TRAINING)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure


def _monitored(variant: Variant) -> list[float]:
    """The score that chose each run's checkpoint; none unless all runs have one."""
    found = [record.best[record.monitor[0]] for record in variant.records if record.best]
    return found if len(found) == len(variant.records) else []


def draw_scores(comparison: Comparison) -> Figure:
    """Each metric's scores run by run with the mean, and the differences to the first variant."""
    metrics, names = comparison.metrics[:METRICS], comparison.names
    height = 0.7 + len(metrics) * (0.55 + 0.28 * len(names))
    figure = Figure(figsize=(9, height), layout="constrained")
    panels = figure.subplots(len(metrics), 2, squeeze=False)
    for (left, right), metric in zip(panels, metrics, strict=True):
        for row, name in enumerate(names):
            _draw_score(comparison, metric, name, (left, right), row)
        right.axvline(0, color="0.4", linewidth=1)
        for axes, title in ((left, metric), (right, f"{metric}, minus {names[0]}")):
            style(axes, title, "", grid="x")
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.xaxis.set_major_locator(MaxNLocator(5))
        right.tick_params(labelleft=False)
    what = f"dots: a {comparison.over} each, line: their mean; bars: paired difference, 95 %"
    figure.suptitle(what, fontsize="small", color="0.4")
    return figure


def _draw_score(
    comparison: Comparison, metric: str, name: str, panels: tuple[Axes, Axes], row: int
) -> None:
    """A dot a run and their mean on the left, the difference with its interval on the right."""
    found, (left, right) = comparison.scores.get((metric, name)), panels
    if found is None:
        return
    trained, table = name in [v.name for v in comparison.variants], comparison.values
    color = f"C{row}" if trained else "0.6"
    values = table.loc[(table["metric"] == metric) & (table["variant"] == name), "value"]
    left.plot(values, [row] * len(values), "o", color=color, alpha=0.5, markersize=5)
    left.plot([found["mean"]] * 2, [row - 0.3, row + 0.3], color=color, linewidth=2)
    if trained and not np.isnan(found["difference"]):
        right.plot([found["low"], found["high"]], [row, row], color=color, linewidth=2)
        right.plot([found["difference"]], [row], "o", color=color)
