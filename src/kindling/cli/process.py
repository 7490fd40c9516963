"""What the process around a run needs: silence, signals, errors in the project's own words."""

import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning_utilities.core.rank_zero import rank_zero_only

from kindling.errors import Stopped, UserError

QUIET = (
    # Said of every loader; what suits these data sets is in the data modules.
    r".*does not have many workers.*",
    r".*number of training batches .* smaller than the logging interval.*",
    r".*infer the indices fetched for your dataloader.*",
    r".*Checkpoint directory .* exists and is not empty.*",
    r".*The dirpath has changed.*",
    # Of the sanity check's batches, or a resample, that happen to hold one class alone.
    r".*No (positive|negative) samples in targets.*",
    # They are for training; a test or a prediction goes without.
    r".*callbacks used to create the checkpoint need to be provided.*",
    r".*The `srun` command is available.*",
    # A letter that the figures' font lacks is drawn as a box.
    r"Glyph .* missing from font.*",
    # Lightning 2.6 on torch 2.12 and newer.
    r".*isinstance\(treespec, LeafSpec\).*",
)
SHOWN = ("kindling", "problems", "lightning.pytorch.profilers")
"""Packages whose own lines a run prints, such as how many rows were left out."""

LEVELS = {
    **dict.fromkeys(SHOWN, logging.INFO),
    "lightning.pytorch": logging.WARNING,
    "lightning.fabric": logging.WARNING,
}


@contextmanager
def signals() -> Iterator[None]:
    """Outside of training, let SIGTERM end the process as an error does, not as a success."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise Stopped("stopped by SIGTERM", signum)

    if threading.current_thread() is not threading.main_thread():
        yield  # no other may handle signals
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def lightning_errors() -> Iterator[None]:
    """Lightning's and the parser's complaints about settings as ours, and Ctrl-C as itself."""
    try:
        yield
    except MisconfigurationException as error:
        raise UserError(str(error)) from error
    except ValueError as error:
        # Of a class that is made in a list, what went wrong in it, and not that the list is none.
        if "Union subtypes" not in str(error) or error.__cause__ is None:
            raise
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise UserError(f"{type(cause).__name__}: {cause}") from error
    except RuntimeError as error:
        if said := _explained(str(error)):
            raise UserError(said) from error
        raise
    except SystemExit as error:
        # The Trainer makes an exit status of 1 of Ctrl-C.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def _explained(message: str) -> str | None:
    """What a RuntimeError means that is no fault of the code's."""
    if message.startswith("Early stopping conditioned on metric"):
        return message
    if message.startswith("could not create a primitive"):
        cannot = "this processor lacks what the precision needs (trainer.precision)"
        return f"{cannot}; 32-true works everywhere"
    return None


def rank() -> int:
    """This process's number among those of the run; the first, 0, alone prints and writes."""
    return int(getattr(rank_zero_only, "rank", 0))


def leave_group() -> None:
    """End the connection to other processes: a test, and what comes after a run, is for one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class Notes(logging.Handler):
    """Prints each line once: what ``fit`` has said of the data, ``test`` need not repeat."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line not in self._said:
            self._said.add(line)
            print(line, file=sys.stderr if record.levelno >= logging.WARNING else sys.stdout)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what Lightning says at every start, and show what the project's own code says.

    Filters, levels and environment are as they were afterwards.
    """
    before = {name: logging.getLogger(name).level for name in LEVELS}
    environment = dict(os.environ)
    handler = Notes(logging.ERROR if rank() else logging.INFO)
    try:
        # Of methods that the oldest supported version knows by no other name, Lightning's own too.
        os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
        if not torch.cuda.is_available():
            # Lightning has torch ask the driver anew in each step: 50 microseconds.
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
        for name, level in LEVELS.items():
            logging.getLogger(name).setLevel(level)
        for name in SHOWN:
            logging.getLogger(name).addHandler(handler)
        with warnings.catch_warnings():
            for pattern in QUIET:
                warnings.filterwarnings("ignore", pattern)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).removeHandler(handler)
        os.environ.clear()
        os.environ.update(environment)
