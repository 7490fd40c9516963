"""The optimizer and the schedule of a model: those of the settings, or its own."""

import inspect
from collections.abc import Iterable, Mapping
from pkgutil import resolve_name
from types import MethodType
from typing import Any

from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LightningArgumentParser, ReduceLROnPlateau, instantiate_class
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from kindling.errors import UserError
from kindling.training.schedules import (
    LRSchedulerConfig,
    Schedule,
    default_schedule,
    named_schedule,
)

CLASSES = ("optimizer", "lr_scheduler")
"""Settings that name a class and have its arguments."""


def add_arguments(parser: LightningArgumentParser) -> None:
    """LightningCLI's own ``--optimizer`` and ``--lr_scheduler``, and ``--lr_scheduler_config``."""
    parser.add_optimizer_args((Optimizer,))
    # Torch has a ReduceLROnPlateau too; the first class of a name has its short name.
    parser.add_lr_scheduler_args((ReduceLROnPlateau, LRScheduler))
    parser.add_class_arguments(LRSchedulerConfig, "lr_scheduler_config")


def refuse_ignored(settings: Any, flags: Iterable[str], ours: type) -> None:
    """Raise a UserError for a flag that another one makes void, for models of class ``ours``."""
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
        raise UserError(f"lr_scheduler_config.{name}: there is no schedule; set lr_scheduler")


def described(settings: Any, optimizer: str, schedule: str) -> str:
    """The chosen ones, or else the model's: ``SGD, lr 0.1, momentum 0.9; ExponentialLR``."""
    warmup = settings.lr_scheduler_config.warmup
    parts = [
        _described(settings.get("optimizer")) or optimizer,
        _described(settings.get("lr_scheduler")) or schedule,
        f"warm-up over {warmup:,} steps" if warmup else "",
    ]
    return "; ".join(filter(None, parts))


def _described(chosen: Any) -> str:
    """A class with its rate, and its arguments that differ from the defaults."""
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
    """Let a model be trained by the classes that the settings name.

    As in LightningCLI, this replaces the model's ``configure_optimizers``, but the classes are
    instantiated when the Trainer knows the length of the run and the trained parameters. Without
    ``optimizer``, the model's own is used; with it, ``schedule`` is used unless there is another.
    """

    def configure_optimizers(model: LightningModule) -> dict[str, Any]:
        try:
            if optimizer:
                chosen = instantiate_class(trainable(model), optimizer)  # type: ignore[arg-type]
                made = {"optimizer": chosen, **default_schedule(schedule, chosen, model.trainer)}
            else:
                made = _own(model)
            if scheduler and "lr_scheduler" in made:
                name = type(model).__name__
                raise UserError(f"{name} has a schedule of its own; set optimizer too")
            if scheduler:
                made |= named_schedule(scheduler, made["optimizer"], config, model.trainer)
            return made
        except (ValueError, TypeError, ArithmeticError, KeyError) as error:
            # Raised by torch for a value or an argument; the first line is enough.
            reason = str(error.args[0] if error.args else error).partition("\n")[0]
            raise UserError(f"optimizer, lr_scheduler: {reason}") from error

    if optimizer or scheduler:
        # A bound method, so that a copy of the model gets its own.
        model.configure_optimizers = MethodType(configure_optimizers, model)  # type: ignore[method-assign]


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """Parameters that are trained; a callback that unfreezes others adds them as a group."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise UserError(f"{type(model).__name__} has no parameter to train; freeze less")
    return parameters


def _own(model: LightningModule) -> dict[str, Any]:
    """The optimizer and the schedule that a model makes itself, one of each."""
    made: Any = type(model).configure_optimizers(model)
    match made:
        case Optimizer() as optimizer:
            return {"optimizer": optimizer}
        case {"optimizer": Optimizer()}:
            return {**made}
        case [[Optimizer() as optimizer], [planned]]:
            return {"optimizer": optimizer, "lr_scheduler": planned}
    raise UserError(f"{type(model).__name__} configures no optimizer or several; set optimizer")
