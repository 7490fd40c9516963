"""Optimizer and schedule: those of LightningCLI's flags, and AdamW with a cosine as the default."""

import importlib
import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch import cli as lightning_cli
from lightning.pytorch.cli import LightningArgumentParser, instantiate_class
from torch import nn
from torch.optim import Optimizer, lr_scheduler
from torch.optim.lr_scheduler import LRScheduler

from kindling._schedules import Cosine, Interval, OneCycleLR, Warmup
from kindling.errors import UserError

Schedule = Literal["constant", "cosine"]

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
        for name, low in (("frequency", 1), ("warmup", 0)):
            if getattr(self, name) < low:
                value = f"lr_scheduler_config.{name}={getattr(self, name)}"
                raise UserError(f"{value}: must be at least {low}")


class ReduceLROnPlateau(lightning_cli.ReduceLROnPlateau):
    """LightningCLI's, with a default for what it watches.

    Args:
        optimizer: Whose rate it lowers.
        monitor: Score that shall improve.
    """

    trainer: Trainer | None = None

    def __init__(self, optimizer: Optimizer, monitor: str = MONITOR, *args: Any, **kwargs: Any):
        super().__init__(optimizer, monitor, *args, **kwargs)

    def state_dict(self) -> dict[str, Any]:
        # At the end of an epoch the Trainer saves first, and forgets in a run that goes on that
        # there was a score to be looked at.
        state = {k: v for k, v in super().state_dict().items() if k != "trainer"}
        if self.trainer is not None and _within_end_of_epoch(self.trainer):
            state["unseen"] = float(self.trainer.callback_metrics.get(self.monitor, math.nan))
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        unseen = state_dict.pop("unseen", math.nan)
        super().load_state_dict(state_dict)
        if not math.isnan(unseen):
            self.step(unseen)


def _within_end_of_epoch(trainer: Trainer) -> bool:
    progress: Any = trainer.fit_loop.epoch_progress.current
    return bool(progress.processed > progress.completed)


def add_arguments(parser: LightningArgumentParser) -> None:
    """LightningCLI's own ``--optimizer`` and ``--lr_scheduler``, and when that one is asked."""
    parser.add_optimizer_args((Optimizer,))
    # The first class that has a short name gets it: torch has a ReduceLROnPlateau as well.
    parser.add_lr_scheduler_args((ReduceLROnPlateau, LRScheduler))
    parser.add_class_arguments(LRSchedulerConfig, "lr_scheduler_config")


def refuse_ignored(settings: Any, flags: Iterable[str], ours: type) -> None:
    """Raise a UserError for a flag that another one makes void.

    Args:
        settings: The whole configuration.
        flags: As they are typed.
        ours: Base of the models that have AdamW and the schedules of ours as their default.
    """
    given = {flag.partition("=")[0].replace(".init_args.", ".") for flag in flags}
    replaced = {"lr": "optimizer", "weight_decay": "optimizer", "schedule": "lr_scheduler"}
    for name, by in replaced.items():
        void = settings.get(by) and f"--model.{name}" in given
        if void and issubclass(_class(settings.model), ours):
            what = "AdamW's" if by == "optimizer" else "the default's"
            raise UserError(f"model.{name} is {what}, which {by} replaces; set {by}.* in its place")
    config = settings.lr_scheduler_config
    if not settings.get("lr_scheduler") and (config.interval or config.frequency != 1):
        name = "interval" if config.interval else "frequency"
        raise UserError(f"lr_scheduler_config.{name}: of which schedule? name it by lr_scheduler")


def described(settings: Any, optimizer: str, schedule: str) -> str:
    """What is in force: ``SGD, lr 0.1, momentum 0.9; CosineAnnealingLR, T_max 20``.

    Args:
        settings: The whole configuration.
        optimizer: The model's own.
        schedule: In force where no scheduler is named.
    """
    parts = [_described(settings.get("optimizer"), ("lr",)) or optimizer]
    parts.append(_described(settings.get("lr_scheduler")) or schedule)
    if warmup := settings.lr_scheduler_config.warmup:
        parts.append(f"warm-up over {warmup:,} steps")
    return "; ".join(part for part in parts if part)


def _described(chosen: Any, always: tuple[str, ...] = ()) -> str:
    """A class and those of its arguments that are not its defaults."""
    if not chosen:
        return ""
    known: dict[str, inspect.Parameter] = {}
    for base in reversed(_class(chosen).__mro__):
        known |= inspect.signature(base).parameters
    shown = [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in chosen.get("init_args", {}).items()
        if name in always or name not in known or known[name].default != value
    ]
    return ", ".join([chosen["class_path"].rpartition(".")[2], *shown])


def _class(chosen: Mapping[str, Any]) -> type:
    module, _, name = chosen["class_path"].rpartition(".")
    found: type = getattr(importlib.import_module(module), name)
    return found


def configured_rate(settings: Any, model: LightningModule) -> Any:
    """The learning rate that the configuration has, if it has one."""
    chosen = settings.get("optimizer")
    return chosen["init_args"].get("lr") if chosen else getattr(model, "lr", None)


