"""Many runs, as many at once as there is room for. Imports no torch."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TimeElapsedColumn

from kindling.api.record import Record
from kindling.errors import Stopped
from kindling.tools.runner.executors import Room
from kindling.tools.runner.planned import LOCK, PlannedRun
from kindling.tools.runner.process import LOOK, WHERE, Job, Work

SIGNALS = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]
"""Those that the system has."""


class Pool(ABC):
    """Starts jobs, watches them and stops them; a subclass says which runs they execute."""

    what = "runs"

    def __init__(self, wanted: int, room: Room, console: Console) -> None:
        self.wanted, (self.jobs, self.threads, self.executor) = wanted, room
        self.running: dict[Job, TaskID] = {}
        self._shown: set[str] = set()
        self._read: dict[str, tuple[Path, int]] = {}  # run and bytes of its table, by title
        self._epochs: dict[str, int] = {}
        what = "{task.fields[what]}", TimeElapsedColumn(), "{task.fields[where]}"
        columns = "{task.description}", BarColumn(), MofNCompleteColumn(), *what
        self._display = Progress(*columns, console=console, transient=True, refresh_per_second=4)

    @abstractmethod
    def finished(self) -> int:
        """How many of the wanted runs are finished."""

    @abstractmethod
    def take(self) -> tuple[PlannedRun, IO[str]] | None:
        """A run that needs a process, and its lock; None if there is none at this moment."""

    @abstractmethod
    def end(self, job: Job) -> None:
        """Record the end of a job; until then, its run stays locked."""

    def waiting(self) -> bool:
        """Whether there are runs that nobody has started."""
        return self.finished() < self.wanted

    def watch(self, job: Job) -> int:
        """Read what a run has logged since the last time, and count its epochs."""
        title, run = job.planned.title, job.planned.newest()
        table = run / "metrics.csv" if run else None
        size = table.stat().st_size if table and table.exists() else 0
        if run and size and (run, size) != self._read.get(title):
            self._read[title] = run, size
            self._epochs[title] = self.look(job, Record(run).curves)
        return self._epochs.get(title, 0)

    def look(self, job: Job, rows: Sequence[Mapping[str, float]]) -> int:
        """Epochs of these rows, of which there can be several for one epoch."""
        return len({row["epoch"] for row in rows if "epoch" in row})

    def work(self) -> None:
        """Run until nothing is left to do.

        Raises:
            Stopped: A signal stopped it; the runs have saved what they have.
        """
        whole = self._display.add_task(
            "all", total=self.wanted, completed=self.finished(), what=self.what, where=""
        )
        with self._display, signals() as heard:
            try:
                while (self.running or self.waiting()) and not heard:
                    self._start()
                    time.sleep(LOOK)
                    if not heard:  # otherwise the same signal may have stopped the job
                        self._collect()
                    self._display.update(whole, completed=self.finished())
            finally:
                self._stop()
        if heard:
            name, done = signal.Signals(heard[0]).name, f"{self.finished()} of {self.wanted}"
            how = f"stopped by {name}; {done} {self.what} are finished; the same command continues"
            raise Stopped(how, heard[0])

    def say(self, line: str, once: bool = False) -> None:
        if line not in self._shown:
            self._display.console.print(line, markup=False)
        if once:
            self._shown.add(line)

    def _start(self) -> None:
        taken: list[tuple[Work, IO[str]]] = []
        while len(self.running) + len(taken) < self.jobs and (one := self.take()):
            planned, held = one
            if not planned.at_work():
                (planned.folder / WHERE).unlink(missing_ok=True)  # of an earlier start
            taken.append((Work(planned, self.threads), held))
        for job in self.executor.start(taken):
            self.running[job] = self._display.add_task(
                job.planned.title, total=job.planned.max_epochs, what="epochs", where=""
            )

    def _collect(self) -> None:
        for job, bar in list(self.running.items()):
            over = job.ended()  # asked first, so that all that it wrote is read below
            self._display.update(bar, completed=self.watch(job), where=job.where())
            if over:
                del self.running[job]
                self._display.remove_task(bar)
                with job.held:
                    self.end(job)

    def _stop(self) -> None:
        """Let the running jobs save what they have, and wait for them."""
        for job in self.running:
            job.stop()
        while not all(job.ended() for job in self.running):
            time.sleep(LOOK)
        for job in self.running:
            job.held.close()
        self.running.clear()


class Runs(Pool):
    """Executes planned runs; finished ones are not repeated.

    ``failed`` has the titles of those that failed, and why.
    """

    def __init__(self, wanted: Sequence[PlannedRun], room: Room, console: Console) -> None:
        super().__init__(len(wanted), room, console)
        self.failed: dict[str, str] = {}
        self._left = [planned for planned in wanted if planned.finished() is None]
        self._finished = len(wanted) - len(self._left)
        if self._finished:
            self.say(f"finished     {self._finished} of {len(wanted)} runs before")

    def finished(self) -> int:
        return self._finished

    def waiting(self) -> bool:
        return bool(self._left)

    def take(self) -> tuple[PlannedRun, IO[str]] | None:
        for planned in list(self._left):
            held = planned.hold(LOCK)
            if held is None:
                self.say(f"waiting      {planned.title}: another process runs it", once=True)
                continue
            self._left.remove(planned)
            if planned.finished() is None:
                return planned, held
            held.close()
            self._finished += 1
        return None

    def end(self, job: Job) -> None:
        title = job.planned.title
        if job.status or job.planned.finished() is None:
            self.failed[title] = job.complaint()
            self.say(f"failed       {title}: {job.complaint()}")
        else:
            self._finished += 1
            self.say(f"finished     {title}")


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
