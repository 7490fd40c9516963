"""The comparison as charts: curves of validation, scores, differences, scores by time.

E: epochs.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator, StrMethodFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from kindling.tools.compare.costs import TRAINING
from kindling.tools.compare.interval import Estimate
from kindling.tools.compare.record import Record
from kindling.tools.compare.scores import Variant, aliases
from kindling.tools.compare.table import Comparison

CURVES = 4
METRICS = 8
"""Of the curves and of the metrics, those that there is room for."""

CORNERS = ((1, 1), (-1, -1), (1, -1), (-1, 1))
"""Right or left of a point and above or below it, the first one first."""

NEAR = 5
"""Pixels around a point that no name shall cover."""


def draw_curves(variants: Sequence[Variant], unit: str) -> Figure | None:
    """Validation scores by epoch: mean over the runs, and a band from the lowest to the highest.

    The mean ends where the first run does.
    """
    trained = [variant for variant in variants if any(r.curves for r in variant.records)]
    metrics = _curves(trained)
    if not metrics:
        return None
    figure = Figure(figsize=(4.6 * len(metrics), 3.6), layout="constrained")
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    for axes, metric in zip(panels, metrics, strict=True):
        for k, variant in enumerate(trained):
            _band(axes, variant, metric, f"C{k}")
        axes.set_title(f"{metric}, validation", loc="left")
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(color="0.93")
    title = f"mean and range over {unit}s"
    panels[0].legend(loc="upper right", frameon=False, title=title, title_fontsize="small")
    return figure


def draw_scores(comparison: Comparison) -> Figure:
    """Each metric's scores run by run with the mean, and the differences to the first variant."""
    metrics = list(comparison.scores)[:METRICS]
    names = comparison.names
    figure = Figure(
        figsize=(9, 0.7 + len(metrics) * (0.55 + 0.28 * len(names))), layout="constrained"
    )
    panels = figure.subplots(len(metrics), 2, squeeze=False)
    for (left, right), metric in zip(panels, metrics, strict=True):
        for place, variant in enumerate(comparison.variants):
            _dots(left, variant, metric, place)
            score = comparison.scores[metric].get(variant.name)
            if variant.records and score is not None and score.difference is not None:
                _whisker(right, score.difference, place, f"C{place}")
        left.set_title(metric, loc="left", fontsize="medium")
        right.set_title(f"{metric}, minus {names[0]}", loc="left", fontsize="medium")
        right.axvline(0, color="0.4", linewidth=1)
        for axes in (left, right):
            axes.set_yticks(range(len(names)), names)
            axes.set_ylim(len(names) - 0.5, -0.5)
            axes.grid(axis="x", color="0.93")
            axes.set_axisbelow(True)
            axes.xaxis.set_major_locator(MaxNLocator(5))
        right.tick_params(labelleft=False)
    what = f"dots: a {comparison.unit} each, line: their mean; bars: paired difference, 95 %"
    figure.suptitle(what, fontsize="small", color="0.4")
    return figure


def draw_times(comparison: Comparison) -> Figure | None:
    """The best validation score of each variant by the time of its training, means over the runs.

    The line joins the variants than which no quicker one is as good.
    """
    timed = [v for v in comparison.variants if v.costs.get(TRAINING) and _monitored(v.records)]
    watched = {record.monitor for variant in timed for record in variant.records}
    if len(timed) < 2 or len(watched) > 1:
        return None
    monitor, mode = watched.pop()
    seconds = np.array([v.costs[TRAINING] for v in timed], np.float64)
    scores = np.array([np.mean(_monitored(v.records)) for v in timed])
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    best = frontier(seconds, scores if mode == "min" else -scores)
    axes.plot(seconds[best], scores[best], color="0.7", linewidth=1, zorder=1)
    axes.scatter(seconds, scores, c=["C0" if k in best else "0.6" for k in range(len(timed))])
    axes.set_xscale("log")
    axes.margins(x=0.16)  # for the names
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(StrMethodFormatter("{x:g}"))
    axes.tick_params(axis="x", which="minor", labelsize="x-small")
    axes.set_xlabel(TRAINING)
    axes.set_title(f"{monitor}, best epoch", loc="left")
    axes.grid(color="0.93")
    axes.set_axisbelow(True)
    _name_points(axes, [variant.name for variant in timed], np.stack([seconds, scores], 1))
    return figure


