"""Optimizer and schedule: those of LightningCLI's flags, and AdamW with a cosine as the default."""

import inspect
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MethodType
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import cli as lightning_cli
from lightning.pytorch.cli import LightningArgumentParser, instantiate_class
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from kindling.data.datamodule import at_least
from kindling.errors import UserError

Schedule = Literal["constant", "cosine"]
Interval = Literal["step", "epoch"]

CLASSES = ("optimizer", "lr_scheduler")
"""Settings that name a class, with its arguments below."""

BY_STEP = (lr_scheduler.OneCycleLR, lr_scheduler.CyclicLR)
"""Schedules that are made to change the rate in each step."""

MONITOR = "val/loss"


@dataclass(frozen=True)
class LRSchedulerConfig:
    """When a schedule changes the learning rate.

    Args:
        interval: Of lr_scheduler; null is "step" for OneCycleLR and CyclicLR, else "epoch".
        frequency: Of lr_scheduler, in intervals.
        warmup: First steps of the optimizer, in which the rate rises linearly to the schedule's.
    """

    interval: Interval | None = None
    frequency: int = 1
    warmup: int = 0

    def __post_init__(self) -> None:
        at_least("lr_scheduler_config.frequency", self.frequency, 1)
        at_least("lr_scheduler_config.warmup", self.warmup, 0)


class ReduceLROnPlateau(lightning_cli.ReduceLROnPlateau):
    """LightningCLI's, with a default for what it watches.

    Args:
        optimizer: Whose rate it lowers.
        monitor: Score that shall improve.
    """

    def __init__(self, optimizer: Optimizer, monitor: str = MONITOR, *args: Any, **kwargs: Any):
        super().__init__(optimizer, monitor, *args, **kwargs)


# Private, or they would be choices of --lr_scheduler.


class _Planned(LRScheduler):
    """A schedule over the length of the run: one that goes on keeps to its new length."""

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # The Trainer has restored the optimizer before, with the rates of the old length.
        self.last_epoch = state_dict["last_epoch"] - 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a step before the optimizer's first
            self.step()


class _Cosine(_Planned):
    """Half a cosine from each group's own rate to 0 over the run.

    Groups that a callback adds later keep the rate that it gives them.

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
                f"the cosine counted {counted}s and would count {self.interval}s: go on with "
                f"trainer.max_{counted}s as the limit, or start a new run by --from_run"
            )
        super().load_state_dict(state_dict)


class _OneCycleLR(_Planned, lr_scheduler.OneCycleLR):
    """Torch's, over the whole run."""


class _Warmup(LRScheduler):
    """A linear warm-up on top of any schedule, whatever interval that one has.

    Until it is over, each group keeps the schedule's rate as ``full_lr``.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677
    """

    def __init__(self, scheduler: LRScheduler, steps: int) -> None:
        # Without the base's own, which would set rates: like torch's SequentialLR it passes on.
        self.scheduler, self.optimizer, self.steps = scheduler, scheduler.optimizer, steps
        self.taken = -1
        self._count()
        self.optimizer.register_step_post_hook(self._count)

    def _count(self, *_: Any) -> None:
        if self.taken < self.steps:
            with self._full_rates():
                self.taken += 1

    @contextmanager
    def _full_rates(self) -> Iterator[None]:
        groups = self.optimizer.param_groups
        for group in groups:
            group["lr"] = group.pop("full_lr", group["lr"])
        yield
        for group in groups if self.taken < self.steps else ():
            group["full_lr"] = group["lr"]
            group["lr"] = group["lr"] * ((self.taken + 1) / self.steps)

    def step(self, *args: Any) -> None:
        with self._full_rates():
            self.scheduler.step(*args)

    def get_last_lr(self) -> list[Any]:
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self.taken, "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        with self._full_rates():
            # A plain Trainer's run knew of no warm-up, and is behind it.
            self.taken = state_dict.get("taken", self.steps)
            self.scheduler.load_state_dict(state_dict.get("scheduler", state_dict))


def add_arguments(parser: LightningArgumentParser) -> None:
    """LightningCLI's own ``--optimizer`` and ``--lr_scheduler``, and when that one is asked."""
    parser.add_optimizer_args((Optimizer,))
    # The first class that has a short name gets it: torch has a ReduceLROnPlateau as well.
    parser.add_lr_scheduler_args((ReduceLROnPlateau, LRScheduler))
    parser.add_class_arguments(LRSchedulerConfig, "lr_scheduler_config")


def refuse_ignored(settings: Any, flags: Iterable[str], ours: type) -> None:
    """Raise a UserError for a typed flag that another one makes void, of ``ours`` among models."""
    given = {flag.partition("=")[0].replace(".init_args.", ".") for flag in flags}
    replaced = {"lr": "optimizer", "weight_decay": "optimizer", "schedule": "lr_scheduler"}
    for name, by in replaced.items():
        void = settings.get(by) and f"--model.{name}" in given
        if void and issubclass(resolve_name(settings.model.class_path), ours):
            what = f"model.{name} is the default's, which {by} replaces"
            raise UserError(f"{what}; set {by}.* in its place")
    config = settings.lr_scheduler_config
    if not settings.get("lr_scheduler") and (config.interval, config.frequency) != (None, 1):
        name = "interval" if config.interval else "frequency"
        raise UserError(f"lr_scheduler_config.{name}: of which schedule? name it by lr_scheduler")


def described(settings: Any, optimizer: str, schedule: str) -> str:
    """What is in force, or else the model's own: ``SGD, lr 0.1, momentum 0.9; ExponentialLR``."""
    warmup = settings.lr_scheduler_config.warmup
    parts = [
        _described(settings.get("optimizer")) or optimizer,
        _described(settings.get("lr_scheduler")) or schedule,
        f"warm-up over {warmup:,} steps" if warmup else "",
    ]
    return "; ".join(filter(None, parts))


