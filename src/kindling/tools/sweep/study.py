"""The study in a folder: which trials there are, and which is the next."""

import json
import warnings
from pathlib import Path
from typing import IO

import optuna
from filelock import FileLock
from optuna.distributions import distribution_to_json
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from kindling.api.record import Settings, differing
from kindling.cli.settings import shown
from kindling.errors import UserError
from kindling.tools.runner.planned import LOCK, PlannedRun
from kindling.tools.sweep.space import Space, trial_flags

DATABASE = "study.db"
PATIENCE = 100  # seconds for another process to write to the database


class Study:
    """A study, created if there is none; its trials share flags, fixed settings and data.

    Raises:
        UserError: The folder has a study of another space, other settings or other data.
    """

    def __init__(self, folder: Path, space: Space, fixed: Settings, data: str) -> None:
        self.folder, self.space, self.fixed = folder, space, fixed
        self.monitor = str(fixed["checkpoint.monitor"])
        self.lower = fixed["checkpoint.mode"] != "max"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        folder.mkdir(parents=True, exist_ok=True)
        # No trial is stopped before five are finished and three have reached its epoch, nor in
        # the first fifth of its epochs.
        warm_up = max(0, fixed.get("trainer.max_epochs") or 0) // 5
        url, options = f"sqlite:///{folder / DATABASE}", {"connect_args": {"timeout": PATIENCE}}
        with self.alone():
            try:
                self._storage = RDBStorage(url, options)
                self.optuna = optuna.create_study(
                    storage=self._storage,
                    study_name=space.task,
                    direction="minimize" if self.lower else "maximize",
                    pruner=MedianPruner(n_startup_trials=5, n_warmup_steps=warm_up, n_min_trials=3),
                    load_if_exists=True,
                )
            except (SQLAlchemyError, StorageInternalError, RuntimeError) as error:
                file = folder / DATABASE
                do = "restore it, or begin another study: NAME=..."
                raise UserError(f"{file}: cannot be read as a study's database; {do}") from error
            self._refuse_changes(data)

    def alone(self) -> FileLock:
        """A lock, so that one process at a time changes the study."""
        return FileLock(self.folder / ".lock")

    def take(self, wanted: int) -> tuple[optuna.Trial, IO[str]] | None:
        """A trial that was left unfinished or, while fewer than ``wanted`` count, a new one.

        A trial's folder is locked while a command manages it. The lock ends with that process at
        once, where a missing heartbeat would take minutes to be noticed.
        """
        with self.alone():
            running = self.trials(TrialState.RUNNING)
            for left in running:
                if held := self.planned(left).hold(LOCK):
                    if left.params.keys() == self.space.searched.keys():
                        return self._trial(left.number), held
                    held.close()  # it was left before its settings were drawn
                    self.optuna.tell(left.number, state=TrialState.FAIL)
            if len(running) + self.ended() >= wanted:
                return None
            # What a trial of some number draws shall not be drawn again by the next command.
            seed = int(self.fixed.get("seed_everything") or 0) * 1_000_003 + len(self.trials())
            with warnings.catch_warnings(action="ignore", category=ExperimentalWarning):
                self.optuna.sampler = TPESampler(seed=seed % 2**32, constant_liar=True)
            new = self.optuna.ask(self.space.searched)
            if held := self.planned(new).hold(LOCK):
                return new, held
            raise UserError(f"{self.folder}: trial {new.number} is taken; is this a copy?")

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def ended(self) -> int:
        """Trials that count: complete, or stopped early for being worse than others."""
        return len(self.trials(TrialState.COMPLETE, TrialState.PRUNED))

    def best(self, scores: list[float]) -> float:
        return min(scores) if self.lower else max(scores)

    def planned(self, trial: FrozenTrial | optuna.Trial) -> PlannedRun:
        """The run of a trial."""
        values = self.space.settings(trial.params)
        title, folder = f"trial {trial.number}", self.folder / "trials" / str(trial.number)
        flags = [*self.space.flags, *trial_flags(values)]
        # A trial never sees the test split.
        return PlannedRun(title, self.space.task, folder, flags, self.fixed | values, "fit")

    def _trial(self, number: int) -> optuna.Trial:
        study = self._storage.get_study_id_from_name(self.optuna.study_name)
        trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
        return optuna.Trial(self.optuna, trial)

    def _refuse_changes(self, data: str) -> None:
        """Refuse trials that could not be compared with those that there are."""
        space = {n: json.loads(distribution_to_json(d)) for n, d in self.space.searched.items()}
        now = json.loads(json.dumps({**self.fixed, **space, "SHA-256 of the data": data}))
        if "made" not in self.optuna.user_attrs:
            self.optuna.set_user_attr("made", now)
        then = self.optuna.user_attrs["made"]
        for name in differing([then, now], beside=()):
            is_now, was = shown(now.get(name)), shown(then.get(name))
            there = f"{was} in the study of {self.folder}; put it back"
            raise UserError(f"{name}: {is_now} now, {there}, or begin another: NAME=...")
