"""A study in a folder: its trials, each a run in a process of its own, and its outcome."""

import json
import shlex
import warnings
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

import optuna
import yaml
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from kindling.api.record import differing
from kindling.cli.settings import shown
from kindling.errors import UserError, short
from kindling.runs import folder as runs
from kindling.tools import command
from kindling.tools.command import Failed
from kindling.tools.runner.executors import Executor
from kindling.tools.runner.planned import Job, PlannedRun
from kindling.tools.runner.pool import Pool
from kindling.tools.sweep.space import Space, nested

DATABASE = "study.db"
PATIENCE = 100  # seconds for another process to write to the database
HOPELESS = 10  # failures in a row that end the sweep
COMPLETE = TrialState.COMPLETE


class Sweep(Pool):
    """Executes the trials of a study; they share flags, fixed settings and data.

    Raises:
        UserError: The folder has a study of another space, other settings or other data.
    """

    what = "trials"

    def __init__(
        self, folder: Path, space: Space, data: str, wanted: int, executor: Executor
    ) -> None:
        super().__init__([], executor)
        self.folder, self.space, self.wanted, fixed = folder, space, wanted, space.fixed
        self.monitor = str(fixed["checkpoint.monitor"])
        self.best = max if fixed["checkpoint.mode"] == "max" else min
        # Those of this command, by title, with their scores by epoch.
        self._trials: dict[str, tuple[optuna.Trial, dict[int, float]]] = {}
        folder.mkdir(parents=True, exist_ok=True)
        self.study = self._open()
        self._refuse_changes(data)

    def _open(self) -> optuna.Study:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        file, options = self.folder / DATABASE, {"connect_args": {"timeout": PATIENCE}}
        # No trial is stopped before five are finished and three have reached its epoch, nor in
        # the first fifth of its epochs.
        warm_up = max(0, self.space.fixed.get("trainer.max_epochs") or 0) // 5
        try:
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{file}", options)
            return optuna.create_study(
                storage=self._storage,
                study_name=self.space.task,
                direction="minimize" if self.best is min else "maximize",
                pruner=optuna.pruners.MedianPruner(5, warm_up, n_min_trials=3),
                load_if_exists=True,
            )
        except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
            do = "restore it, or begin another study: NAME=..."
            raise UserError(f"{file}: cannot be read as a study's database; {do}") from error

    def _refuse_changes(self, data: str) -> None:
        """Refuse trials that could not be compared with those that there are."""
        space = {n: json.loads(distribution_to_json(d)) for n, d in self.space.searched.items()}
        now = json.loads(json.dumps({**self.space.fixed, **space, "SHA-256 of the data": data}))
        if "made" not in self.study.user_attrs:
            self.study.set_user_attr("made", now)
        then = self.study.user_attrs["made"]
        for name in differing([then, now], beside=()):
            is_now, was = shown(now.get(name)), shown(then.get(name))
            there = f"{was} in the study of {self.folder}; put it back"
            raise UserError(f"{name}: {is_now} now, {there}, or begin another: NAME=...")

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states or None)

    def planned(self, trial: FrozenTrial | optuna.Trial) -> PlannedRun:
        """The run of a trial, which never sees the test split."""
        values = self.space.settings(trial.params)
        title, folder = f"trial {trial.number}", self.folder / "trials" / str(trial.number)
        flags = [*self.space.flags, *command.flags(values)]
        return PlannedRun(title, self.space.task, folder, flags, self.space.fixed | values, "fit")

    # The trials.

    def finished(self) -> int:
        """Trials that count: complete, or stopped early for being worse than others."""
        return len(self.trials(COMPLETE, TrialState.PRUNED))

    def take(self) -> PlannedRun | None:
        """A trial that was left unfinished or, while fewer than wanted count, a new one."""
        running, finished = self.trials(TrialState.RUNNING), self.finished()
        for left in running if finished < self.wanted else ():
            if left.params.keys() != self.space.searched.keys():  # killed while it was drawn
                self.study.tell(left.number, state=TrialState.FAIL)
                return self.take()
            if (planned := self.planned(left)).title not in self._trials:
                return self._taken(left.number, planned)
        if len(running) + finished >= self.wanted:
            return None
        # What a trial of some number draws shall not be drawn again by the next command.
        seed = 1_000_003 * int(self.space.fixed.get("seed_everything") or 0)
        seed = (seed + len(self.trials())) % 2**32
        with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
            self.study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        trial = self.study.ask(self.space.searched)
        return self._taken(trial.number, self.planned(trial))

    def _taken(self, number: int, planned: PlannedRun) -> PlannedRun:
        study = self._storage.get_study_id_from_name(self.study.study_name)
        which = self._storage.get_trial_id_from_study_id_trial_number(study, number)
        scores = dict(self.trials()[number].intermediate_values)
        self._trials[planned.title] = optuna.Trial(self.study, which), scores
        return planned

    def look(self, job: Job, rows: Sequence[Mapping[str, float]]) -> int:
        """Report new scores, and stop a run that is worse than others.

        Of several validations in an epoch, the first counts; what gives no epoch is no score.
        """
        name, (trial, known) = self.monitor, self._trials[job.planned.title]
        scores = {int(r["epoch"]): r[name] for r in reversed(rows) if {name, "epoch"} <= r.keys()}
        new = sorted(scores.keys() - known)
        for epoch in new:
            trial.report(scores[epoch], epoch)
            known[epoch] = scores[epoch]
        if new and not job.stopped and trial.should_prune():
            job.stop()
        return len(known)

    def end(self, job: Job) -> None:
        title, failure = job.planned.title, job.failure()
        trial, scores = self._trials[title]
        numbers = [score for score in scores.values() if isfinite(score)]
        if not numbers and not failure:
            failure = f"has no {self.monitor} that is a number (checkpoint.monitor)"
        state, message = TrialState.FAIL, failure
        if numbers and (job.stopped or not failure):
            state = TrialState.PRUNED if failure else COMPLETE
            message = f"{len(scores)} epochs, {self.monitor} {short(self.best(numbers))}"
        else:
            trial.set_user_attr("error", failure)
        value = self.best(numbers) if state == COMPLETE else None
        self.study.tell(trial, value, state)
        print(f"{state.name.lower():12} {title}: {message}")
        last = [trial.state for trial in self.trials(COMPLETE, TrialState.PRUNED, TrialState.FAIL)]
        if last[-HOPELESS:] == HOPELESS * [TrialState.FAIL]:
            raise Failed(f"{HOPELESS} trials in a row failed; the last, {title}: {message}")

    # The outcome.

    def report(self) -> None:
        """Write the table of trials and the best settings, and show what was found."""
        place = runs.shown(self.folder)
        table = self.study.trials_dataframe(("number", "state", "value", "duration", "params"))
        table = table.rename(columns=lambda name: name.removeprefix("params_"))
        table["run"] = [str(self.planned(trial).newest() or "") for trial in self.trials()]
        table.to_csv(self.folder / "trials.csv", index=False)
        if not self.trials(COMPLETE):
            raise UserError(f"{place}: no trial is complete; {place}/trials.csv lists them")
        trial, path = self.study.best_trial, self.folder / "best.yaml"
        found = f"{self.monitor} {trial.value:.6g}, chosen on validation alone"
        note = f"# Trial {trial.number} of a sweep of {self.space.task}: {found}\n"
        values = yaml.safe_dump(nested(self.space.settings(trial.params)), sort_keys=False)
        path.write_text(note + values)
        print(path.read_text())
        words = shlex.join([*self.space.flags[1:], "--config", runs.shown(path)])
        for line in (
            f"train it     make train TASK={self.space.task} ARGS={shlex.quote(words)}",
            f"files        {place}: best.yaml, trials.csv",
            f"charts       optuna-dashboard sqlite:///{place}/{DATABASE}",
            f"curves       tensorboard --logdir {place}/trials",
        ):
            print(line)
