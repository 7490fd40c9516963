"""The study: which trials there are, what the next one is, and which is not worth going on with."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from kindling.cli.settings import shown
from kindling.errors import UserError
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.settings import Settings, differing
from kindling.tools.sweep.space import Choices, Range, Space, trial_flags

JOURNAL = "study.journal"


@dataclass
class Taken:
    """A trial that this process works on, and nobody else, and its scores by epoch so far."""

    trial: optuna.Trial
    planned: PlannedRun
    held: IO[str]
    monitor: str
    scores: dict[int, float] = field(default_factory=dict)

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
    """A study in a folder, made if need be; its trials share flags, fixed settings and data.

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
        # None is stopped before five are finished and three have got as far, nor in the first
        # fifth of its epochs.
        warm_up = (self.planned(0, {}).max_epochs or 0) // 5
        pruner = MedianPruner(n_startup_trials=5, n_warmup_steps=warm_up, n_min_trials=3)
        self._storage = _journal(folder)
        with self.alone():
            self.optuna = optuna.create_study(
                storage=self._storage,
                study_name=space.task,
                direction="minimize" if self.lower else "maximize",
                pruner=pruner,
                load_if_exists=True,
            )
            self._check({"space": space.searched, "fixed": fixed, "data": data})

    def alone(self) -> FileLock:
        """What is done with it is done by one process at a time."""
        return FileLock(self.folder / ".lock")

    def take(self, wanted: int) -> Taken | None:
        """A trial that was left unfinished, or else a new one while fewer than wanted count."""
        with self.alone():
            running = [trial.number for trial in self.trials(TrialState.RUNNING)]
            for number in running:
                held = self.planned(number, {}).lock()
                if held and self.trials()[number].state == TrialState.RUNNING:
                    self._seed(number)
                    study = self._storage.get_study_id_from_name(self.optuna.study_name)
                    trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
                    return self._taken(optuna.Trial(self.optuna, trial), held)
                if held:  # it was let go of since, because it has ended
                    held.close()
            if len(running) + self.ended() >= wanted:
                return None
            self._seed(len(self.trials()))
            new = self.optuna.ask()
            held = self.planned(new.number, {}).lock()
            if held is None:
                raise UserError(f"{self.folder}: trial {new.number} is taken; is this a copy?")
            return self._taken(new, held)

    def trials(self, *states: TrialState) -> list[FrozenTrial]:
        return self.optuna.get_trials(deepcopy=False, states=states or None)

    def ended(self) -> int:
        """Trials that count: complete, or stopped early for being worse than others."""
        return len(self.trials(TrialState.COMPLETE, TrialState.PRUNED))

    def complete(self) -> list[FrozenTrial]:
        """The complete trials, the best first."""
        complete = self.trials(TrialState.COMPLETE)
        return sorted(complete, key=lambda t: t.value or 0.0, reverse=not self.lower)

    def tell(self, taken: Taken, state: TrialState) -> None:
        value = self.best(taken.scores) if state == TrialState.COMPLETE else None
        self.optuna.tell(taken.trial.number, value, state, skip_if_finished=True)

    def best(self, scores: Mapping[int, float]) -> float | None:
        """The best of the scores by epoch; none if there is no number among them."""
        numbers = [value for value in scores.values() if np.isfinite(value)]
        return (min if self.lower else max)(numbers, default=None)

    def planned(self, number: int, values: Settings) -> PlannedRun:
        """The run of a trial."""
        task, folder = self.space.task, self.folder / "trials" / str(number)
        flags = [f"--config={task}", *self.flags, *trial_flags(values)]
        return PlannedRun(f"trial {number}", task, folder, flags, self.fixed | values)

    def values(self, trial: FrozenTrial) -> Settings:
        """The settings of a trial as its run has them, in the order of the space's file."""
        known = {n: v for n, v in self.space.searched.items() if n in trial.params}
        return {n: _by_text(v).get(trial.params[n], trial.params[n]) for n, v in known.items()}

    def _taken(self, trial: optuna.Trial, held: IO[str]) -> Taken:
        for name, found in self.space.searched.items():
            if isinstance(found, list):
                trial.suggest_categorical(name, list(_by_text(found)))
            elif isinstance(found["low"], int):
                trial.suggest_int(name, **{**found, "step": found["step"] or 1})
            else:
                trial.suggest_float(name, **found)
        known = self.trials()[trial.number]
        planned = self.planned(trial.number, self.values(known))
        return Taken(trial, planned, held, self.monitor, dict(known.intermediate_values))

    def _seed(self, number: int) -> None:
        """Draw what the trial of this number draws, whichever process asks and however often."""
        sequence = np.random.SeedSequence([int(self.fixed.get("seed_everything") or 0), number])
        seed = int(sequence.generate_state(1)[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self.optuna.sampler = TPESampler(seed=seed, constant_liar=True)

    def _check(self, now: Mapping[str, Any]) -> None:
        """Refuse trials that could not be compared with those that there are."""
        now = json.loads(json.dumps(now))
        if "made" not in self.optuna.user_attrs:
            self.optuna.set_user_attr("made", now)
        then, other = self.optuna.user_attrs["made"], "or begin another: NAME=..."
        for part in ("space", "fixed"):
            for name in differing([then[part], now[part]], beside=()):
                was, is_now = (shown(made[part].get(name)) for made in (then, now))
                there = f"{was} in the study of {self.folder}"
                raise UserError(f"{name}: {is_now} now, {there}; put it back, {other}")
        if then["data"] != now["data"]:
            changed = f"the data have changed since the study of {self.folder} began"
            raise UserError(f"{changed}; restore them, {other}")


def _journal(folder: Path) -> JournalStorage:
    """The file that a study is kept in: several processes write to it, any may be killed.

    The lock ends with its holder; Optuna's own is a file that a killed one leaves behind.
    """
    path, lock = folder / JOURNAL, FileLock(folder / f".{JOURNAL}.lock", poll_interval=0.01)
    with lock, path.open("ab+") as stream:
        stream.seek(0)
        # Half a line, of a process that was ended while it wrote, would spoil the next.
        stream.truncate(stream.read().rfind(b"\n") + 1)
    return JournalStorage(JournalFileBackend(str(path), lock))  # type: ignore[arg-type]


def _by_text(found: Range | Choices) -> dict[str, Any]:
    """Choices by the text that is typed for them: Optuna has no lists among its own."""
    return {shown(choice): choice for choice in found} if isinstance(found, list) else {}
