"""Runs in processes of their own, as many at once as there is room for. Imports no torch."""

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kindling.errors import Stopped
from kindling.tools.compare import cells
from kindling.tools.compare.job import Job
from kindling.tools.compare.plan import PlannedRun

Command = Callable[[PlannedRun, int], list[str]]

LOOK = 0.2
"""Seconds between two looks at the processes."""

GRACE = 60.0
"""Seconds that a process has to save what it has when all are told to stop."""

SIGNALS = [s for s in signal.Signals if s.name in ("SIGINT", "SIGTERM", "SIGHUP")]
"""Those of them that the system has."""


class Pool:
    """Works through cells; what is finished is not done again.

    Args:
        jobs: Processes at once.
        threads: Of each process.
        console: For the display.
        command: What works on a cell.
    """

    def __init__(
        self, jobs: int, threads: int, console: Console, command: Command = cells.command
    ) -> None:
        self.jobs, self.threads, self.command = jobs, threads, command
        self.failed: dict[str, str] = {}
        self._running: list[Job] = []
        self._bars: dict[str, Any] = {}
        self._said: set[str] = set()
        self._display = display(console)

    def work(self, wanted: Sequence[PlannedRun]) -> None:
        """Run every cell that is not finished; ``failed`` has those that could not be.

        Raises:
            Stopped: By a signal; the processes were told to save what they have, and did.
        """
        waiting = [cell for cell in wanted if cells.finished(cell) is None]
        done = len(wanted) - len(waiting)
        if done:
            self._display.console.print(f"finished     {done} of {len(wanted)} runs, from before")
        whole = self._display.add_task("all", total=len(wanted), completed=done, unit="runs")
        with self._display, signals() as heard:
            try:
                while (waiting or self._running) and not heard:
                    self._start(waiting)
                    time.sleep(LOOK)
                    self._collect()
                    left = len(waiting) + len(self._running)
                    self._display.update(whole, completed=len(wanted) - left)
            finally:
                stop(self._running)
                self._running.clear()
        if heard:
            left = sum(cells.finished(cell) is None for cell in wanted)
            raise Stopped(
                f"stopped by {signal.Signals(heard[0]).name}; {len(wanted) - left} of "
                f"{len(wanted)} runs are finished; the same command goes on",
                heard[0],
            )

    def _start(self, waiting: list[PlannedRun]) -> None:
        for cell in list(waiting):
            if len(self._running) >= self.jobs:
                return
            held = cells.lock(cell)
            if held is None:
                self._say_once(f"waiting      {cell.title}: another process is at it")
                continue
            waiting.remove(cell)
            if cells.finished(cell) is not None:
                held.close()
                continue
            self._running.append(Job(cell, held, self.command(cell, self.threads), self.threads))
            most = cell.settings.get("trainer.max_epochs")
            total = most if isinstance(most, int) and most > 0 else None
            self._bars[cell.title] = self._display.add_task(cell.title, total=total, unit="epochs")

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._display.console.print(line, markup=False)

    def _collect(self) -> None:
        for job in list(self._running):
            bar = self._bars[job.cell.title]
            self._display.update(bar, completed=cells.epochs(job.cell))
            if not job.ended():
                continue
            self._running.remove(job)
            self._display.remove_task(bar)
            if job.status or cells.finished(job.cell) is None:
                self.failed[job.cell.title] = job.complaint()
                message = f"failed       {job.cell.title}: {job.complaint()}"
            else:
                message = f"finished     {job.cell.title}"
            self._display.console.print(message, markup=False)


def display(console: Console) -> Progress:
    """Bars of what runs, gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        refresh_per_second=4,
    )


def stop(running: Sequence[Job]) -> None:
    """Let what is still running save what it has, and wait for it."""
    for job in running:
        job.stop()
    patience = time.monotonic() + GRACE
    while [job for job in running if not job.ended()]:
        if time.monotonic() > patience:
            for job in running:
                job.kill()
        time.sleep(LOOK)


@contextmanager
def signals() -> Iterator[list[int]]:
    """The signals heard so far, none of which ends this process by itself."""
    heard: list[int] = []
    before = {s: signal.signal(s, lambda signum, frame: heard.append(signum)) for s in SIGNALS}
    try:
        yield heard
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def share_out(runs: int, cores: int, gpus: int, jobs: int | None = None) -> tuple[int, int]:
    """Processes at once, and threads for each: all cores in use, none twice.

    Where there is a GPU, runs take turns unless ``jobs`` says otherwise: they would share its
    memory.
    """
    jobs = jobs or (1 if gpus else cores)
    jobs = max(1, min(jobs, runs))
    return jobs, max(1, cores // jobs)
