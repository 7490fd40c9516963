"""Runs as SLURM jobs, submitted together as an array, through submitit. Imports no torch."""

import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import psutil

from kindling.cli import settings
from kindling.data import paths
from kindling.errors import UserError, require_package
from kindling.runs.folder import write
from kindling.tools.runner.executors import Executor, Room
from kindling.tools.runner.planned import PlannedRun
from kindling.tools.runner.process import Job, Work

JOB = "job.txt"
"""In a run's folder, the number of the job that was submitted for it."""


class Requeued(Work):
    """Work in a job that SLURM ends when its time is up, and then requeues."""

    process: psutil.Popen | None = None

    def __call__(self) -> int:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        return super().__call__()

    def pause(self) -> None:
        # SLURM's warning is received only here, not in the middle of a change or by the process.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        super().pause()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})

    def watch(self, process: psutil.Popen) -> int:
        self.process = process
        return super().watch(process)

    def checkpoint(self) -> Any:
        """At that warning, submitit asks what the job is to do when it is started again."""
        from submitit.helpers import DelayedSubmission

        if self.process is not None:
            self.stop()
            self.watch(self.process)
        return DelayedSubmission(replace(self, stopping=False))


class Slurm(Executor):
    """Jobs of SLURM.

    Args:
        file: What a run requests, as submitit names it; ``configs/executors/slurm.yaml``.
        folder: For the jobs' output; all machines must see it.
    """

    def __init__(self, file: Path | None, folder: Path) -> None:
        require_package("--executor slurm", "submitit", "submitit", "slurm")
        import submitit

        file = file or paths.CONFIGS / "executors" / "slurm.yaml"
        if not file.is_file():
            raise UserError(f"{file}: no such file; it says what a run requests (--slurm)")
        asked = settings.load(file)
        if not isinstance(asked, dict):
            raise UserError(f"{file}: expected lines such as timeout_min: 240")
        cluster = asked.pop("cluster", "slurm")
        self.threads = int(asked.get("cpus_per_task", 1))
        more = {"requeue": True} | asked.get("slurm_additional_parameters", {})
        asked["slurm_additional_parameters"] = more
        endless = {f"{cluster}_max_num_timeout": 1_000_000}
        try:
            self._submitit = submitit.AutoExecutor(folder / "%j", cluster=cluster, **endless)
            self._submitit.update_parameters(name="kindling", **asked)
        except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"{file}: {str(error).partition(chr(10))[0]}") from error

    def room(self, runs: int, jobs: int | None) -> Room:
        return Room(min(jobs or runs, runs), self.threads, self)

    def start(self, taken: Sequence[tuple[Work, IO[str]]]) -> Sequence[Job]:
        earlier = [self._earlier(work.planned) for work, _ in taken]
        # All are registered first, so that SLURM is asked once; an unknown job is submitted again.
        jobs: list[Any] = [
            job if job and not job.done() and job.state != "UNKNOWN" else None for job in earlier
        ]
        if None in jobs:
            with self._submitit.batch():
                for k, (work, _) in enumerate(taken):
                    jobs[k] = jobs[k] or self._submitit.submit(Requeued(**vars(work)))
        for job, (work, _) in zip(jobs, taken, strict=True):
            write(work.planned.folder / JOB, job.job_id)
        return [
            Job(*each, job.done, partial(_result, job), partial(job.cancel, check=False))
            for job, each in zip(jobs, taken, strict=True)
        ]

    def _earlier(self, planned: PlannedRun) -> Any:
        """The job, if any, that an earlier command submitted for just this run."""
        from submitit import SlurmJob

        path = planned.folder / JOB
        if self._submitit.cluster != "slurm" or not path.is_file():
            return None
        job: Any = SlurmJob(self._submitit.folder, path.read_text())
        there = job.paths.submitted_pickle.exists()
        return job if there and job.submission().function.planned == planned else None


def _result(job: Any) -> int:
    if (error := job.exception()) is not None:
        message = f"job {job.job_id} ended without output ({job.state})"
        raise ChildProcessError(f"{message}: see {job.paths.stderr}") from error
    return int(job.result())
