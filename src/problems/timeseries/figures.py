"""Figures of a forecast: beside the true values, and its residuals."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from kindling.training.module import EvalOutput

SHOWN = 3 * 96  # steps that are still readable in one picture: three days of quarter hours
Values = npt.NDArray[Any]


def draw(rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
    """Forecast against actual, residuals over time, residuals as a histogram.

    Of several steps, forecasts from a few moments, and the error step by step; of several columns,
    of the first.
    """
    # By the file's own clock: without the offset, if it has one.
    time = np.array([moment[:19] for moment in [*rows.values()][-1]], "datetime64[s]")
    head = next(iter(outcome.targets))
    actual, forecast, naive = (
        heads[head].numpy()
        for heads in (outcome.targets, outcome.predictions, outcome.baselines["last value"])
    )
    if actual.ndim > 1:
        season = next(iter(outcome.baselines))
        beside = {name: outcome.baselines[name][head].numpy() for name in (season, "last value")}
        time = time.reshape(actual.shape)
        return {
            "fan": _fan(time, actual, forecast, head),
            "error_by_step": _by_step(actual, forecast, beside),
        }
    if forecast.ndim > 1:  # the quantile in the middle is the forecast
        forecast, naive = (_middle(values) for values in (forecast, naive))
    known = ~np.isnan(actual)  # of several columns, one may lack what another has
    time, actual, forecast, naive = (v[known] for v in (time, actual, forecast, naive))
    return {
        "forecast": _forecast(time, actual, forecast, naive),
        "residuals": _residuals(time, forecast - actual),
        "residual_histogram": _histogram(forecast - actual, naive - actual),
    }


def _forecast(time: Values, actual: Values, forecast: Values, naive: Values) -> Figure:
    """The segment in the middle, and how far off model and last value are in it."""
    start = max(0, (len(time) - SHOWN) // 2)
    time, actual, forecast, naive = (v[start:][:SHOWN] for v in (time, actual, forecast, naive))
    figure = Figure(figsize=(10, 5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    upper.plot(time, actual, color="black", linewidth=1, label="actual")
    upper.plot(time, forecast, color="C1", linewidth=1, label="forecast")
    upper.set_title("Forecast of the next step against actual", loc="left")
    upper.set_ylabel("value")
    upper.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    lower.plot(time, naive - actual, color="0.7", linewidth=1, label="last value")
    lower.plot(time, forecast - actual, color="C1", linewidth=1, label="forecast")
    lower.set_ylabel("error")
    lower.legend(loc="upper left", ncols=2, fontsize="small")
    _dates(lower)
    return figure


def _fan(time: Values, actual: Values, forecast: Values, name: str) -> Figure:
    """Forecasts from three moments of one series, with all of their quantiles."""
    figure = Figure(figsize=(10, 8), layout="constrained")
    chosen = np.linspace(0, len(time) - 1, 5).astype(int)[1:4]
    for axes, k in zip(figure.subplots(3, 1), chosen, strict=True):
        lines = forecast[k] if forecast.ndim > 2 else forecast[k, :, None]
        for outer in range(lines.shape[-1] // 2):
            band = lines[:, outer], lines[:, -1 - outer]
            axes.fill_between(time[k], *band, color="C1", alpha=0.25, linewidth=0)
        middle = _middle(lines)
        axes.plot(time[k], actual[k], color="black", linewidth=1, label="actual")
        axes.plot(time[k], middle, color="C1", linewidth=1, label="forecast")
        axes.set_ylabel(name)
        _dates(axes)
    figure.axes[0].set_title("Forecasts from three moments", loc="left")
    figure.axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    return figure


def _by_step(actual: Values, forecast: Values, baselines: Mapping[str, Values]) -> Figure:
    """How the error grows with the steps ahead."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes, steps = figure.subplots(), np.arange(1, actual.shape[1] + 1)
    for (name, values), color in zip(baselines.items(), ("0.7", "0.4"), strict=False):
        axes.plot(steps, _step_errors(actual, values), color=color, label=name)
    axes.plot(steps, _step_errors(actual, forecast), color="C1", label="forecast")
    axes.set(xlabel="steps ahead", ylabel="mean absolute error", ylim=(0, None))
    axes.legend(loc="best")
    return figure


def _step_errors(actual: Values, forecast: Values) -> Values:
    middle = _middle(forecast) if forecast.ndim > actual.ndim else forecast
    errors = np.ma.masked_invalid(np.abs(middle - actual))
    return errors.mean(0).filled(np.nan)  # type: ignore[no-any-return]


def _middle(values: Values) -> Values:
    return values[..., values.shape[-1] // 2]


def _residuals(time: Values, residual: Values) -> Figure:
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    axes = figure.subplots()
    # Millions of points would only make the picture slow: each of 2,000 parts keeps its extremes.
    edges = np.unique(np.linspace(0, len(time), 2001).astype(int)[:-1])
    low, high = np.minimum.reduceat(residual, edges), np.maximum.reduceat(residual, edges)
    axes.fill_between(time[edges], low, high, color="C1", lw=0.5, label="range of the residuals")
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set(title="Residuals over time (forecast - actual)", ylabel="residual")
    axes.legend(loc="upper right")
    _dates(axes)
    return figure


def _histogram(residual: Values, naive: Values) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    reach = np.quantile(np.abs(naive), 0.995) or 1.0
    edges = np.linspace(-reach, reach, 81).tolist()
    axes.hist(naive, edges, color="0.7", label="last value")
    axes.hist(residual, edges, histtype="step", color="C1", linewidth=1.5, label="forecast")
    axes.set(title="Residuals", xlabel="forecast - actual", ylabel="steps")
    axes.legend(loc="upper left")
    return figure


def _dates(axes: Axes) -> None:
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