def _described(chosen: Any) -> str:
    """A class with its rate, and those of its arguments that are not its defaults."""
    if not chosen:
        return ""
    kind = resolve_name(chosen["class_path"])
    bases = [inspect.signature(base).parameters for base in reversed(kind.__mro__)]
    defaults = {name: p.default for base in bases for name, p in base.items()}
    shown = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in chosen.get("init_args", {}).items()
        if name == "lr" or defaults.get(name) != value
    ]
    return ", ".join([kind.__name__, *shown])


def choose(
    model: LightningModule,
    optimizer: Mapping[str, Any] | None,
    scheduler: Mapping[str, Any] | None,
    config: LRSchedulerConfig,
    schedule: Schedule = "constant",
) -> None:
    """Let a model be trained by the classes that the command line names.

    Like LightningCLI's own way, this replaces the model's ``configure_optimizers``; but classes are
    instantiated once the Trainer knows how long the run is, and which parameters are to be trained.
    Without an optimizer the model's own is kept; with one, ``schedule`` is in force beside it.
    """

    def configure_optimizers(model: LightningModule) -> dict[str, Any]:
        try:
            if optimizer:
                chosen = instantiate_class(trainable(model), optimizer)  # type: ignore[arg-type]
                made = {"optimizer": chosen, **scheduled(schedule, chosen, model.trainer)}
            else:
                made = _own(model)
            if scheduler and "lr_scheduler" in made:
                name = type(model).__name__
                raise UserError(f"{name} has a schedule of its own; name optimizer too")
            if scheduler:
                named = _scheduled(scheduler, made["optimizer"], config, model.trainer)
                made["lr_scheduler"] = named
            return _warmed(made, config.warmup)
        except (ValueError, TypeError) as error:  # torch's, of a value or of an argument
            raise UserError(f"optimizer, lr_scheduler: {error}") from error

    if optimizer or scheduler or config.warmup:
        # A bound method, so that a copy of the model has its own.
        model.configure_optimizers = MethodType(configure_optimizers, model)  # type: ignore[method-assign]


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """What shall be trained: a callback that unfreezes the rest adds it in a group of its own."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise UserError(f"{type(model).__name__} has no parameter to train; freeze less")
    return parameters


def scheduled(schedule: Schedule, optimizer: Optimizer, trainer: Trainer) -> dict[str, Any]:
    """The default's schedule over the run, by epochs, or by steps where these are its limit."""
    if schedule == "constant":
        return {}
    # Asked for only where need be: it opens the data, and fails where accumulation changes.
    steps = trainer.max_steps
    by_step = steps != -1 and trainer.estimated_stepping_batches == steps
    interval: Interval = "step" if by_step else "epoch"
    cosine = _Cosine(optimizer, _length(interval, trainer, "model.schedule=cosine"), interval)
    return {"lr_scheduler": {"scheduler": cosine, "interval": interval}}


def _length(interval: Interval, trainer: Trainer, what: str) -> int:
    length = trainer.max_epochs if interval == "epoch" else trainer.estimated_stepping_batches
    if length in (None, -1, math.inf):
        raise UserError(f"{what}: for how long? set trainer.max_epochs or trainer.max_steps")
    return max(int(length), 1)


def _scheduled(
    scheduler: Mapping[str, Any], optimizer: Optimizer, config: LRSchedulerConfig, trainer: Trainer
) -> dict[str, Any]:
    kind, kwargs = resolve_name(scheduler["class_path"]), {**scheduler.get("init_args", {})}
    interval = config.interval or ("step" if issubclass(kind, BY_STEP) else "epoch")
    given = kwargs.get("total_steps") or (kwargs.get("epochs") and kwargs.get("steps_per_epoch"))
    if kind is lr_scheduler.OneCycleLR and not given:
        kwargs["total_steps"] = _length(interval, trainer, "lr_scheduler=OneCycleLR")
        kind = _OneCycleLR
    made = kind(optimizer, **kwargs)
    # Torch's own plateau does not say what it watches.
    watched = {"monitor": getattr(made, "monitor", MONITOR)}
    return {"scheduler": made, "interval": interval, "frequency": config.frequency, **watched}


def _warmed(made: dict[str, Any], steps: int) -> dict[str, Any]:
    """``configure_optimizers``' answer with a warm-up in it."""
    if not steps:
        return made
    planned = made.get("lr_scheduler") or lr_scheduler.LambdaLR(made["optimizer"], lambda _: 1)
    planned = planned if isinstance(planned, dict) else {"scheduler": planned}
    # Lightning knows a plateau by its class, which is hidden now.
    plateau = isinstance(planned["scheduler"], lr_scheduler.ReduceLROnPlateau)
    warmed = {"scheduler": _Warmup(planned["scheduler"], steps), "reduce_on_plateau": plateau}
    return {**made, "lr_scheduler": {**planned, **warmed}}


def _own(model: LightningModule) -> dict[str, Any]:
    """The optimizer and the schedule that a model makes itself, where it is one of each."""
    made: Any = type(model).configure_optimizers(model)
    match made:
        case Optimizer() as optimizer:
            return {"optimizer": optimizer}
        case {"optimizer": Optimizer()}:
            return {**made}
        case [[Optimizer() as optimizer], [planned]]:
            return {"optimizer": optimizer, "lr_scheduler": planned}
    raise UserError(f"{type(model).__name__} makes no optimizer or several; name optimizer")
