"""Schedules of the learning rate: torch's by name, and a cosine as the default."""

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any, Literal

from lightning.pytorch import Trainer
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from kindling.data.numbers import at_least
from kindling.errors import UserError

Schedule = Literal["constant", "cosine"]
Interval = Literal["step", "epoch"]

BY_STEP = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)
"""Schedules that change the rate in each step."""

MONITOR = "val/loss"


@dataclass(frozen=True)
class LRSchedulerConfig:
    """When a schedule changes the learning rate.

    Args:
        interval: Unit of frequency; null is "step" for OneCycleLR and CyclicLR, else "epoch".
        frequency: Intervals between two steps of lr_scheduler.
        warmup: First steps of the optimizer, in which the rate rises linearly to the schedule's.
    """

    interval: Interval | None = None
    frequency: int = 1
    warmup: int = 0

    def __post_init__(self) -> None:
        at_least("lr_scheduler_config.frequency", self.frequency, 1)
        at_least("lr_scheduler_config.warmup", self.warmup, 0)


# These are private: public subclasses would be choices of --lr_scheduler.


class _Planned(LRScheduler):
    """A schedule over the length of the run; after a resume, over the run's new length."""

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # The Trainer has already restored the optimizer, with rates of the old length.
        self.last_epoch = state_dict["last_epoch"] - 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about a step before the optimizer's
            self.step()


class _Cosine(_Planned):
    """Half a cosine from each group's own rate to 0 over the run.

    Groups that a callback adds later keep their own rate.

    References:
        Loshchilov and Hutter, SGDR, 2017, arXiv:1608.03983
    """

    def __init__(self, optimizer: Optimizer, length: int, interval: Interval) -> None:
        self.length, self.interval = length, interval
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        factor = (1 + math.cos(math.pi * min(self.last_epoch / self.length, 1))) / 2
        added = self.optimizer.param_groups[len(self.base_lrs) :]
        return [*(base * factor for base in self.base_lrs), *(group["lr"] for group in added)]

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "interval": self.interval}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if (counted := state_dict.get("interval", "epoch")) != self.interval:
            raise UserError(
                f"the cosine counted {counted}s and would count {self.interval}s: set "
                f"trainer.max_{counted}s, or start a new run by --from_run"
            )
        super().load_state_dict(state_dict)


class _OneCycleLR(_Planned, lr_scheduler.OneCycleLR):
    """Torch's, over the whole run."""


def default_schedule(schedule: Schedule, optimizer: Optimizer, trainer: Trainer) -> dict[str, Any]:
    """The schedule of the default optimizer, by epochs, or by steps where they limit the run."""
    if schedule == "constant":
        return {}
    # Estimated only if needed: it opens the data, and fails where accumulation changes.
    steps = trainer.max_steps
    by_step = steps != -1 and trainer.estimated_stepping_batches == steps
    interval: Interval = "step" if by_step else "epoch"
    cosine = _Cosine(optimizer, _length(interval, trainer, "model.schedule=cosine"), interval)
    return {"lr_scheduler": {"scheduler": cosine, "interval": interval}}


def _length(interval: Interval, trainer: Trainer, what: str) -> int:
    length = trainer.max_epochs if interval == "epoch" else trainer.estimated_stepping_batches
    if length in (None, -1, math.inf):
        raise UserError(f"{what} needs a length: set trainer.max_epochs or trainer.max_steps")
    return max(int(length), 1)


def named_schedule(
    scheduler: Mapping[str, Any], optimizer: Optimizer, config: LRSchedulerConfig, trainer: Trainer
) -> dict[str, Any]:
    """The schedule that the settings name; one cycle lasts as long as the run."""
    kind, kwargs = resolve_name(scheduler["class_path"]), {**scheduler.get("init_args", {})}
    interval = config.interval or ("step" if issubclass(kind, BY_STEP) else "epoch")
    given = kwargs.get("total_steps") or (kwargs.get("epochs") and kwargs.get("steps_per_epoch"))
    if kind is lr_scheduler.OneCycleLR and not given:
        kwargs["total_steps"] = _length(interval, trainer, "lr_scheduler=OneCycleLR")
        kind = _OneCycleLR
    made = kind(optimizer, **kwargs)
    # Torch's own ReduceLROnPlateau has no monitor.
    monitor = {"monitor": getattr(made, "monitor", MONITOR)}
    how = {"interval": interval, "frequency": config.frequency, **monitor}
    return {"lr_scheduler": {"scheduler": made, **how}}
