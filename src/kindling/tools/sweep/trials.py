"""Works on the trials of a study, each a run in a process of its own, watched while it trains."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO

from optuna.trial import TrialState
from rich.console import Console

from kindling.errors import UserError, short
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.pool import Pool, Room
from kindling.tools.runner.process import Job
from kindling.tools.runner.record import Record
from kindling.tools.sweep.study import Study, Taken

HOPELESS = 5
"""Trials that fail, and none that does not, after which there is no point in going on."""

RARE = 10
"""Trials that fail for each that does not, after which there is no point either."""

AGAIN = 2
"""Times that a run which somebody else has killed is gone on with."""


class Failing(UserError):
    """Trials that fail one after the other."""

    status = 1


class Trials(Pool):
    """Makes the trials of a study that are missing, unless nothing but failures come."""

    what = "trials"
    verb = "fit"  # a trial never sees the test split

    def __init__(self, study: Study, wanted: int, room: Room, console: Console) -> None:
        super().__init__(wanted, room, console)
        self.study = study
        self._taken: dict[str, Taken] = {}
        self._stopped: set[str] = set()
        self._killed: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()

    def finished(self) -> int:
        return self.study.ended()

    def take(self) -> tuple[PlannedRun, IO[str]] | None:
        while taken := self.study.take(self.wanted):
            if not self._found_ended(taken):
                self._taken[taken.planned.title] = taken
                return taken.planned, taken.held
        if not self.running:
            self.say("waiting      other processes work on the trials that are left", once=True)
        return None

    def _found_ended(self, taken: Taken) -> bool:
        """Whether a trial that was left needs no process: its run has ended since, or shall."""
        run = taken.planned.unfinished()
        if run is None:
            return False
        worse, trained = taken.report(Record(run).curves), taken.planned.trained(run)
        if trained or worse:
            with taken.held:
                self._tell(taken, pruned=not trained)
        return trained or worse

    def look(self, job: Job, rows: Sequence[Mapping[str, float]]) -> int:
        """Report what is new in the run's table, and stop the run if it is not worth it."""
        title = job.planned.title
        taken = self._taken[title]
        if taken.report(rows) and title not in self._stopped:
            self._stopped.add(title)
            job.stop()
        return len(taken.scores)

    def end(self, job: Job) -> None:
        title, status = job.planned.title, job.status or 0
        taken = self._taken.pop(title)
        if status == 0 or title in self._stopped:
            self._tell(taken, pruned=status != 0)
        elif (status < 0 or status > 128) and self._killed[title] < AGAIN:
            # Still a running one in the journal, so that it is taken up again.
            self._killed[title] += 1
            self.say(f"killed       {title}: {job.complaint()}; goes on")
        else:
            self._fail(taken, job.complaint())

    def _tell(self, taken: Taken, pruned: bool) -> None:
        best = self.study.best(taken.scores)
        if best is None:
            self._fail(taken, f"has no {taken.monitor} that is a number (checkpoint.monitor)")
            return
        self.study.tell(taken, TrialState.PRUNED if pruned else TrialState.COMPLETE)
        self._ends["well"] += 1
        epochs = f"after {len(taken.scores)} epochs, {taken.monitor} {short(best)}"
        self.say(f"{'pruned  ' if pruned else 'finished'}     {taken.planned.title} {epochs}")

    def _fail(self, taken: Taken, message: str) -> None:
        title = taken.planned.title
        taken.trial.set_user_attr("said", message)
        self.study.tell(taken, TrialState.FAIL)
        self._ends["failed"] += 1
        self.say(f"failed       {title}: {message}")
        failed, well = self._ends["failed"], self._ends["well"]
        if failed >= max(HOPELESS, RARE * well):
            count = f"{failed} trials failed and {well} did not"
            raise Failing(f"{count}; the last, {title}: {message}")
