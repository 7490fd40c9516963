"""What a study has found: ``trials.csv``, ``best.yaml``, Optuna's charts, and a few lines."""

import shlex
import warnings
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import yaml
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState
from optuna.visualization import matplotlib as charts
from rich.console import Console

from kindling.api.record import Record, show_alone
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import show
from kindling.tools.sweep.space import configuration
from kindling.tools.sweep.study import Study

SHOWN = 5  # trials, of the best
FEW = 10  # complete trials without which the importance of settings would be a guess


def report(study: Study, console: Console) -> None:
    """Write the table, the best settings and charts, and show what was found."""
    place, searched = runs.shown(study.folder), list(study.space.searched)
    trials = pd.DataFrame([_row(study, trial) for trial in study.trials()])
    trials.to_csv(study.folder / "trials.csv", index=False)
    made = trials[["number", "run"]].dropna().itertuples(index=False)
    curves = show_alone(study.folder, {f"trial_{n:03}": Path(run) for n, run in made})
    complete = trials[trials["state"] == "complete"].sort_values("value", ascending=study.lower)
    if complete.empty:
        raise UserError(f"{place}: no trial is complete; {place}/trials.csv lists them")
    best = complete[["number", "value", "epochs", *searched]].head(SHOWN).to_numpy().tolist()
    header = ["trial", study.monitor, "epochs", *searched]
    show([header, *([_short(value) for value in row] for row in best)], console)
    _draw(study, len(complete))
    path = _write_best(study, study.trials()[best[0][0]])
    words = shlex.join([*study.space.flags[1:], "--config", runs.shown(path)])
    console.print("chosen       on validation alone: no trial was scored on the test split")
    console.print(f"train it     make train TASK={study.space.task} ARGS={shlex.quote(words)}")
    console.print(f"files        {place}: best.yaml, trials.csv, charts")
    console.print(f"curves       {curves}")


def _draw(study: Study, complete: int) -> None:
    """How the score came down, and from enough trials on, which settings matter.

    References:
        Watanabe et al., PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces, 2023, arXiv:2304.10255
    """
    optuna = study.optuna
    # Optuna changes the style of all charts, and needs no screen.
    with (
        mpl.rc_context({"backend": "agg"}),
        warnings.catch_warnings(action="ignore", category=ExperimentalWarning),
    ):
        shown = {"history": charts.plot_optimization_history(optuna, target_name=study.monitor)}
        if complete >= FEW and len({t.value for t in study.trials(TrialState.COMPLETE)}) > 1:
            evaluator = PedAnovaImportanceEvaluator()
            shown["importance"] = charts.plot_param_importances(optuna, evaluator=evaluator)
        for name, axes in shown.items():
            assert isinstance(axes.figure, Figure)
            axes.figure.savefig(study.folder / f"{name}.png", dpi=120, bbox_inches="tight")


def _write_best(study: Study, trial: FrozenTrial) -> Path:
    """The best trial's settings alone, as a configuration that goes over a task's own."""
    path = study.folder / "best.yaml"
    found = f"{study.monitor} {trial.value:.6g}, chosen on validation alone"
    note = f"# Trial {trial.number} of a sweep of {study.space.task}: {found}\n"
    values = configuration(study.space.settings(trial.params))
    path.write_text(note + yaml.safe_dump(values, sort_keys=False))
    return path


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    """How a trial ended, its best score on validation, its settings, its run."""
    run = study.planned(trial).newest()
    scores = [score for score in trial.intermediate_values.values() if isfinite(score)]
    return {
        "number": trial.number,
        "state": "failed" if trial.state == TrialState.FAIL else trial.state.name.lower(),
        "value": study.best(scores) if scores else None,
        "epochs": len(trial.intermediate_values),
        "seconds": Record(run).seconds if run else None,
        **{name: trial.params.get(name) for name in study.space.searched},
        "run": str(run) if run else None,
    }


def _short(value: object) -> str:
    return short(value) if isinstance(value, float) else str(value)
