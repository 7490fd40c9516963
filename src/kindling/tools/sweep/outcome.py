"""What a study has found, as files: ``trials.csv``, ``best.yaml`` and two charts."""

import csv
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from kindling.runs import folder as runs
from kindling.runs.folder import TENSORBOARD
from kindling.tools.compare import cells
from kindling.tools.compare.plan import check_name
from kindling.tools.compare.report import link_run
from kindling.tools.compare.settings import shown
from kindling.tools.sweep.space import configuration
from kindling.tools.sweep.study import ENDED, Study, best

STATES = {TrialState.FAIL: "failed", TrialState.RUNNING: "running"}

FEW = 10
"""Complete trials without which the importance of settings would be a guess."""


def rows(study: Study) -> list[dict[str, Any]]:
    """A row a trial: how it ended, its best score on validation, its settings, its run."""
    return [_row(study, trial) for trial in study.trials()]


def finished(study: Study) -> list[FrozenTrial]:
    """The complete trials, the best first."""
    complete = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    return sorted(complete, key=lambda t: t.value or 0.0, reverse=not study.lower)


def importance(study: Study) -> dict[str, float]:
    """Shares of the settings in how good a trial is, which add up to 1; empty for few trials.

    References:
        Watanabe et al., PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
        Subspaces, 2023, arXiv:2304.10255
    """
    complete = finished(study)
    if len(complete) < FEW or len({trial.value for trial in complete}) == 1:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return dict(get_param_importances(study.optuna, evaluator=PedAnovaImportanceEvaluator()))


def write_trials(study: Study) -> None:
    table = rows(study)
    unfinished = study.folder / ".trials.csv"
    with unfinished.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    unfinished.replace(study.folder / "trials.csv")


def write_best(study: Study, trial: FrozenTrial) -> Path:
    """The best trial's settings alone, as a configuration that goes over a task's own."""
    path = study.folder / "best.yaml"
    ended = study.ended()
    note = (
        f"# Trial {trial.number} of {ended} of a sweep of {study.space.task}: "
        f"{study.monitor} {trial.value:.6g}, chosen on validation alone\n"
    )
    content = configuration(study.values(trial))
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(note + yaml.safe_dump(content, sort_keys=False))
    unfinished.replace(path)
    return path


def training(study: Study, path: Path) -> str:
    """The command that trains with the best settings, and the flags that all trials had."""
    words = [*study.flags, "--config", runs.shown(path)]
    return f"make train TASK={study.space.task} ARGS={shlex.quote(shlex.join(words))}"


def link(study: Study) -> Path:
    """Links for TensorBoard, which shows these runs alone."""
    links = study.folder / TENSORBOARD
    for trial in study.trials():
        run = cells.newest(study.cell(trial.number, {}))
        if run is not None:
            link_run(links / check_name(f"trial_{trial.number:03}"), run)
    return links


def curve(study: Study) -> tuple[Sequence[tuple[int, float, bool]], str]:
    """Number, best score and completeness of each trial that counts; and what the score is."""
    points = [
        (trial.number, value, trial.state == TrialState.COMPLETE)
        for trial in study.trials()
        if trial.state in ENDED and (value := _value(study, trial)) is not None
    ]
    return points, study.monitor


def _row(study: Study, trial: FrozenTrial) -> dict[str, Any]:
    values = study.values(trial)
    run = cells.newest(study.cell(trial.number, {}))
    return {
        "number": trial.number,
        "state": STATES.get(trial.state, trial.state.name.lower()),
        "value": _value(study, trial),
        "epochs": len(trial.intermediate_values),
        "seconds": trial.user_attrs.get("seconds"),
        **{n: shown(values[n]) if n in values else None for n in study.space.searched},
        "run": str(run) if run else None,
    }


def _value(study: Study, trial: FrozenTrial) -> float | None:
    """The best score over the epochs, of a trial that was stopped too."""
    return best(trial.intermediate_values, study.lower)
