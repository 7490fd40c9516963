"""What the inputs and outputs of an exported forecast mean."""

from collections.abc import Mapping, Sequence
from typing import Any

from kindling.series.calendar import Calendar
from kindling.series.columns import SeriesColumns

Moments = Sequence[Sequence[float]]  # of each column: mean, deviation, naive error


def of_window(columns: SeriesColumns, lags: Mapping[str, int], step: Calendar) -> dict[str, Any]:
    """The values of a window, and those a lag before, by the lags' names and lengths in steps."""
    targets = columns.values
    named = [f"{name} " for name in targets] if len(targets) > 1 else [""]
    return {
        "meaning": "the last values of the series, oldest first; each lag beside them is counted "
        "from the step after the row's own",
        "unit": f"of {', '.join(targets)}",
        "columns": [*targets, *(f"{name}{lag} before" for lag in lags for name in named)],
        "step": step.name,
        "lags_in_steps": list(lags.values()),
    }


def of_calendar(
    columns: SeriesColumns, calendar: bool, step: Calendar, horizon: int, moments: Any
) -> dict[str, Any]:
    """What else is known of a step: where it lies in two periods, and further columns."""
    others, monthly = [*columns.inputs, *columns.known], step.kind == "months"
    found: dict[str, Any] = {"meaning": "", "unit": "-1 to 1", "columns": others}
    if calendar or not others:
        periods = ("quarter", "year") if monthly else ("day", "week")
        where = "day, counted from midnight, and in its week, counted from Monday's"
        where = "quarter and in its year" if monthly else where
        meaning = f"where the step after the row's own lies in its {where}, as angles"
        angles = [f"{wave} of the {p}" for p in periods for wave in ("sine", "cosine")]
        found |= {"meaning": meaning, "columns": [*angles, *others]}
    if others:
        meaning = (
            "further columns, less their mean and divided by their standard deviation: of the "
            f"row's own step, and {horizon} later where they are known ahead"
        )
        meaning = "; ".join(filter(None, [found["meaning"], meaning]))
        found |= {"meaning": meaning, "mean_and_deviation": moments}
    return found


def of_statistics(statistics: Mapping[str, Moments]) -> dict[str, Any]:
    """What scales each series of a panel."""
    return {
        "meaning": "of the series in training, for each column to forecast",
        "columns": ["mean", "standard deviation", "error of the seasonal naive forecast"],
        "of": statistics,
    }


def of_forecast(name: str, horizon: int) -> dict[str, Any]:
    steps = f"the next {horizon} steps of" if horizon > 1 else "the next"
    return {"meaning": f"{steps} {name}", "unit": f"of {name}"}
