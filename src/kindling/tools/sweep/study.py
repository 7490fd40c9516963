"""The study: which trials there are, what the next one is, and which is not worth going on with."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState

from kindling.errors import UserError
from kindling.tools.compare import cells
from kindling.tools.compare.plan import PlannedRun, SeedOrFold
from kindling.tools.compare.settings import Settings, differing, shown
from kindling.tools.sweep import journal
from kindling.tools.sweep.space import Choice, Range, Space, trial_flags

BEFORE_PRUNING = 5
"""Finished trials that the first one to be stopped early is compared with."""

WARM_UP = 0.2
"""Of the epochs, those in which no trial is stopped."""

AT_AN_EPOCH = 3
"""Finished trials that must have got as far as the one that is stopped."""

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass
class Taken:
    """A trial that this process works on, and nobody else.

    Args:
        trial: As Optuna has it.
        cell: Its run.
        held: The lock of its folder.
        monitor: The score that trials are compared by.
        lower: Whether lower is better.
        scores: By epoch, as far as they are reported.
    """

    trial: optuna.Trial
    cell: PlannedRun
    held: IO[str]
    monitor: str
    lower: bool
    scores: dict[int, float] = field(default_factory=dict)

    @property
    def best(self) -> float | None:
        """The best score of all epochs; none if there is no number among them."""
        return best(self.scores, self.lower)

    def report(self, rows: Sequence[Mapping[str, float]]) -> bool:
        """Tell the study the scores of new epochs, and whether the trial is to be stopped."""
        worse = False
        for row in rows:
            # Of several validations in an epoch, the first counts; what gives no epoch is no score.
            epoch = int(row.get("epoch", -1))
            if self.monitor in row and epoch >= 0 and epoch not in self.scores:
                self.scores[epoch] = row[self.monitor]
                self.trial.report(row[self.monitor], epoch)
                worse = worse or self.trial.should_prune()
        return worse


class Study:
    """A study in a folder, made if need be.

    Args:
        folder: Of the study.
        space: What is searched.
        flags: Of all trials.
        fixed: The settings that all trials share.
        data: SHA-256 of the data.

    Raises:
        UserError: The folder has a study of another space, other settings or other data.
    """

    def __init__(
        self, folder: Path, space: Space, flags: Sequence[str], fixed: Settings, data: str
    ) -> None:
        self.folder, self.space, self.flags, self.fixed = folder, space, flags, fixed
        self.monitor = str(fixed["checkpoint.monitor"])
        self.lower = fixed["checkpoint.mode"] != "max"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        self._storage = journal.storage(folder)
        with journal.alone(folder):
            self.optuna = optuna.create_study(
                storage=self._storage,
                study_name=space.task,
                direction="minimize" if self.lower else "maximize",
                pruner=self._pruner(),
                load_if_exists=True,
            )
            self._check({"space": space.plain, "fixed": fixed, "data": data})

    def take(self, wanted: int) -> Taken | None:
        """A trial that was left unfinished, or else a new one while there are too few.

        Args:
            wanted: How many there shall be, those that failed not counted.
        """
        with journal.alone(self.folder):
            trials = self.trials()
            running = [trial for trial in trials if trial.state == TrialState.RUNNING]
            for left in running:
                held = cells.lock(self.cell(left.number, {}))
                if held and self.trials()[left.number].state == TrialState.RUNNING:
                    return self._taken(self._again(left), held)
                if held:  # it was let go of since, because it has ended
                    held.close()
            if len(running) + sum(trial.state in ENDED for trial in trials) >= wanted:
                return None
            self._seed(len(trials))
            trial = self.optuna.ask()
            held = cells.lock(self.cell(trial.number, {}))
            if held is None:
                raise UserError(f"{self.folder}: trial {trial.number} is taken; is this a copy?")
            return self._taken(trial, held)

    def trials(self) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False)

    def ended(self) -> int:
        """Trials that count: complete, or stopped early for being worse than others."""
        return sum(trial.state in ENDED for trial in self.trials())

    def complete(self, taken: Taken, value: float) -> None:
        self.optuna.tell(taken.trial.number, value, skip_if_finished=True)

    def pruned(self, taken: Taken) -> None:
        state = TrialState.PRUNED
        self.optuna.tell(taken.trial.number, state=state, skip_if_finished=True)

    def failed(self, taken: Taken) -> None:
        state = TrialState.FAIL
        self.optuna.tell(taken.trial.number, state=state, skip_if_finished=True)

    def cell(self, number: int, values: Settings) -> PlannedRun:
        """The run of a trial."""
        task = self.space.task
        return PlannedRun(
            task,
            task,
            SeedOrFold(f"trial_{number}", {}),
            self.folder / "trials" / str(number),
            [f"--config={task}", *self.flags, *trial_flags(values)],
            self.fixed | values,
        )

    def values(self, trial: FrozenTrial) -> Settings:
        """The settings of a trial, as its run has them."""
        found = self.space.searched
        return {
            name: choice.typed[value] if isinstance(choice := found[name], Choice) else value
            for name, value in trial.params.items()
        }

    def _taken(self, trial: optuna.Trial, held: IO[str]) -> Taken:
        for name, found in self.space.searched.items():
            _suggest(trial, name, found)
        known = self.trials()[trial.number]
        # In the order of the file, whatever the journal's is.
        values = {name: self.values(known)[name] for name in self.space.searched}
        scores = dict(known.intermediate_values)
        cell = self.cell(trial.number, values)
        return Taken(trial, cell, held, self.monitor, self.lower, scores)

    def _again(self, left: FrozenTrial) -> optuna.Trial:
        self._seed(left.number)
        study = self._storage.get_study_id_from_name(self.optuna.study_name)
        number = self._storage.get_trial_id_from_study_id_trial_number(study, left.number)
        return optuna.Trial(self.optuna, number)

    def _seed(self, number: int) -> None:
        """Draw what the trial of this number draws, whichever process asks and however often."""
        seed = np.random.SeedSequence([int(self.fixed.get("seed_everything") or 0), number])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self.optuna.sampler = TPESampler(
                seed=int(seed.generate_state(1)[0]), constant_liar=True
            )

    def _pruner(self) -> MedianPruner:
        epochs = self.fixed.get("trainer.max_epochs")
        warm_up = int(WARM_UP * epochs) if isinstance(epochs, int) and epochs > 0 else 0
        return MedianPruner(BEFORE_PRUNING, warm_up, n_min_trials=AT_AN_EPOCH)

    def _check(self, now: Mapping[str, Any]) -> None:
        """Refuse trials that could not be compared with those that there are."""
        now = json.loads(json.dumps(now))
        then = self.optuna.user_attrs
        if "made" not in then:
            self.optuna.set_user_attr("made", now)
            return
        then = then["made"]
        for part in ("space", "fixed"):
            for name in differing([then[part], now[part]], beside=()):
                was, is_now = (shown(made[part].get(name)) for made in (then, now))
                raise UserError(
                    f"{name}: {is_now} now, {was} in the study of {self.folder}; put it back, or "
                    "begin another: NAME=..."
                )
        if then["data"] != now["data"]:
            raise UserError(
                f"the data have changed since the study of {self.folder} began; restore them, or "
                "begin another: NAME=..."
            )


def best(scores: Mapping[int, float], lower: bool) -> float | None:
    """The best of the scores by epoch; none if there is no number among them."""
    numbers = [value for value in scores.values() if np.isfinite(value)]
    return (min if lower else max)(numbers, default=None)


def _suggest(trial: optuna.Trial, name: str, found: Range | Choice) -> None:
    if isinstance(found, Choice):
        # Optuna has no lists among its choices.
        trial.suggest_categorical(name, list(found.typed))
    elif found.whole:
        step = int(found.step or 1)
        trial.suggest_int(name, int(found.low), int(found.high), step=step, log=found.log)
    else:
        trial.suggest_float(name, found.low, found.high, step=found.step, log=found.log)
