"""The process that executes a planned run, on this machine or another. Imports no torch."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from kindling.tools.runner.planned import PlannedRun

OUTPUT = "output.txt"  # what a run's process printed
WHERE = "where.txt"  # the machine and GPUs that it was started on
LOOK = 0.2  # seconds between two looks at a process
GRACE = 60.0  # seconds that a process has to save
STOPPED = 128 + signal.SIGTERM  # exit status of a process that was told to stop


@dataclass
class Work:
    """Executes a planned run in a process of its own, on the machine on which this is called."""

    planned: PlannedRun
    threads: int  # of the process
    gpus: str | None = None  # that the process sees; by default, those that this process sees
    cwd: Path = field(default_factory=Path.cwd)  # that relative paths start from
    stopping: bool = False  # the process is to save what it has and end

    def __call__(self) -> int:
        """The exit status of the process; the folder is locked as long as it lives."""
        # SLURM's warning, to all processes of a job, is received only in a pause.
        _warnings("SIG_BLOCK")
        # A process may have outlived the command that started it, or was thought lost.
        while not (held := self.planned.hold()):
            self._pause()
            if self.stopping:
                return STOPPED
        with held:
            if self.planned.finished():
                return 0
            self.process = self._start(held.fileno())
            return self._watch()

    def stop(self) -> None:
        self.stopping = True

    def checkpoint(self) -> Any:
        """At SLURM's warning, submitit asks what the job is to do when it is started again."""
        from submitit.helpers import DelayedSubmission

        if hasattr(self, "process"):
            self.stop()
            self._watch()
        return DelayedSubmission(Work(self.planned, self.threads, self.gpus, self.cwd))

    def _pause(self) -> None:
        _warnings("SIG_UNBLOCK")
        try:
            time.sleep(LOOK)
        except KeyboardInterrupt:  # Ray's way to end a task
            self.stop()
        _warnings("SIG_BLOCK")

    def _watch(self) -> int:
        """Wait for the end of the process, which is told to stop when this is."""
        told, process = 0.0, self.process
        while (status := process.poll()) is None:
            with suppress(psutil.Error):
                if self.stopping and not told:
                    told = time.monotonic()
                    process.terminate()
                elif told and time.monotonic() - told >= GRACE:
                    for each in [*process.children(recursive=True), process]:
                        each.kill()
            self._pause()
        return int(status)

    def _start(self, lock: int) -> psutil.Popen:
        # Lightning would take the job that SLURM has started for its own.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
        environ["OMP_NUM_THREADS"] = str(self.threads)
        if self.gpus is not None:
            environ["CUDA_VISIBLE_DEVICES"] = self.gpus
        gpus = environ.get("CUDA_VISIBLE_DEVICES")
        host = socket.gethostname() + (f", GPU {gpus}" if gpus else "")
        (self.planned.folder / WHERE).write_text(host)
        with (self.planned.folder / OUTPUT).open("w") as output:
            return psutil.Popen(
                self.planned.command(self.threads),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.cwd,
                env=environ,
                # Where a process cannot inherit it, the lock is held as long as this one lives.
                pass_fds=[] if sys.platform == "win32" else [lock],
                # Ctrl-C is for the command that started it, which passes it on once.
                start_new_session=True,
            )


@dataclass(eq=False)
class Job:
    """A run that an executor has started or queued."""

    planned: PlannedRun
    done: Callable[[], bool]  # it has ended, or will never begin
    result: Callable[[], int]  # the exit status, once it is done; raises where there is none
    cancel: Callable[[], object]  # tells the run to save what it has and end
    stopped: bool = False

    def stop(self) -> None:
        if not self.stopped and not self.done():
            self.cancel()
        self.stopped = True

    def ended(self) -> bool:
        return self.done() or (self.stopped and not self.planned.at_work())

    def where(self) -> str:
        path = self.planned.folder / WHERE
        return path.read_text() if path.exists() else "queued"

    def failure(self) -> str:
        """Why a run that has ended has failed; empty if it has not."""
        try:
            status = self.result() if self.done() else STOPPED
        except Exception as error:  # of any kind that an executor has
            return str(error).strip().rpartition("\n")[2]
        path = self.planned.folder / OUTPUT
        lines = path.read_text(errors="replace").strip() if path.exists() else ""
        last = lines.rpartition("\n")[2].removeprefix("kindling: ") or "no output"
        return f"exit status {status}: {last}" if status else ""


def _warnings(how: str) -> None:
    """Block or unblock SLURM's warning, which a process inherits as blocked."""
    if sys.platform != "win32":
        signal.pthread_sigmask(getattr(signal, how), {signal.SIGUSR2})
