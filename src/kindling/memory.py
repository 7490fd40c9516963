"""Memory of the CPU: what a training step needs, and what is free."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kindling.module import Module

CGROUP = Path("/sys/fs/cgroup")
MEMINFO = Path("/proc/meminfo")


def saved_bytes(module: Module, batch: Any) -> int:
    """Bytes that a step on ``batch`` keeps for its gradients, the weights included."""
    total = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        module.step(batch)
    return total


def free_bytes() -> int:
    """Bytes that this process may still take, by the system and by its container."""
    return min(_free_of_system(), _free_of_container())


def _free_of_system() -> int:
    if MEMINFO.exists():
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    # Where the system does not tell what is free, a part of what there is.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4


def _free_of_container() -> int:
    """By the cgroup's limit; without one, more than there can be."""
    try:
        most = int((CGROUP / "memory.max").read_text())
        return most - int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # none, or "max"
        return 2**62
