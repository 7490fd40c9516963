"""Numbers that every run shares, checked before anything is read.

Lightning checks some settings late, when there is a run already, and others never.
"""

import math
import os
import pydoc
from argparse import Action
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

from kindling.cli.parser import options
from kindling.data.numbers import at_least
from kindling.errors import UserError

ENDLESS = 2**63 - 1
"""Limit of numbers such as epochs and steps."""

LEAST = {
    "threads": 1,
    "trainer.devices": 1,
    "trainer.num_nodes": 1,
    "trainer.max_epochs": 1,
    "trainer.min_epochs": 0,
    "trainer.max_steps": 1,
    "trainer.min_steps": 0,
    "trainer.limit_train_batches": 1,
    "trainer.val_check_interval": 1,
    "trainer.check_val_every_n_epoch": 1,
    "trainer.log_every_n_steps": 0,
    "trainer.accumulate_grad_batches": 1,
    "trainer.gradient_clip_val": 0,
    "trainer.reload_dataloaders_every_n_epochs": 0,
    "early_stopping.patience": 0,
    "checkpoint.save_top_k": 0,
    "checkpoint.every_n_train_steps": 0,
    "checkpoint.every_n_epochs": 0,
    "seed_everything": 0,
}
MINUS_ONE = ("trainer.devices", "trainer.max_epochs", "trainer.max_steps", "checkpoint.save_top_k")
"""Settings where -1 means all, or no limit."""

CORES = max(64, 8 * (os.cpu_count() or 1))
"""Threads or processes, at most; with more, a machine mostly switches between them."""

MOST = {"threads": CORES, "trainer.devices": CORES, "seed_everything": 2**32 - 1}
LIMITS = tuple(f"trainer.limit_{of}_batches" for of in ("train", "val", "test", "predict"))
SHARES = (*LIMITS, "trainer.val_check_interval", "trainer.overfit_batches")
"""Counts that may be a share of the batches, below 1; to Lightning, 5.0 is five."""

MAY_BE_ZERO = (*LIMITS[1:], "trainer.overfit_batches")

SHARED = ("trainer", "early_stopping", "checkpoint", "optimizer", "lr_scheduler")


def check(settings: Mapping[str, Any], known: Mapping[str, Action]) -> None:
    """Raise a UserError that names a number out of range, or a null where there can be none."""
    for name, value in settings.items():
        if value is None:
            _refuse_null(name, settings, known.get(name))
        elif isinstance(value, float) and name.partition(".")[0] in SHARED:
            _check_float(name, value)
        number = _whole(value) if name in LEAST else None
        if number is not None and not (number == -1 and name in MINUS_ONE):
            at_least(name, number, LEAST[name], MOST.get(name, ENDLESS))
    nodes = settings["trainer.num_nodes"]
    if nodes > 1 and not os.environ.keys() & {"MASTER_ADDR", "SLURM_JOB_ID", "GROUP_RANK"}:
        how = "each is started with MASTER_ADDR and NODE_RANK in its environment, or by SLURM"
        raise UserError(f"trainer.num_nodes={nodes}: {how}")


def _whole(value: Any) -> int | None:
    """The value, if it is a count; a count of devices may be text."""
    if isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _check_float(name: str, value: float) -> None:
    if not math.isfinite(value):
        raise UserError(f"{name}={value}: must be a finite number")
    if name in SHARES and not (value > 1 and value.is_integer()):
        low = 0 if name in MAY_BE_ZERO else math.nextafter(0, 1)
        if not low <= value <= 1:
            raise UserError(f"{name}={value}: must be a number from {low:g} to 1")
    elif value < LEAST.get(name, -math.inf):
        raise UserError(f"{name}={value}: must be at least {LEAST[name]}")


def _refuse_null(name: str, settings: Mapping[str, Any], option: Action | None) -> None:
    """Raise a UserError for null in a class's argument: the parser accepts it for any type."""
    part = name.rpartition(".")[0]
    if option is None and isinstance(chosen := pydoc.locate(str(settings.get(part))), type):
        option = options(chosen, part).get(name)
    hint = getattr(option, "_typehint", None)
    if option is None or hint in (None, Any) or NoneType in get_args(hint):
        return
    if option.default is not None:
        raise UserError(f"{name}=null: must not be null; leave it out")
