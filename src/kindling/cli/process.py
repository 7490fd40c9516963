"""The process around a run: ignored warnings, signals, and errors of settings as one line."""

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

IGNORED_WARNINGS = (
    # The data modules choose the number of workers.
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
"""Parts of torch's and NumPy's messages about a tensor that does not fit in memory."""


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
    """Turn an error that a setting's value causes into a UserError."""
    try:
        yield
    except SystemExit as error:
        # The Trainer makes an exit status of 1 of Ctrl-C.
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise
    except FAILURES as error:
        if message := _explained(error):
            raise UserError(message) from error
        raise


def _explained(error: BaseException) -> str | None:
    """The message for an error that a setting or the machine causes, and not the code."""
    text = str(error)
    first = text.partition("\n")[0]
    if isinstance(error, MemoryError) or any(sign in text for sign in TOO_LARGE):
        why = first.rpartition("] ")[2]
        return f"out of memory ({why}): make the model or the batches smaller"
    if "DataLoader worker" in text:
        do = "use fewer of them (data.num_workers) if memory is short, then: make resume"
        return f"a process that loads batches has ended ({first.rstrip('. ')}); {do}"
    if text.startswith("could not create a primitive"):
        cannot = "this processor lacks what the precision needs (trainer.precision)"
        return f"{cannot}; 32-true works everywhere"
    if "gpu backend found" in text:
        return "trainer.accelerator=gpu: torch finds no GPU on this machine; set auto or cpu"
    if isinstance(error, MisconfigurationException) or text.startswith("Early stopping cond"):
        return text
    if isinstance(error, ValueError) and "Union subtypes" in text:
        # A class in a list failed: its own error, not that the list has no valid type.
        while error.__cause__ is not None:
            error = error.__cause__
        return f"{type(error).__name__}: {error}"
    refused = isinstance(error, ValueError | ArithmeticError) and _of_lightning(error)
    return f"{text} (trainer.*)" if refused else None


def _of_lightning(error: BaseException) -> bool:
    """Whether Lightning's own code raised it, and not what Lightning called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("lightning.")


def rank() -> int:
    """This process's number among those of the run; the first, 0, alone prints and writes."""
    return int(getattr(rank_zero_only, "rank", 0))


def leave_group() -> None:
    """Disconnect from the other processes: what comes after training runs in one."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


class PrintOnce(logging.Handler):
    """Prints each line once: ``test`` need not repeat what ``fit`` said of the data."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line not in self._printed:
            self._printed.add(line)
            print(line, file=sys.stderr if record.levelno >= logging.WARNING else sys.stdout)


@contextmanager
def quiet() -> Iterator[None]:
    """Hide what Lightning says at every start, and print the log of the project's own code.

    Filters and levels are restored afterwards, and the environment by ``processes.environment``.
    """
    before = {name: logging.getLogger(name).level for name in LEVELS}
    handler = PrintOnce(logging.ERROR if rank() else logging.INFO)
    try:
        # The oldest supported version has some methods under their old names alone.
        os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
        if not torch.cuda.is_available():
            # Otherwise torch asks the driver in each step, which takes 50 microseconds.
            os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
        for name, level in LEVELS.items():
            logging.getLogger(name).setLevel(level)
        for name in SHOWN:
            logging.getLogger(name).addHandler(handler)
        with warnings.catch_warnings():
            for pattern in IGNORED_WARNINGS:
                warnings.filterwarnings("ignore", pattern)
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
            logging.getLogger(name).removeHandler(handler)
