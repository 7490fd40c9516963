"""Many runs, as many at once as there is room for. Imports no torch."""

import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.status import Status

from kindling.api.record import Record
from kindling.errors import Stopped
from kindling.tools.runner.executors import Executor
from kindling.tools.runner.planned import LOOK, WHERE, Job, PlannedRun

SIGNALS = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]  # there are


class Pool:
    """Executes planned runs; finished ones are not repeated.

    A subclass may find other runs to execute.

    Attributes:
        failed: The titles of those that failed, and why.
    """

    what = "runs"

    def __init__(self, wanted: Sequence[PlannedRun], executor: Executor) -> None:
        self.wanted, self.executor = len(wanted), executor
        self.left = [planned for planned in wanted if planned.finished() is None]
        self.failed: dict[str, str] = {}
        self.running: dict[Job, int] = {}  # with their epochs

    def finished(self) -> int:
        """How many of the wanted runs are finished."""
        return self.wanted - len(self.left) - len(self.running) - len(self.failed)

    def take(self) -> PlannedRun | None:
        """A run to start; None if there is none at this moment."""
        return self.left.pop(0) if self.left else None

    def look(self, job: Job, rows: Sequence[Mapping[str, float]]) -> int:
        """Epochs of the rows that a running job has logged, several of which can be of one."""
        return len({row["epoch"] for row in rows if "epoch" in row})

    def end(self, job: Job) -> None:
        """Record the end of a job."""
        title, failure = job.planned.title, job.failure()
        if not failure and job.planned.finished() is None:
            failure = "made with other settings; was a configuration edited meanwhile? start again"
        if failure:
            self.failed[title] = failure
        print(f"failed       {title}: {failure}" if failure else f"finished     {title}")

    def work(self) -> None:
        """Run until nothing is left to do.

        Raises:
            Stopped: A signal stopped it; the runs have saved what they have.
        """
        if before := self.finished():
            print(f"finished     {before} of {self.wanted} {self.what} before")
        with Status("") as display, signals() as heard:
            try:
                while not heard and self._start():
                    time.sleep(LOOK)
                    if not heard:  # otherwise the same signal may have stopped the job
                        self._collect()
                    display.update("\n".join(self._shown()))
            finally:
                self._stop()
        if heard:
            name, done = signal.Signals(heard[0]).name, f"{self.finished()} of {self.wanted}"
            how = f"stopped by {name}; {done} {self.what} are finished; the same command continues"
            raise Stopped(how, heard[0])

    def _start(self) -> bool:
        """Start what there is room for; whether anything runs."""
        wanted: list[PlannedRun] = []
        while len(self.running) + len(wanted) < self.executor.jobs and (one := self.take()):
            if not one.at_work():
                (one.folder / WHERE).unlink(missing_ok=True)  # of an earlier start
            wanted.append(one)
        self.running |= dict.fromkeys(self.executor.start(wanted) if wanted else [], 0)
        return bool(self.running)

    def _collect(self) -> None:
        for job in list(self.running):
            over = job.ended()  # asked first, so that all that it wrote is read below
            run = job.planned.newest()
            self.running[job] = self.look(job, Record(run).curves if run else [])
            if over:
                del self.running[job]
                self.end(job)

    def _shown(self) -> Iterator[str]:
        """What runs where."""
        yield f"{self.finished()} of {self.wanted} {self.what} are finished"
        for job, epochs in self.running.items():
            most = f" of {job.planned.max_epochs}" if job.planned.max_epochs else ""
            yield f"  {job.planned.title}: {epochs}{most} epochs, {job.where()}"

    def _stop(self) -> None:
        """Let the running jobs save what they have, and wait for them."""
        for job in self.running:
            job.stop()
        while not all(job.ended() for job in self.running):
            time.sleep(LOOK)
        self.left += [job.planned for job in self.running]
        self.running.clear()


@contextmanager
def signals() -> Iterator[list[int]]:
    """The signals received so far, none of which ends this process by itself."""
    heard: list[int] = []
    before = {s: signal.signal(s, lambda signum, frame: heard.append(signum)) for s in SIGNALS}
    try:
        yield heard
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
