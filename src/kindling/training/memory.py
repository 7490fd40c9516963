"""Memory of the CPU: what a training step needs, what is free, and to keep what it was given."""

import ctypes
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor

CGROUP = Path("/sys/fs/cgroup")

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""As mallopt calls them: what is freed before it goes back, and how many parts are mapped."""


def keep_freed() -> bool:
    """Let what is freed serve the next step, instead of going back to the system; whether it does.

    By default glibc maps each tensor above 32 MiB anew, and the system fills it with zeros page by
    page. A step of a convolutional net, which needs the same tensors as the one before, takes up to
    twice as long by that. Settings of the user's own, in the environment, are left alone.

    References:
        mallopt(3), https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    chosen = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if chosen or platform.libc_ver()[0] != "glibc":
        return False
    adjust = ctypes.CDLL(None).mallopt
    return all(adjust(option, value) for option, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, -1)))


class SavedBytes(Callback):
    """Counts the bytes that one step keeps for its gradients, the weights included."""

    def __init__(self) -> None:
        self.bytes = 0
        self._counting = torch.autograd.graph.saved_tensors_hooks(self._count, lambda kept: kept)

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        self._counting.__enter__()

    def on_before_backward(self, trainer: Trainer, *args: Any) -> None:
        self._counting.__exit__()
        trainer.should_stop = True

    def _count(self, tensor: Tensor) -> Tensor:
        self.bytes += tensor.nbytes
        return tensor


def free_bytes() -> int:
    """Bytes that this process may still take, by the system and by its container."""
    return min(int(psutil.virtual_memory().available), _free_of_container())


def _free_of_container() -> int:
    """By the cgroup's limit; without one, more than there can be."""
    try:
        most = int((CGROUP / "memory.max").read_text())
        return most - int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # none, or "max"
        return 2**62
