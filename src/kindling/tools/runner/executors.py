"""Where runs are executed: on this machine, by SLURM through submitit, or by Ray.

Imports no torch, except to count this machine's GPUs.
"""

import importlib
import math
import os
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from kindling.cli import settings
from kindling.data import paths
from kindling.data.files import cores
from kindling.errors import UserError, require_package
from kindling.runs.folder import write
from kindling.tools.runner.planned import Job, PlannedRun, Work

STORE = 128 * 1024**2  # bytes for Ray's objects, of which a run has next to none
JOB = "job.txt"  # in a run's folder, the number of the job that was submitted to SLURM for it


class Local:
    """Processes of this machine, each on GPUs of its own while there are enough.

    ``gpus`` are all that may be used, by the names that ``CUDA_VISIBLE_DEVICES`` has for them.
    """

    def __init__(self, runs: int, jobs: int | None = None, gpus: Sequence[str] = ()) -> None:
        self.jobs, self.threads = share_out(runs, cores(), len(gpus), jobs)
        self.gpus = gpus
        self._used: list[tuple[list[str], Future[int]]] = []
        self._threads = ThreadPoolExecutor(10_000)  # each made when it is needed

    def start(self, wanted: Sequence[PlannedRun]) -> list[Job]:
        jobs = []
        for planned in wanted:
            used = [gpu for gpus, future in self._used if not future.done() for gpu in gpus]
            least = sorted(self.gpus, key=used.count)[: planned.devices]
            work = Work(planned, self.threads, ",".join(least) or None)
            future = self._threads.submit(work)
            self._used.append((least, future))
            jobs.append(Job(planned, future.done, future.result, work.stop))
        return jobs


class Ray:
    """Tasks of a Ray cluster, of which one is started here by default.

    A task whose machine is lost restarts on another.
    """

    def __init__(self, runs: int, jobs: int | None, address: str | None) -> None:
        require_package("--executor ray", "ray", "Ray", "ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        self.ray: Any = importlib.import_module("ray")
        address = address or os.environ.get("RAY_ADDRESS", "local")
        own: dict[str, Any] = {"num_cpus": cores(), "object_store_memory": STORE}
        own = {**own, "include_dashboard": False} if address == "local" else {}
        own["ignore_reinit_error"] = True  # of another command in the same process
        try:
            self.ray.init(address, log_to_driver=False, logging_level="ERROR", **own)
        except Exception as error:  # of many kinds
            reason = str(error).partition("\n")[0]
            raise UserError(f"{address}: {reason} (--address)") from error
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        each = [int(node["CPU"]) for node in nodes if node.get("CPU")]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        self.jobs, threads = share_out(runs, sum(each), gpus, jobs)
        self.threads = min(threads, *each)  # on any of the machines
        self.gpus = 1 / max(1, math.ceil(self.jobs / gpus)) if gpus else 0.0

    def start(self, wanted: Sequence[PlannedRun]) -> list[Job]:
        jobs = []
        for planned in wanted:
            gpus = self.gpus if planned.devices == 1 else planned.devices * bool(self.gpus)
            needs = {"num_cpus": self.threads, "num_gpus": gpus, "max_retries": -1}
            task = self.ray.remote(Work.__call__).options(name=planned.title, **needs)
            started = task.remote(Work(planned, self.threads))
            future = started.future()
            stop = partial(self.ray.cancel, started)
            jobs.append(Job(planned, future.done, future.result, stop))
        return jobs


class Slurm:
    """Jobs of SLURM, which request what a file says, as submitit names it.

    Their output is in a folder that all machines must see.
    """

    def __init__(self, runs: int, jobs: int | None, file: Path | None, folder: Path) -> None:
        require_package("--executor slurm", "submitit", "submitit", "slurm")
        import submitit

        file = file or paths.CONFIGS / "executors" / "slurm.yaml"
        if not file.is_file():
            raise UserError(f"{file}: no such file; it says what a run requests (--slurm)")
        asked = settings.settings(file)
        cluster = asked.pop("cluster", "slurm")
        self.jobs, self.threads = min(jobs or runs, runs), int(asked.get("cpus_per_task", 1))
        more = {"requeue": True} | asked.get("slurm_additional_parameters", {})
        asked["slurm_additional_parameters"] = more
        endless = {f"{cluster}_max_num_timeout": 1_000_000}
        try:
            self._submitit = submitit.AutoExecutor(folder / "%j", cluster=cluster, **endless)
            self._submitit.update_parameters(name="kindling", **asked)
        except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"{file}: {str(error).partition(chr(10))[0]}") from error

    def start(self, wanted: Sequence[PlannedRun]) -> list[Job]:
        jobs = [self._earlier(planned) for planned in wanted]
        if None in jobs:
            with self._submitit.batch():
                for k, planned in enumerate(wanted):
                    jobs[k] = jobs[k] or self._submitit.submit(Work(planned, self.threads))
        for job, planned in zip(jobs, wanted, strict=True):
            write(planned.folder / JOB, job.job_id)
        return [
            Job(planned, job.done, partial(_result, job), partial(job.cancel, check=False))
            for job, planned in zip(jobs, wanted, strict=True)
        ]

    def _earlier(self, planned: PlannedRun) -> Any:
        """The job, if any, that an earlier command submitted for just this run."""
        from submitit import SlurmJob

        path = planned.folder / JOB
        if self._submitit.cluster != "slurm" or not path.is_file():
            return None
        job: Any = SlurmJob(self._submitit.folder, path.read_text())
        if not job.paths.submitted_pickle.exists() or job.submission().function.planned != planned:
            return None
        return None if job.done() or job.state == "UNKNOWN" else job


def _result(job: Any) -> int:
    if (error := job.exception()) is not None:
        message = f"job {job.job_id} ended without output ({job.state})"
        raise ChildProcessError(f"{message}: see {job.paths.stderr}") from error
    return int(job.result())


Executor = Local | Ray | Slurm
"""Executes at most ``jobs`` runs at once, each in a process of ``threads`` threads."""


def choose(runs: int, options: Namespace) -> Executor:
    """The executor that the command line names, for so many runs."""
    if options.executor == "slurm":
        return Slurm(runs, options.jobs, options.slurm, options.logs.absolute() / ".slurm")
    if options.executor == "ray":
        return Ray(runs, options.jobs, options.address)
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    gpus = named if len(named) == count else [str(k) for k in range(count)]
    return Local(runs, options.jobs, gpus)


def share_out(runs: int, cores: int, gpus: int, jobs: int | None = None) -> tuple[int, int]:
    """All cores in use, none twice; with GPUs, a run for each unless ``jobs`` says otherwise."""
    jobs = max(1, min(jobs or gpus or cores, runs))
    return jobs, max(1, cores // jobs)