def restored_rate(checkpoint: Mapping[str, Any]) -> float | None:
    """The learning rate, before any schedule, of the optimizer in a checkpoint."""
    for state in checkpoint.get("optimizer_states", ()):
        group = state["param_groups"][0]
        rate: float = group.get("initial_lr", group["lr"])
        return rate
    return None


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

    Args:
        model: Of any kind.
        optimizer: Its class and arguments; none is the model's own.
        scheduler: Its class and arguments.
        config: When that one changes the rate.
        schedule: In force where an optimizer is named and no scheduler is.
    """
    if not (optimizer or scheduler or config.warmup):
        return

    def configure_optimizers(model: LightningModule) -> dict[str, Any]:
        try:
            return _configure(model, optimizer, scheduler, config, schedule)
        except (ValueError, TypeError) as error:  # torch's, of a value or of an argument
            raise UserError(f"optimizer, lr_scheduler: {error}") from error

    # A bound method, so that a copy of the model has its own.
    model.configure_optimizers = MethodType(configure_optimizers, model)  # type: ignore[method-assign]


def _configure(
    model: LightningModule,
    optimizer: Mapping[str, Any] | None,
    scheduler: Mapping[str, Any] | None,
    config: LRSchedulerConfig,
    schedule: Schedule,
) -> dict[str, Any]:
    if optimizer:
        made = instantiate_class(trainable(model), optimizer)  # type: ignore[arg-type]
        planned = None if scheduler else scheduled(schedule, made, model.trainer)
    else:
        made, planned = _own(model)
    if scheduler:
        if planned is not None:
            name = type(model).__name__
            raise UserError(f"lr_scheduler: {name} has a schedule of its own; name optimizer too")
        planned = _scheduled(scheduler, made, config, model.trainer)
    if config.warmup:
        planned = planned or {"scheduler": lr_scheduler.ConstantLR(made, 1.0, total_iters=0)}
        # Lightning knows a plateau by its class, which is hidden now.
        plateau = isinstance(planned["scheduler"], lr_scheduler.ReduceLROnPlateau)
        warmed = Warmup(planned["scheduler"], config.warmup)
        planned = {**planned, "scheduler": warmed, "reduce_on_plateau": plateau}
    return configuration(made, planned)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """What shall be trained: a callback that unfreezes the rest adds it in a group of its own.

    Raises:
        UserError: Everything is frozen.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise UserError(f"{type(model).__name__} has no parameter to train; freeze less")
    return parameters


def configuration(optimizer: Optimizer, planned: dict[str, Any] | None) -> dict[str, Any]:
    """What ``configure_optimizers`` returns."""
    return {"optimizer": optimizer, **({"lr_scheduler": planned} if planned else {})}


def scheduled(schedule: Schedule, optimizer: Optimizer, trainer: Trainer) -> dict[str, Any] | None:
    """The default's schedule over the run, by epochs, or by steps where these are its limit.

    Raises:
        UserError: The run has no length.
    """
    if schedule == "constant":
        return None
    epochs, steps = trainer.max_epochs, trainer.max_steps
    if epochs in (None, -1) and steps == -1:
        raise UserError(
            "model.schedule=cosine: for how long? set trainer.max_epochs or trainer.max_steps, or "
            "--model.schedule=constant"
        )
    # Asked for only where need be: it opens the data, and fails where accumulation changes.
    by_step = steps != -1 and trainer.estimated_stepping_batches == steps
    interval: Interval = "step" if by_step else "epoch"
    length = steps if by_step else epochs
    return {"scheduler": Cosine(optimizer, max(length or 1, 1), interval), "interval": interval}


def _scheduled(
    scheduler: Mapping[str, Any], optimizer: Optimizer, config: LRSchedulerConfig, trainer: Trainer
) -> dict[str, Any]:
    chosen = _class(scheduler)
    interval = config.interval or ("step" if issubclass(chosen, BY_STEP) else "epoch")
    kwargs = {**(scheduler.get("init_args") or {})}
    if chosen is lr_scheduler.OneCycleLR and _open_ended(kwargs):
        chosen, kwargs["total_steps"] = OneCycleLR, _length(interval, trainer)
    made = chosen(optimizer, **kwargs)
    planned = {"scheduler": made, "interval": interval, "frequency": config.frequency}
    if isinstance(made, lr_scheduler.ReduceLROnPlateau):
        planned["monitor"] = getattr(made, "monitor", MONITOR)
    if isinstance(made, ReduceLROnPlateau) and (interval, config.frequency) == ("epoch", 1):
        made.trainer = trainer
    return planned


def _open_ended(kwargs: Mapping[str, Any]) -> bool:
    return kwargs.get("total_steps") is None and None in (
        kwargs.get("epochs"),
        kwargs.get("steps_per_epoch"),
    )


def _length(interval: Interval, trainer: Trainer) -> int:
    length = trainer.max_epochs if interval == "epoch" else trainer.estimated_stepping_batches
    if length in (None, -1, math.inf):
        raise UserError(
            "lr_scheduler=OneCycleLR: for how long? set trainer.max_epochs, trainer.max_steps or "
            "lr_scheduler.total_steps"
        )
    return int(length)


def _own(model: LightningModule) -> tuple[Optimizer, dict[str, Any] | None]:
    """The optimizer and the schedule that a model makes itself, where it is one of each."""
    match type(model).configure_optimizers(model):
        case Optimizer() as optimizer:
            return optimizer, None
        case {"optimizer": Optimizer() as optimizer, **rest}:
            planned = rest.get("lr_scheduler")
        case [[Optimizer() as optimizer], [planned]]:
            pass
        case _:
            name = type(model).__name__
            raise UserError(f"lr_scheduler: {name} makes no optimizer or several; name optimizer")
    if planned is not None and not isinstance(planned, dict):
        planned = {"scheduler": planned}
    return optimizer, planned
