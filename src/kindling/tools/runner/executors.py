"""Where runs are executed. Imports no torch, except to count this machine's GPUs."""

import os
from abc import ABC, abstractmethod
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, NamedTuple

from kindling.data.files import cores
from kindling.tools.runner.process import Job, Work


class Room(NamedTuple):
    """How many runs at once, on how many threads each, and where."""

    jobs: int
    threads: int
    executor: "Executor"


class Executor(ABC):
    @abstractmethod
    def room(self, runs: int, jobs: int | None) -> Room:
        """The room for so many runs, at most ``jobs`` at once if that is given."""

    def start(self, taken: Sequence[tuple[Work, IO[str]]]) -> Sequence[Job]:
        """Start or queue work, and pass on the locks of its folders."""
        return [self.submit(*each) for each in taken]

    def submit(self, work: Work, held: IO[str]) -> Job:
        """Start or queue one piece of work, where it is not done for all at once."""
        raise NotImplementedError


class Local(Executor):
    """Processes of this machine, each on GPUs of its own while there are enough.

    Args:
        gpus: All that may be used, by the names that ``CUDA_VISIBLE_DEVICES`` has for them.
    """

    def __init__(self, gpus: Sequence[str] = ()) -> None:
        self.gpus = gpus
        self._jobs: list[Job] = []
        self._threads = ThreadPoolExecutor(10_000)  # each made when it is needed

    def room(self, runs: int, jobs: int | None) -> Room:
        return Room(*share_out(runs, cores(), len(self.gpus), jobs), self)

    def submit(self, work: Work, held: IO[str]) -> Job:
        self._jobs = [job for job in self._jobs if job.status is None]
        used = [gpu for job in self._jobs for gpu in (job.work.gpus or "").split(",")]
        least = sorted(self.gpus, key=used.count)[: work.devices]
        work.gpus = ",".join(least) or None
        future = self._threads.submit(work)
        self._jobs.append(Job(work, held, future.done, future.result, work.stop))
        return self._jobs[-1]


def room(runs: int, options: Namespace) -> Room:
    """Room for so many runs on the executor that the command line names."""
    if options.executor == "slurm":
        from kindling.tools.runner.slurm import Slurm

        executor: Executor = Slurm(options.slurm, options.logs.absolute() / ".slurm")
    elif options.executor == "ray":
        from kindling.tools.runner.ray import Ray

        executor = Ray(options.address)
    else:
        import torch

        count = torch.cuda.device_count()
        named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        executor = Local(named if len(named) == count else [str(k) for k in range(count)])
    return executor.room(runs, options.jobs)


def share_out(runs: int, cores: int, gpus: int, jobs: int | None = None) -> tuple[int, int]:
    """All cores in use, none twice; with GPUs, a run for each unless ``jobs`` says otherwise."""
    jobs = max(1, min(jobs or gpus or cores, runs))
    return jobs, max(1, cores // jobs)
