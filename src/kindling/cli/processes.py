"""A process as one of several of a run: its rank, its parent and the run's folder.

Nothing here imports torch: a process watches its parent from its first line on.
"""

import atexit
import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from kindling.cli.arguments import Invocation
from kindling.errors import UserError
from kindling.runs import folder as runs

VARIABLE = "KINDLING_PROCESS"
"""Environment variable in which the first process passes a ``Part`` to the others."""

RANKS = ("RANK", "LOCAL_RANK")
ADDRESSES = ("NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT")

DONE = 64
"""Exit status of a process that has done its part; 0 would be that of an early exit."""

LOST = 65
"""Exit status of a process that ends because another one has ended."""


@dataclass
class Part:
    """A run of several processes, as the first process describes it to the others."""

    parent: int
    run: Path
    new: bool
    """Whether this command made the run, which is removed if it has no checkpoint."""

    invocation: Invocation
    """The command with its paths resolved: ``latest`` may be another run by now."""

    @classmethod
    def from_json(cls, text: str) -> "Part":
        content = json.loads(text)
        given = content.pop("invocation")
        paths = {k: given[k] and Path(given[k]) for k in ("run", "checkpoint")}
        run = Path(content.pop("run"))
        return cls(run=run, invocation=Invocation(**given | paths), **content)

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    def advice(self) -> str:
        """How to continue: resume the run, or start it again if it has no checkpoint."""
        if (self.run / runs.LAST).is_file():
            return f"continue with: make resume RUN={runs.shown(self.run)}"
        return f"{'it had no checkpoint yet and is removed; ' * self.new}start it again"

    def discard_unused(self) -> None:
        if self.new and not runs.has_checkpoint(self.run):
            runs.discard(self.run)


part: Part | None = None
"""Of which run this process is a part; None in the first, and where a launcher started it."""

finished = False
"""Whether this process has done its part."""

began = time.monotonic()
"""When the command began."""


def rank() -> int:
    """This process's number in the run, from its environment."""
    names = (*RANKS, "SLURM_PROCID")
    return next((int(os.environ[name]) for name in names if name in os.environ), 0)


def done() -> int:
    """Exit status of a process that has done its part."""
    global finished
    finished = True
    return DONE if part else 0


@contextmanager
def environment() -> Iterator[None]:
    """The environment of a command, without the ranks of another run; restored afterwards."""
    global part, began
    text = os.environ.pop(VARIABLE, None)  # so that programs started from here do not see it
    before, began = dict(os.environ), time.monotonic()
    try:
        if text:
            part = Part.from_json(text)
            atexit.register(_end)  # registered first, called last
            threading.Thread(target=_follow, args=(part,), daemon=True).start()
        elif "WORLD_SIZE" not in os.environ:
            _forget_ranks()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _forget_ranks() -> None:
    """Remove ranks without ``WORLD_SIZE``: another run left them, no launcher sets them so."""
    inherited = [f"{name}={os.environ[name]}" for name in RANKS if name in os.environ]
    if not inherited:
        return
    for name in (*RANKS, *ADDRESSES):
        os.environ.pop(name, None)
    why = "left by another run, and ignored"
    do = "to start each process yourself, set WORLD_SIZE, MASTER_ADDR and MASTER_PORT too"
    print(f"kindling: {', '.join(inherited)} without WORLD_SIZE: {why}; {do}", file=sys.stderr)


def _follow(part: Part) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == part.parent:
        time.sleep(0.2)
    if rank() == 1:  # one of the others reports it
        say(f"process 0 of this run has ended; see its output above; {part.advice()}")
        part.discard_unused()
    os._exit(LOST)


def _end() -> None:
    """End at once: torch's own cleanup takes seconds, and the first process would wait for it."""
    if finished:
        sys.stdout.flush()
        os._exit(DONE)


def say(line: str) -> None:
    """Print a line, even from a thread of a process that is about to end."""
    with suppress(OSError):
        os.write(2, f"kindling: {line}\n".encode())


def require_samples(sizes: Mapping[str, int], processes: int) -> None:
    """Raise a UserError if a process would have no sample to train or to validate on."""
    for split in ("train", "val"):
        if (count := sizes.get(split, processes)) < processes:
            what = f"{count} samples in the {split} split for {processes} processes"
            raise UserError(f"{what}: take fewer (--trainer.devices), or more data")
