"""Executes the trials of a study, each a run in a process of its own, and prunes the worse."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import IO

import optuna
from optuna.trial import TrialState
from rich.console import Console

from kindling.api.record import Record
from kindling.errors import UserError, short
from kindling.tools.runner.executors import Room
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool
from kindling.tools.runner.process import Job
from kindling.tools.sweep.study import Study

HOPELESS = 10  # failures in a row that end the sweep


class Failing(UserError):
    """Too many trials in a row have failed."""

    status = 1


class Trials(Pool):
    """Executes the missing trials of a study, until too many in a row fail."""

    what = "trials"

    def __init__(self, study: Study, wanted: int, room: Room, console: Console) -> None:
        super().__init__(wanted, room, console)
        self.study, self._failures = study, 0
        self._trials: dict[str, optuna.Trial] = {}
        self._worse: set[str] = set()

    def finished(self) -> int:
        return self.study.ended()

    def take(self) -> tuple[PlannedRun, IO[str]] | None:
        while taken := self.study.take(self.wanted):
            trial, held = taken
            planned = self.study.planned(trial)
            self._trials[planned.title] = trial
            if (run := planned.finished()) is None:
                return planned, held
            with held:  # it has finished, but the command that started it was killed before
                self._report(trial, Record(run).curves)
                self._tell(planned.title, TrialState.COMPLETE)
        if not self.running:
            self.say("waiting      other processes work on the trials that are left", once=True)
        return None

    def look(self, job: Job, rows: Sequence[Mapping[str, float]]) -> int:
        """Report what is new in the run's table, and stop the run if it is worse than others."""
        title = job.planned.title
        trial = self._trials[title]
        if self._report(trial, rows) and title not in self._worse and trial.should_prune():
            self._worse.add(title)
            job.stop()
        return len(self._scores(trial))

    def end(self, job: Job) -> None:
        title, status = job.planned.title, job.status or 0
        if status == 0 or title in self._worse:
            self._tell(title, TrialState.PRUNED if status else TrialState.COMPLETE)
        else:
            self._fail(title, job.complaint())

    def _scores(self, trial: optuna.Trial) -> dict[int, float]:
        """The scores by epoch that the study knows of."""
        return self.study.trials()[trial.number].intermediate_values

    def _report(self, trial: optuna.Trial, rows: Sequence[Mapping[str, float]]) -> bool:
        """Tell the study of new epochs, if there are any.

        Of several validations in an epoch, the first counts; what gives no epoch is no score.
        """
        name, known = self.study.monitor, set(self._scores(trial))
        scores = {int(r["epoch"]): r[name] for r in reversed(rows) if {name, "epoch"} <= r.keys()}
        for epoch in sorted(scores.keys() - known):
            trial.report(scores[epoch], epoch)
        return not scores.keys() <= known

    def _tell(self, title: str, state: TrialState) -> None:
        trial, name = self._trials[title], self.study.monitor
        scores = self._scores(trial)
        numbers = [score for score in scores.values() if isfinite(score)]
        if not numbers:
            self._fail(title, f"has no {name} that is a number (checkpoint.monitor)")
            return
        best = self.study.best(numbers)
        with self.study.alone():
            self.study.optuna.tell(trial, None if state == TrialState.PRUNED else best, state)
        self._failures = 0
        how = "finished" if state == TrialState.COMPLETE else "pruned"
        self.say(f"{how:12} {title} after {len(scores)} epochs, {name} {short(best)}")

    def _fail(self, title: str, message: str) -> None:
        trial = self._trials[title]
        trial.set_user_attr("error", message)
        with self.study.alone():
            self.study.optuna.tell(trial, state=TrialState.FAIL)
        self._failures += 1
        self.say(f"failed       {title}: {message}")
        if self._failures == HOPELESS:
            raise Failing(f"{HOPELESS} trials in a row failed; the last, {title}: {message}")