def frontier(seconds: NDArray[np.float64], scores: NDArray[np.float64]) -> list[int]:
    """Places, the quickest first, of what nothing as quick is below."""
    places: list[int] = []
    for k in np.lexsort((scores, seconds)).tolist():
        if not places or scores[k] < scores[places[-1]]:
            places.append(k)
    return places


def _name_points(axes: Axes, names: Sequence[str], points: NDArray[np.float64]) -> None:
    """Write each name at the corner of its point, ``(P, 2)``, where it covers the fewest others."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()  # where the axes lie is known only now
    near = np.array([[-NEAR, -NEAR], [NEAR, NEAR]])
    taken = [Bbox(near + place) for place in axes.transData.transform(points)]
    for name, point in zip(names, points, strict=True):
        texts = [_beside(axes, name, point, *corner) for corner in CORNERS]
        boxes = [text.get_window_extent(renderer) for text in texts]
        free = int(np.argmin([box.count_overlaps(taken) for box in boxes]))
        taken.append(boxes[free])
        for text in texts[:free] + texts[free + 1 :]:
            text.remove()


def _beside(axes: Axes, name: str, point: NDArray[np.float64], right: int, up: int) -> Annotation:
    return axes.annotate(
        name,
        (float(point[0]), float(point[1])),
        (4 * right, 3 * up),
        textcoords="offset points",
        fontsize="x-small",
        horizontalalignment="left" if right > 0 else "right",
        verticalalignment="bottom" if up > 0 else "top",
    )


def _monitored(records: Sequence[Record]) -> list[float]:
    """The score that chose each run's checkpoint; none unless all runs have one."""
    found = [best[r.monitor[0]] for r in records if (best := r.best())]
    return found if len(found) == len(records) else []


def _curves(variants: Sequence[Variant]) -> list[str]:
    """Names of the scores that validation logs, the monitored one first."""
    names = dict.fromkeys(
        name.removeprefix("val/")
        for variant in variants
        for record in variant.records
        for row in record.curves
        for name in row
        if name.startswith("val/")
    )
    longer = aliases(set(names))
    kept = [name for name in names if name not in longer and not name.endswith("/loss")]
    return kept[:CURVES]


def _band(axes: Axes, variant: Variant, metric: str, color: str) -> None:
    curves = [_curve(record.curves, metric) for record in variant.records]
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        return
    longest, shortest = max(map(len, curves)), min(map(len, curves))
    table = np.full((len(curves), longest), np.nan)
    for row, curve in zip(table, curves, strict=True):
        row[: len(curve)] = curve
    epochs = np.arange(1, longest + 1)
    axes.plot(epochs[:shortest], table[:, :shortest].mean(0), color=color, label=variant.name)
    if len(curves) > 1:
        low, high = np.nanmin(table, 0), np.nanmax(table, 0)
        axes.fill_between(epochs, low, high, color=color, alpha=0.18, linewidth=0)


def _curve(rows: Sequence[dict[str, float]], metric: str) -> NDArray[np.float64]:
    """``(E,)``, also where a model of one head leaves the head's name out."""
    for name in (f"val/{metric}", f"val/{metric.rpartition('/')[2]}"):
        values = [row[name] for row in rows if name in row]
        if values:
            return np.array(values)
    return np.array([])


def _dots(axes: Axes, variant: Variant, metric: str, place: int) -> None:
    values = [scores[metric] for scores in variant.scores.values() if metric in scores]
    if not values:
        return
    color = f"C{place}" if variant.records else "0.6"
    axes.plot(values, [place] * len(values), "o", color=color, alpha=0.5, markersize=5)
    axes.plot([np.mean(values)] * 2, [place - 0.3, place + 0.3], color=color, linewidth=2)


def _whisker(axes: Axes, difference: Estimate | float, place: int, color: str) -> None:
    if not isinstance(difference, Estimate):
        axes.plot([difference], [place], "o", color=color)
        return
    axes.plot([difference.low, difference.high], [place, place], color=color, linewidth=2)
    axes.plot([difference.mean], [place], "o", color=color)
