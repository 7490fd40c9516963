"""How many of torch's threads suit a model: several make a small step slower, not faster."""

import copy
import time
from typing import Any

import torch

from kindling.module import Module

LARGE = 0.05
"""Seconds of a step that every core has enough to do in."""

BUDGET = 0.3
"""Seconds of steps with each number of threads, at least two of them."""

GAIN = 0.9
"""Of the time with one thread that several must stay below: they keep other processes waiting."""


def fastest(module: Module, batch: Any) -> int:
    """The number of threads for training, measured by steps of a copy of the model.

    Args:
        module: Is left as it is, and so is the state of the random generators.
        batch: Of the size of those in training.
    """
    most = torch.get_num_threads()
    if most == 1:
        return 1
    with torch.random.fork_rng(devices=[]):
        trial = copy.deepcopy(module).train()
        alone = _step_time(trial, batch, 1)
        return most if alone > LARGE or _step_time(trial, batch, most) < GAIN * alone else 1


def _step_time(module: Module, batch: Any, threads: int) -> float:
    """Seconds of a step, the least of several: other processes can only make it longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        # The first step sets things up.
        times = [_seconds(module, batch), _seconds(module, batch)]
        while sum(times) < BUDGET:
            times.append(_seconds(module, batch))
        return min(times)
    finally:
        torch.set_num_threads(before)


def _seconds(module: Module, batch: Any) -> float:
    start = time.perf_counter()
    torch.autograd.backward(module.step(batch).loss)
    return time.perf_counter() - start
