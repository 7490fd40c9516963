"""The process that executes a planned run, on this machine or another. Imports no torch."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import IO

import psutil

from kindling.tools.runner.planned import PlannedRun

OUTPUT = "output.txt"

WHERE = "where.txt"
"""The machine, and its GPUs, that a run was started on."""

LOOK = 0.2
"""Seconds between two looks at a process."""

GRACE = 0.0 if sys.platform == "win32" else 60.0
"""Seconds that a process has to save, on systems where it can be told to."""

STOPPED = 128 + SIGTERM
"""Exit status of a process that was told to stop."""


@dataclass
class Work:
    """Executes a planned run in a process of its own, on the machine on which this is called.

    Args:
        planned: The run.
        threads: Threads of the process.
        gpus: GPUs that the process sees; by default, those that this process sees.
        cwd: The folder that relative paths start from.
        stopping: Whether the process is to save what it has and end.
    """

    planned: PlannedRun
    threads: int
    gpus: str | None = None
    cwd: Path = field(default_factory=Path.cwd)
    stopping: bool = False

    def __call__(self) -> int:
        """The exit status of the process; the folder is locked as long as it lives."""
        # A process may have outlived the command that started it, or was thought lost.
        while not (held := self.planned.hold()):
            self.pause()
            if self.stopping:
                return STOPPED
        with held:
            return 0 if self.planned.finished() else self.watch(self._start(held.fileno()))

    @property
    def devices(self) -> int:
        """GPUs that the run uses if there are any."""
        devices = self.planned.settings.get("trainer.devices")
        return devices if isinstance(devices, int) and devices > 0 else 1

    def stop(self) -> None:
        self.stopping = True

    def pause(self) -> None:
        try:
            time.sleep(LOOK)
        except KeyboardInterrupt:  # Ray's way to end a task
            self.stopping = True

    def watch(self, process: psutil.Popen) -> int:
        """Wait for the end of the process, which is told to stop when this is."""
        told = 0.0
        while (status := process.poll()) is None:
            with suppress(psutil.Error):
                if told and time.monotonic() - told >= GRACE:
                    for each in [*process.children(recursive=True), process]:
                        each.kill()
                elif self.stopping and not told:
                    told = time.monotonic()
                    if GRACE:
                        process.terminate()
            self.pause()
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
    """A run that an executor has started or queued; its folder is locked as long as it is watched.

    Args:
        work: The work of the job.
        held: The lock.
        over: Whether it has ended, or will never begin.
        result: The exit status, once it is over; raises where there is none.
        cancel: Tells the run to save what it has and end.
    """

    work: Work
    held: IO[str]
    over: Callable[[], bool]
    result: Callable[[], int]
    cancel: Callable[[], object]
    status: int | None = None
    error: str = ""
    stopped: bool = False

    @property
    def planned(self) -> PlannedRun:
        return self.work.planned

    def stop(self) -> None:
        if not self.stopped and not self.over():
            self.cancel()
        self.stopped = True

    def ended(self) -> bool:
        if self.status is None and self.over():
            try:
                self.status = self.result()
            except Exception as error:  # of any kind that an executor has
                self.status, self.error = 1, str(error).strip().rpartition("\n")[2]
        elif self.status is None and self.stopped and not self.planned.at_work():
            self.status = STOPPED
        return self.status is not None

    def where(self) -> str:
        path = self.planned.folder / WHERE
        return path.read_text() if path.exists() else "queued"

    def complaint(self) -> str:
        """The last line that the process printed, or what is wrong with a run that succeeded."""
        if self.error:
            return self.error
        if self.status == 0:
            return "made with other settings; was a configuration edited meanwhile? start again"
        lines = (self.planned.folder / OUTPUT).read_text(errors="replace").split("\n")
        message = next((line.strip() for line in reversed(lines) if line.strip()), "no output")
        return f"exit status {self.status}: {message.removeprefix('kindling: ')}"
