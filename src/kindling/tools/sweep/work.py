"""Works on the trials of a study, each a run in a process of its own, watched while it trains."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from kindling.errors import Stopped, UserError, short
from kindling.tools.compare import cells
from kindling.tools.compare.cells import Usage
from kindling.tools.compare.job import Job
from kindling.tools.compare.plan import PlannedRun
from kindling.tools.compare.pool import LOOK, display, signals, stop
from kindling.tools.compare.record import Record
from kindling.tools.sweep.study import Study, Taken

Command = Callable[[PlannedRun, int], list[str]]

HOPELESS = 5
"""Trials that fail, and none that does not, after which there is no point in going on."""

RARE = 10
"""Trials that fail for each that does not, after which there is no point either."""

ENDING = [s for s in signal.Signals if s.name in ("SIGHUP", "SIGINT", "SIGTERM", "SIGKILL")]
KILLED = {128 + signum for signum in ENDING} | {-signum for signum in ENDING}
"""Exit statuses of a run that somebody else ended, or of what watches it."""

AGAIN = 2
"""Times that such a run is gone on with."""


class Failing(UserError):
    """Trials that fail one after the other."""

    status = 1


@dataclass
class Running:
    """A trial whose process is at work."""

    taken: Taken
    job: Job
    started: float
    size: int = -1
    stopped: bool = False


def command(cell: PlannedRun, threads: int) -> list[str]:
    """Trains and validates; a trial never sees the test split."""
    return cells.command(cell, threads, "fit")


class Sweep:
    """Makes the trials of a study that are missing, as many at once as there is room for.

    Args:
        study: Whose trials.
        wanted: How many there shall be.
        jobs: Processes at once.
        threads: Of each process.
        console: For the display.
        command: What works on a trial's run.
    """

    def __init__(
        self,
        study: Study,
        wanted: int,
        jobs: int,
        threads: int,
        console: Console,
        command: Command = command,
    ) -> None:
        self.study, self.wanted, self.command = study, wanted, command
        self.jobs, self.threads = jobs, threads
        self._running: list[Running] = []
        self._bars: dict[str, Any] = {}
        self._ends: Counter[str] = Counter()
        self._killed: Counter[int] = Counter()
        self._waiting = False
        self._display = display(console)

    def work(self) -> None:
        """Until the study has as many trials as are wanted.

        Raises:
            Stopped: By a signal; the runs were told to save what they have, and did.
            Failing: Nothing but failures.
        """
        ended = self.study.ended()
        whole = self._display.add_task("all", total=self.wanted, completed=ended, unit="trials")
        with self._display, signals() as heard:
            try:
                while (self._running or ended < self.wanted) and not heard:
                    self._start()
                    time.sleep(LOOK)
                    if not heard:  # or else the run was stopped by the signal that this one got
                        self._collect()
                    ended = self.study.ended()
                    self._display.update(whole, completed=ended)
            finally:
                stop([running.job for running in self._running])
                for running in self._running:
                    running.taken.held.close()
        if heard:
            raise Stopped(
                f"stopped by {signal.Signals(heard[0]).name}; {ended} of {self.wanted} trials "
                "are finished; the same command goes on",
                heard[0],
            )

    def _start(self) -> None:
        while len(self._running) < self.jobs:
            taken = self.study.take(self.wanted)
            if taken is None:
                if not self._running and not self._waiting:
                    self._waiting = True
                    self._say("waiting      other processes work on the trials that are left")
                return
            if not self._found_ended(taken):
                self._run(taken)

    def _found_ended(self, taken: Taken) -> bool:
        """Whether a trial that was left needs no process: its run has ended since, or shall."""
        run = cells.unfinished(taken.cell)
        if run is None:
            return False
        worse = taken.report(Record(run).curves)
        done = cells.trained(taken.cell, run)
        if done or worse:
            with taken.held:
                self._end(taken, pruned=not done)
        return done or worse

    def _run(self, taken: Taken) -> None:
        words = self.command(taken.cell, self.threads)
        # Locked as long as either is open: the job's until its process ends, and the trial's until
        # the study knows of it.
        held = os.fdopen(os.dup(taken.held.fileno()), "w")
        job = Job(taken.cell, held, words, self.threads)
        self._running.append(Running(taken, job, time.monotonic()))
        most = taken.cell.settings.get("trainer.max_epochs")
        total = most if isinstance(most, int) and most > 0 else None
        title = _title(taken)
        self._bars[title] = self._display.add_task(title, total=total, unit="epochs")

    def _collect(self) -> None:
        for running in list(self._running):
            over = running.job.ended()  # asked first: what is written until then is read below
            self._watch(running)
            if over:
                self._running.remove(running)
                self._display.remove_task(self._bars.pop(_title(running.taken)))
                with running.taken.held:
                    self._over(running)

    def _watch(self, running: Running) -> None:
        """Report what is new in the run's table, and stop the run if it is not worth it."""
        table = _table(running.taken.cell)
        size = table.stat().st_size if table is not None and table.exists() else 0
        if table is None or size == running.size:
            return
        running.size = size
        worse = bool(size) and running.taken.report(Record(table.parent).curves)
        if worse and not running.stopped:
            running.stopped = True
            running.job.stop()
        scored = len(running.taken.scores)
        self._display.update(self._bars[_title(running.taken)], completed=scored)

    def _over(self, running: Running) -> None:
        taken, status = running.taken, running.job.status
        if len(Usage(taken.cell).starts) == 1:
            taken.trial.set_user_attr("seconds", round(time.monotonic() - running.started, 1))
        if status == 0 or running.stopped:
            self._end(taken, pruned=status != 0)
        elif status in KILLED and self._killed[taken.trial.number] < AGAIN:
            # Still a running one in the journal, so that it is taken up again.
            self._killed[taken.trial.number] += 1
            self._say(f"killed       {_title(taken)}: {running.job.complaint()}; goes on")
        else:
            self._fail(taken, running.job.complaint())

    def _end(self, taken: Taken, pruned: bool) -> None:
        best = taken.best
        if best is None:
            self._fail(taken, f"has no {taken.monitor} that is a number (checkpoint.monitor)")
            return
        if pruned:
            self.study.pruned(taken)
        else:
            self.study.complete(taken, best)
        self._ends["well"] += 1
        epochs = f"after {len(taken.scores)} epochs, {taken.monitor} {short(best)}"
        self._say(f"{'pruned  ' if pruned else 'finished'}     {_title(taken)} {epochs}")

    def _fail(self, taken: Taken, message: str) -> None:
        taken.trial.set_user_attr("said", message)
        self.study.failed(taken)
        self._ends["failed"] += 1
        self._say(f"failed       {_title(taken)}: {message}")
        if self._ends["failed"] >= max(HOPELESS, RARE * self._ends["well"]):
            well = self._ends["well"]
            of = f"{self._ends['failed']} trials failed and {well} did not"
            raise Failing(f"{of}; the last, {_title(taken)}: {message}")

    def _say(self, line: str) -> None:
        self._display.console.print(line, markup=False)


def _title(taken: Taken) -> str:
    return taken.cell.unit.name.replace("_", " ")


def _table(cell: PlannedRun) -> Path | None:
    run = cells.newest(cell)
    return run / "metrics.csv" if run else None
