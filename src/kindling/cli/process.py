"""What the process around a run needs: silence, signals, errors in the project's own words."""

import logging
import os
import signal
import sys
import threading
import traceback
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


FAILURES = (
    *(MisconfigurationException, MemoryError),
    *(RuntimeError, ValueError, TypeError, ArithmeticError),
)
TOO_LARGE = (
    "can't allocate memory",
    "Storage size calculation overflowed",
    "numel: integer multiplication overflow",
    "invalid memory size",
    "Unable to allocate",
)
"""What torch and NumPy say of a tensor that fits in no memory."""


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
def setting_errors() -> Iterator[None]:
    """What fails for a setting's value as a line, and Ctrl-C as itself."""
    try:
        yield
    except SystemExit as error:
        # The Trainer makes an exit status of 1 of Ctrl-C.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    except FAILURES as error:
        if said := _explained(error):
            raise UserError(said) from error
        raise


def _explained(error: BaseException) -> str | None:
    """What an error means that is no fault of the code's."""
    text = str(error)
    first = text.partition("\n")[0]
    if isinstance(error, MemoryError) or any(sign in text for sign in TOO_LARGE):
        why = first.rpartition("] ")[2]
        return f"out of memory ({why}): make the sizes of model and data smaller"
    if "DataLoader worker" in text:
        do = "with fewer of them (data.num_workers) they take less memory; then: make resume"
        return f"a process that loads batches has ended ({first.rstrip('. ')}); {do}"
    if text.startswith("could not create a primitive"):
        cannot = "this processor lacks what the precision needs (trainer.precision)"
        return f"{cannot}; 32-true works everywhere"
    if isinstance(error, MisconfigurationException) or text.startswith("Early stopping cond"):
        return text
    if isinstance(error, ValueError) and "Union subtypes" in text:
        # Of a class that is made in a list, what went wrong in it, and not that the list is none.
        while error.__cause__ is not None:
            error = error.__cause__
        return f"{type(error).__name__}: {error}"
    refused = isinstance(error, ValueError | ArithmeticError) and _of_lightning(error)
    return f"{text} (trainer.*)" if refused else None


def _of_lightning(error: BaseException) -> bool:
    """Whether it was raised by Lightning's own code, and by none that Lightning called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("lightning.")


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
