"""Schedules that the command line makes itself.

The file's name is private, so that they are no choices of ``--lr_scheduler`` beside torch's own.
"""

import math
import warnings
from collections.abc import Iterable
from typing import Any, Literal

from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from kindling.errors import UserError

Interval = Literal["step", "epoch"]


class Planned(LRScheduler):
    """A schedule over the length of the run: one that goes on keeps to its new length."""

    PLAN: tuple[str, ...]
    """Attributes that follow from the length."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        plan = {name: getattr(self, name) for name in self.PLAN}
        super().load_state_dict({**state_dict, **plan})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch wants this to be asked for within a step
            rates = self.get_lr()
        # The Trainer has restored the optimizer before, with the rates of the old length.
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = rates


class Cosine(Planned):
    """Half a cosine from each group's own rate to 0 over the run.

    Groups that a callback adds later keep the rate that it gives them.

    Args:
        optimizer: Whose rates it sets.
        length: Of the run, in intervals.
        interval: What it is counted in.

    References:
        Loshchilov and Hutter, SGDR, 2017, arXiv:1608.03983
    """

    PLAN = ("length", "interval")

    def __init__(self, optimizer: Optimizer, length: int, interval: Interval) -> None:
        self.length, self.interval = length, interval
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        factor = (1 + math.cos(math.pi * min(self.last_epoch / self.length, 1))) / 2
        added = self.optimizer.param_groups[len(self.base_lrs) :]
        return [*(base * factor for base in self.base_lrs), *(group["lr"] for group in added)]

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if (counted := state_dict.get("interval", "epoch")) != self.interval:
            raise UserError(
                f"the cosine counted {counted}s and would count {self.interval}s: go on with "
                f"trainer.max_{counted}s as the limit, or start a new run by --from_run"
            )
        super().load_state_dict(state_dict)


class OneCycleLR(Planned, lr_scheduler.OneCycleLR):
    """Torch's, over the whole run."""

    PLAN = ("total_steps", "_schedule_phases")  # private, and all that follows from the length


class Warmup(LRScheduler):
    """A linear warm-up on top of any schedule, whatever interval that one has.

    Args:
        scheduler: What gives the rates, as they are after the warm-up.
        steps: Of the optimizer, until they are reached.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677
    """

    def __init__(self, scheduler: LRScheduler, steps: int) -> None:
        # Without the base's own, which would set rates: like torch's SequentialLR it passes on.
        self.scheduler, self.optimizer, self.steps = scheduler, scheduler.optimizer, steps
        self.taken = 0
        self._rise()
        self.optimizer.register_step_post_hook(lambda *_: self._count())

    def step(self, *args: Any) -> None:
        if self.taken >= self.steps:
            self.scheduler.step(*args)
            return
        self._set(self.rates)
        self.scheduler.step(*args)
        self._rise()

    def get_last_lr(self) -> list[Any]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        rates = {"taken": self.taken, "rates": self.rates}
        return {**rates, "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.taken = state_dict["taken"]
        if self.taken < self.steps:
            self._set(state_dict["rates"])
        self.scheduler.load_state_dict(state_dict["scheduler"])
        if self.taken < self.steps:
            self._rise()

    def _count(self) -> None:
        if self.taken < self.steps:
            self.taken += 1
            self._set(self.rates)
            self._rise()

    def _rise(self) -> None:
        """Scale the schedule's rates, which the optimizer has, by how far the warm-up is."""
        self.rates = self.get_last_lr()
        factor = min(1.0, (self.taken + 1) / self.steps)
        self._set(rate * factor for rate in self.rates)

    def _set(self, rates: Iterable[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=False):
            group["lr"] = rate
