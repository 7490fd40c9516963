"""A study's outcome: ``trials.csv``, ``best.yaml``, and a few lines."""

import shlex
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from kindling.api.record import Record, show_alone
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools.command import show
from kindling.tools.sweep.space import configuration
from kindling.tools.sweep.study import DATABASE, Study

SHOWN = 5  # trials, of the best


def report(study: Study, console: Console) -> None:
    """Write the table and the best settings, and show what was found."""
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
    path = _write_best(study, study.trials()[best[0][0]])
    words = shlex.join([*study.space.flags[1:], "--config", runs.shown(path)])
    console.print("chosen       on validation alone: no trial was scored on the test split")
    console.print(f"train it     make train TASK={study.space.task} ARGS={shlex.quote(words)}")
    console.print(f"files        {place}: best.yaml, trials.csv")
    console.print(f"charts       optuna-dashboard sqlite:///{place}/{DATABASE}")
    console.print(f"curves       {curves}")


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
