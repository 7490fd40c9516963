"""Training by several processes, which begin together and end together.

Lightning could start them. But then a process that ends with status 0 leaves the first one waiting,
a crash kills the first one without a message, and a process whose parent has ended waits for ever.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch.distributed
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Trainer

from kindling.cli import processes
from kindling.cli.process import leave_group
from kindling.cli.processes import DONE, LOST, Part, say
from kindling.errors import Stopped, UserError

JOINING = 60.0
"""Seconds for all processes to join, or three times as long as this one took, if that is more."""

GRACE = 10.0
"""Seconds for a process to end by itself after another one has ended."""

ENDING = 30.0
"""Seconds for the other processes to end after training."""

SIGNS = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "NCCL", "gloo")
"""Parts of the backends' messages when a process is gone."""

Process = subprocess.Popen[bytes]


@contextmanager
def together(trainer: Trainer, part: Part) -> Iterator[None]:
    """Train with the run's other processes, which are started unless a launcher did it."""
    if trainer.world_size == 1:
        yield
        return
    if trainer.global_rank >= trainer.world_size:
        node = f"NODE_RANK={os.environ.get('NODE_RANK')}"
        raise UserError(f"{node}: there are only --trainer.num_nodes={trainer.num_nodes} nodes")
    watch = _Watch(trainer, part, _start(trainer, part))
    watch.start()
    try:
        yield
        leave_group()
        watch.finish(ENDING)
    except RuntimeError as error:
        watch.explain(error)
        raise
    except SystemExit as error:
        # The Trainer makes an exit status of Ctrl-C.
        if processes.part or isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise UserError(f"{watch.named(0)} {_how(0)}; {part.advice()}") from error
    except Stopped as stopped:
        watch.finish(GRACE if stopped.together else 0)
        raise
    finally:
        watch.finish(0)


def _start(trainer: Trainer, part: Part) -> list[Process]:
    """Start this machine's other processes, in place of Lightning."""
    cluster = getattr(trainer.strategy, "cluster_environment", None)
    if not isinstance(cluster, LightningEnvironment) or cluster.creates_processes_externally:
        return []
    if trainer.num_nodes == 1:
        for name in processes.ADDRESSES:  # left by another run
            os.environ.pop(name, None)
    os.environ |= {
        "MASTER_ADDR": cluster.main_address,
        "MASTER_PORT": str(cluster.main_port),
        "NODE_RANK": str(cluster.node_rank()),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(trainer.world_size),
    }
    described = {processes.VARIABLE: part.to_json()}
    ranks = range(1, trainer.num_devices)
    return [
        subprocess.Popen(_command(), env={**os.environ, **described, "LOCAL_RANK": str(rank)})
        for rank in ranks
    ]


def _command() -> list[str]:
    """The command line of this program."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = ["-m", spec.name] if spec else [str(Path(sys.argv[0]).absolute())]
    return [sys.executable, *program, *sys.argv[1:]]


class _Watch(threading.Thread):
    """Ends this process if another one has ended, or does not join.

    A collective waits in C++, where no Python exception can interrupt it.
    """

    def __init__(self, trainer: Trainer, part: Part, others: Sequence[Process]) -> None:
        super().__init__(daemon=True)
        self._part, self._others = part, others
        self._rank, self._size = trainer.global_rank, trainer.world_size
        self._limit = max(JOINING, 3 * (time.monotonic() - processes.began))
        self._due = time.monotonic() + self._limit
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.2):
            if (why := self._why()) and not self._over.wait(GRACE):
                say(why)
                self._kill()
                if not self._rank:
                    self._part.discard_unused()
                with suppress(OSError, ValueError):
                    sys.stdout.flush()
                os._exit(LOST if processes.part else 1)

    def _why(self) -> str | None:
        """Which process has ended or is missing, and what to do; None if there is none."""
        ended = [(other.poll(), rank) for rank, other in enumerate(self._others, start=1)]
        gone = [(status, rank) for status, rank in ended if status not in (None, DONE)]
        for status, rank in sorted(gone, key=lambda end: end[0] == LOST):
            words = f"{self.named(rank)} {_how(status or 0)}"
            return f"{words}; see its output above; {self._part.advice()}"
        if torch.distributed.is_initialized() or time.monotonic() < self._due:
            return None
        where = ":".join(os.environ.get(name, "?") for name in ("MASTER_ADDR", "MASTER_PORT"))
        waited = f"{self.named(self._rank)} waited {self._limit:.0f} s for the others at {where}"
        do = "start each with that MASTER_ADDR, MASTER_PORT and WORLD_SIZE, by torchrun or srun"
        return f"{waited}; {do}, or unset LOCAL_RANK and WORLD_SIZE to have them started"

    def named(self, rank: int) -> str:
        return f"process {rank} of {self._size} (counted from 0)"

    def explain(self, error: RuntimeError) -> None:
        """Raise an error that names the process that has ended, if that caused ``error``."""
        if "EADDRINUSE" in str(error):
            port = f"MASTER_PORT={os.environ.get('MASTER_PORT')}"
            do = "choose another, or leave it unset where torchrun or srun choose it"
            raise UserError(f"{port}: another program has this port; {do}") from error
        if not any(sign in str(error) for sign in SIGNS):
            return
        due = time.monotonic() + 3
        while time.monotonic() < due:  # the connection ends before the process
            if why := self._why():
                raise UserError(why) from error
            time.sleep(0.1)
        if processes.part:
            raise SystemExit(LOST) from error  # the first process reports which one
        lost = f"{self.named(self._rank)} has lost another ({str(error).splitlines()[0]})"
        raise UserError(f"{lost}; look at its output; {self._part.advice()}") from error

    def finish(self, seconds: float) -> None:
        """Let the others end by themselves for some time, then kill them."""
        self._over.set()
        due = time.monotonic() + seconds
        for rank, other in enumerate(self._others if seconds else (), start=1):
            with suppress(subprocess.TimeoutExpired):
                status = other.wait(max(0.0, due - time.monotonic()))
                if status != DONE:
                    say(f"{self.named(rank)} {_how(status)}, when training was over")
        self._kill()
        self._others = ()

    def _kill(self) -> None:
        for other in self._others:
            other.kill()
            other.wait()


def _how(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    if 128 < status < 160:
        return f"was stopped by {signal.Signals(status - 128).name}"
    if status == LOST:
        return "has lost its connection to another"
    return f"ended with status {status}{', before training was done' * (not status)}"
