"""A planned run, and the process that executes it, here or on another machine. Imports no torch."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
from filelock import lock_descriptor

from kindling.api.record import RESULTS, Record, Settings
from kindling.errors import UserError
from kindling.runs import folder as runs

LOCK = ".work"  # held by the process that executes the run
OUTPUT = "output.txt"  # what a run's process printed
WHERE = "where.txt"  # the machine and GPUs that it was started on
LOOK = 0.2  # seconds between two looks at a process
GRACE = 60.0  # seconds that a process has to save
STOPPED = 128 + signal.SIGTERM  # exit status of a process that was told to stop


@dataclass(frozen=True)
class PlannedRun:
    """One run that a command needs."""

    title: str  # what the display calls it
    task: str
    folder: Path  # its own ``--logs``
    flags: list[str]  # all but ``--logs`` and ``--threads``
    settings: Settings  # by which the run is recognized
    verb: str = "train"  # or ``fit``, for a run that is not tested

    def finished(self) -> Path | None:
        """The newest run with these settings for which there is nothing left to do."""
        for run in self._made():
            if self.trained(run) if self.verb == "fit" else (run / RESULTS).is_file():
                return run
        return None

    def unfinished(self) -> Path | None:
        """The newest run with these settings that can be resumed."""
        return next((run for run in self._made() if (run / runs.LAST).is_file()), None)

    def newest(self) -> Path | None:
        """The run that was started last, whatever its settings."""
        return next(iter(self._versions()), None)

    @property
    def max_epochs(self) -> int | None:
        most = self.settings.get("trainer.max_epochs")
        return most if isinstance(most, int) and most > 0 else None

    @property
    def devices(self) -> int:
        """GPUs that the run uses if there are any."""
        devices = self.settings.get("trainer.devices")
        return devices if isinstance(devices, int) and devices > 0 else 1

    def trained(self, run: Path) -> bool:
        """Whether training is complete, even if the run was killed before it recorded that."""
        if not all((run / file).is_file() for file in (runs.BEST, runs.LAST)):
            return False
        record = Record(run)
        # Of an epoch, the training scores are logged last, after the checkpoint is written.
        last = next(iter(record.curves[-1:]), {})
        whole = self.max_epochs == last.get("epoch", -1) + 1 and "train/loss" in last
        return whole or record.seconds is not None

    def command(self, threads: int) -> list[str]:
        """The command that starts the run, or resumes it.

        A run that was killed before its first checkpoint is removed: it holds nothing.
        """
        python, run = [sys.executable, "-m", "kindling"], self.unfinished()
        if run is not None:
            return [*python, "test" if self.trained(run) else self.verb, f"--run={run}"]
        for empty in self._made():
            if not runs.has_checkpoint(empty):
                shutil.rmtree(empty)
        where = [f"--logs={self.folder}", f"--threads={threads}"]
        return [*python, self.verb, *self.flags, *where, "--trainer.enable_progress_bar=false"]

    def hold(self) -> IO[str] | None:
        """The lock to execute the run; None if another process holds it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        held = (self.folder / LOCK).open("w")
        if lock_descriptor(held.fileno(), blocking=False):
            return held
        held.close()
        return None

    def at_work(self) -> bool:
        """Whether a process executes the run at this moment, on any machine."""
        if held := self.hold():
            held.close()
        return held is None

    def _made(self) -> Iterator[Path]:
        """The runs with these settings, the newest first; others stay where they are."""
        for run in self._versions():
            try:
                made = Record(run).settings
            except UserError:
                continue  # killed while it wrote its configuration
            if all(name in made and made[name] == value for name, value in self.settings.items()):
                yield run

    def _versions(self) -> list[Path]:
        folders = (self.folder / self.task).glob("version_*")
        return sorted(folders, key=lambda run: int(run.name.removeprefix("version_")), reverse=True)


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
