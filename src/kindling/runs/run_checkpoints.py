"""``best.ckpt`` by the monitored score, and ``last.ckpt`` for a resume."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import lightning.pytorch.callbacks as stock
from lightning.pytorch import LightningModule, Trainer

from kindling.errors import UserError, did_you_mean
from kindling.runs import folder as runs
from kindling.runs import loop_state

MONITOR = "val/loss"
"""The default. If a module does not log it, its last epoch is the best one."""

SHARE = 0.02
"""Of the time, at most, that is spent on writing ``last.ckpt``."""

PATIENCE = 300.0
"""Seconds of an epoch without a checkpoint."""

EVERY = 50
"""Batches between two looks at the clock, at which several processes must agree."""

log = logging.getLogger(__name__)


class RunCheckpoints(stock.Checkpoint):
    """Writes the two checkpoints of every run, whatever other checkpoints there are.

    ``best.ckpt`` has the best value of the monitor, over all validations and epochs. ``last.ckpt``
    is written at the end of an epoch, and within one that lasts minutes, but not so often that it
    costs more than a killed run would have to repeat. The end of training always writes it. The
    monitor is a logged score, ``epoch`` or ``step``; ``save_weights_only`` is for ``best.ckpt``.
    """

    state_key = "Checkpoint"

    def __init__(
        self, run: Path, monitor: str | None, mode: str, save_weights_only: bool = False
    ) -> None:
        self.run, self.monitor, self.mode = run, monitor or "epoch", mode if monitor else "max"
        self.save_weights_only = save_weights_only
        self.best: float | None = None
        self._logged: dict[str, float] = {}
        self._validated = False
        self._due, self._overdue = 0.0, math.inf

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "logged": self._logged}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict.get("best")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._overdue = time.monotonic() + PATIENCE

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not between the last step and validation: a resume would skip the validation.
        due = (batch_idx + 1) % EVERY == 0 and not trainer.is_last_batch
        if due and _agreed(trainer, self._overdue):
            self._save_last(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validated = True
            if not trainer.is_last_batch:  # else the epoch's end follows
                self._save_best(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._save_best(trainer)
        if _is_last(trainer) or _agreed(trainer, self._due):
            self._save_last(trainer)
            if self.best is None:
                self._save_as(trainer, runs.BEST)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Averaged weights become the model's own only when training has ended.
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if not isinstance(callback, stock.StochasticWeightAveraging):
                continue
            if callback.n_averaged is None or trainer.current_epoch < (trainer.max_epochs or 0):
                log.warning(
                    "weights      not averaged: training ended before the average was taken"
                )
            else:
                what = "the averaged ones, in place of the best epoch's"
                log.info("weights      %s has %s", runs.BEST, what)
                self._save_as(trainer, runs.BEST)

    def _save_best(self, trainer: Trainer) -> None:
        sign = -1 if self.mode == "min" else 1
        value = self._value(trainer)
        if value is None:
            return
        if math.isnan(value):
            value = -sign * math.inf
        if self.best is None or sign * value > sign * self.best:
            self.best = value
            self._save_as(trainer, runs.BEST)

    def _value(self, trainer: Trainer) -> float | None:
        """The monitored value; None before there is one.

        Raises:
            UserError: It is not logged.
        """
        values: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        values |= trainer.callback_metrics
        if self.monitor in values:
            return float(values[self.monitor])
        awaited = trainer.enable_validation and not self._validated
        if not awaited and self.monitor != MONITOR:
            nearest = did_you_mean(self.monitor, values)
            raise UserError(f"checkpoint.monitor={self.monitor}: not logged{nearest}")
        return None

    def _save_last(self, trainer: Trainer) -> None:
        start = time.monotonic()
        for logger in trainer.loggers:
            logger.save()  # no curve may end before the checkpoint
        self._save_as(trainer, runs.LAST)
        end = time.monotonic()
        self._due, self._overdue = end + (end - start) / SHARE, end + PATIENCE

    def _save_as(self, trainer: Trainer, name: Path) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero and not (self.run / runs.CONFIG).exists():
            # A checkpoint would make the folder again, of a run that could not be resumed.
            raise UserError(f"{self.run}: its folder was removed while it trained; start again")
        if loop_state.within_end_of_epoch(trainer):
            # Loggers get the epoch's scores after this, and the process may be killed before.
            logged = trainer.logged_metrics.items()
            self._logged = {k: float(v) for k, v in logged if not k.endswith("_step")}
        trainer.save_checkpoint(self.run / name, self.save_weights_only and name == runs.BEST)
        self._logged = {}


def _agreed(trainer: Trainer, due: float) -> bool:
    """Whether a time has passed, by the clock of the first of all processes."""
    passed = time.monotonic() >= due
    return passed if trainer.world_size == 1 else bool(trainer.strategy.broadcast(passed))


def _is_last(trainer: Trainer) -> bool:
    """Whether training ends with this epoch."""
    most = trainer.max_epochs
    epochs = most not in (None, -1) and trainer.current_epoch + 1 >= most
    steps = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
    return trainer.should_stop or epochs or steps
