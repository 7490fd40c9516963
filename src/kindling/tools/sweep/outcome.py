"""What a study has found: ``trials.csv``, ``best.yaml``, two charts, and a few lines."""

import shlex
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from kindling.cli.settings import shown
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.runner.charts import style
from kindling.tools.runner.grid import show
from kindling.tools.runner.process import usage
from kindling.tools.runner.record import show_alone
from kindling.tools.sweep.space import configuration
from kindling.tools.sweep.study import Study

STATES = {TrialState.FAIL: "failed", TrialState.RUNNING: "running"}

SHOWN = 5
"""Trials, of the best."""

FEW = 10
"""Complete trials without which the importance of settings would be a guess."""

ROOM = 0.25
"""Above and below the complete trials, of their range; worse ones stand at the edge."""


def report(study: Study, console: Console) -> None:
    """Write tables and charts, and show what was found."""
    found, place = study.complete(), runs.shown(study.folder)
    trials = pd.DataFrame([_row(study, trial) for trial in study.trials()])
    trials.to_csv(study.folder / "trials.csv", index=False)
    made = trials[["number", "run"]].dropna().itertuples(index=False)
    curves = show_alone(study.folder, {f"trial_{n:03}": Path(run) for n, run in made})
    if not found:
        raise UserError(f"{place}: no trial is complete; {place}/trials.csv lists them")
    grid = [["trial", study.monitor, "epochs", *study.space.searched]]
    for trial in found[:SHOWN]:
        score, epochs = short(trial.value or 0.0), str(len(trial.intermediate_values))
        grid.append([str(trial.number), score, epochs, *map(_short, study.values(trial).values())])
    show(grid, console)
    points = trials[trials["state"].isin(["complete", "pruned"])]
    charts = {"history.png": draw_history(points, study.monitor, study.lower)}
    if shares := importance(study):
        show([["setting", "importance"], *([n, f"{s:.0%}"] for n, s in shares.items())], console)
        charts["importance.png"] = draw_importance(shares)
    for name, figure in charts.items():
        figure.savefig(study.folder / name, dpi=120)
    best, values = write_best(study, found[0]), study.values(found[0])
    words = shlex.join([*study.flags, "--config", runs.shown(best)])
    console.print(
        f"best         {', '.join(f'{n}={_short(value)}' for n, value in values.items())}"
    )
    console.print("chosen       on validation alone: no trial was scored on the test split")
    console.print(f"train it     make train TASK={study.space.task} ARGS={shlex.quote(words)}")
    console.print(f"files        {place}/best.yaml, trials.csv, {', '.join(charts)}")
    console.print(f"curves       {curves}")


def write_best(study: Study, trial: FrozenTrial) -> Path:
    """The best trial's settings alone, as a configuration that goes over a task's own."""
    path = study.folder / "best.yaml"
    note = (
        f"# Trial {trial.number} of {study.ended()} of a sweep of {study.space.task}: "
        f"{study.monitor} {trial.value:.6g}, chosen on validation alone\n"
    )
    path.write_text(note + yaml.safe_dump(configuration(study.values(trial)), sort_keys=False))
    return path


def importance(study: Study) -> dict[str, float]:
    """Shares of the settings in how good a trial is, which add up to 1; empty for few trials.

    References:
        Watanabe et al., PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces, 2023, arXiv:2304.10255
    """
    complete = study.complete()
    if len(complete) < FEW or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return dict(get_param_importances(study.optuna, evaluator=PedAnovaImportanceEvaluator()))


def draw_history(trials: pd.DataFrame, monitor: str, lower: bool) -> Figure:
    """Each trial's best score, the best so far, and a mark on those that were stopped early."""
    whole, stopped = (trials[trials["state"] == state] for state in ("complete", "pruned"))
    values = whole["value"]
    low, high = values.min(), values.max()
    room = ROOM * (high - low) or abs(high) * 0.05 or 1.0
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    if len(stopped):
        shown = np.clip(stopped["value"], low - room, high + room)
        axes.plot(stopped["number"], shown, "x", color="0.6", label="stopped early", clip_on=False)
    axes.plot(whole["number"], values, "o", color="C0", markersize=4, label="complete")
    best = values.cummin() if lower else values.cummax()
    axes.step(whole["number"], best, where="post", color="C3", label="best so far")
    axes.set_ylim(low - room, high + room)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    style(axes, f"{monitor}, best epoch of each trial", "trial")
    axes.legend(loc="upper right", frameon=False)
    return figure


def draw_importance(shares: Mapping[str, float]) -> Figure:
    """A bar a setting, the most important one on top."""
    names = sorted(shares, key=lambda name: shares[name])
    figure = Figure(figsize=(6, 0.9 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.barh(names, [shares[name] for name in names], color="C0", height=0.6)
    style(axes, "importance, PED-ANOVA", "share of what tells good trials from others", grid="x")
    return figure


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    """How a trial ended, its best score on validation, its settings, its run."""
    values, planned = study.values(trial), study.planned(trial.number, {})
    run, starts = planned.newest(), usage(planned)["starts"]
    return {
        "number": trial.number,
        "state": STATES.get(trial.state, trial.state.name.lower()),
        "value": study.best(trial.intermediate_values),
        "epochs": len(trial.intermediate_values),
        "seconds": starts[0].get("seconds") if len(starts) == 1 else None,
        **{n: shown(values[n]) if n in values else None for n in study.space.searched},
        "run": str(run) if run else None,
    }


def _short(value: object) -> str:
    return short(value) if isinstance(value, float) else shown(value)
