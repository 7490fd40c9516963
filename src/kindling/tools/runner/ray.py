"""Runs as tasks of an existing Ray cluster, or of one on this machine. Imports no torch."""

import importlib
import math
import os
from functools import partial
from typing import IO, Any

from kindling.data.files import cores
from kindling.errors import UserError, require_package
from kindling.tools.runner.executors import Executor, Room, share_out
from kindling.tools.runner.process import Job, Work

STORE = 128 * 1024**2
"""Bytes for Ray's objects, of which a run has next to none."""


class Ray(Executor):
    """Tasks of a Ray cluster; one whose machine is lost restarts on another.

    Args:
        address: The cluster's, as Ray writes it; by default, one is started on this machine.
    """

    def __init__(self, address: str | None) -> None:
        require_package("--executor ray", "ray", "Ray", "ray")
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray: Any = importlib.import_module("ray")
        address = address or os.environ.get("RAY_ADDRESS")
        own: dict[str, Any] = {"num_cpus": cores(), "object_store_memory": STORE}
        own = {} if address else {**own, "include_dashboard": False}
        own["ignore_reinit_error"] = True  # of another command in the same process
        try:
            ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **own)
        except Exception as error:  # of these, among others
            message = f"{address or 'Ray'}: {str(error).partition(chr(10))[0]} (--address)"
            raise UserError(message) from error
        self.ray, self.gpus = ray, 0.0

    def room(self, runs: int, jobs: int | None) -> Room:
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        each = [int(node["CPU"]) for node in nodes if node.get("CPU")]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        jobs, threads = share_out(runs, sum(each), gpus, jobs)
        self.gpus = 1 / max(1, math.ceil(jobs / gpus)) if gpus else 0.0
        return Room(jobs, min(threads, *each), self)  # on any of the machines

    def submit(self, work: Work, held: IO[str]) -> Job:
        gpus = self.gpus if work.devices == 1 else work.devices * bool(self.gpus)
        needs = {"num_cpus": work.threads, "num_gpus": gpus, "max_retries": -1}
        task = self.ray.remote(Work.__call__).options(name=work.planned.title, **needs).remote(work)

        def over() -> bool:
            return bool(self.ray.wait([task], timeout=0)[0])

        return Job(work, held, over, partial(self.ray.get, task), partial(self.ray.cancel, task))
