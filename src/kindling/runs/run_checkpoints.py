"""``best.ckpt`` by the monitored score, and ``last.ckpt`` to go on from."""

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
"""What our modules log. Of a module that does not, the last epoch is the best one."""

SHARE = 0.02
"""Of the time, at most, that goes into ``last.ckpt``."""

PATIENCE = 300.0
"""Seconds of an epoch without a checkpoint."""

EVERY = 50
"""Batches between two looks at the clock, which several processes have to agree on."""

log = logging.getLogger(__name__)


class RunCheckpoints(stock.Checkpoint):
    """Keeps the two checkpoints that every run has, whatever others are kept beside them.

    ``best.ckpt`` is of the best value that the monitor has had, in whichever validation or epoch.
    ``last.ckpt`` is written at the end of an epoch, and in one that lasts longer than minutes,
    unless the one before it was written a moment ago: what a killed run has to repeat is less than
    what writing more often would cost, and it repeats it exactly. The end of training always
    writes it.

    Args:
        run: The run's folder.
        monitor: The logged score that decides, or ``epoch`` or ``step``.
        mode: Whether it shall be small or large.
        save_weights_only: Leave out of ``best.ckpt`` what is only needed to go on from it.
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
        # Not between the last step and validation: the Trainer would go on without it.
        looked = (batch_idx + 1) % EVERY == 0 and not trainer.is_last_batch
        if looked and _agreed(trainer, self._overdue):
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
        """What is monitored; none before there is any.

        Raises:
            UserError: It is not among what is logged.
        """
        counts = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        there: dict[str, Any] = {**counts, **trainer.callback_metrics}
        if self.monitor in there:
            return float(there[self.monitor])
        awaited = trainer.enable_validation and not self._validated
        if not awaited and self.monitor != MONITOR:
            meant = did_you_mean(self.monitor, there)
            raise UserError(f"checkpoint.monitor={self.monitor}: not logged{meant}")
        return None

    def _save_last(self, trainer: Trainer) -> None:
        start = time.monotonic()
        for logger in trainer.loggers:
            logger.save()  # no curve shall end before the checkpoint that it is continued from
        self._save_as(trainer, runs.LAST)
        end = time.monotonic()
        self._due, self._overdue = end + (end - start) / SHARE, end + PATIENCE

    def _save_as(self, trainer: Trainer, name: Path) -> None:
        if trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if trainer.is_global_zero and not (self.run / runs.CONFIG).exists():
            # A checkpoint would make the folder anew, of a run that nothing can go on from.
            raise UserError(f"{self.run}: its folder was removed while it trained; start again")
        if loop_state.within_end_of_epoch(trainer):
            # Loggers get the epoch's scores only after this, when the process may be killed.
            logged = trainer.logged_metrics.items()
            self._logged = {k: float(v) for k, v in logged if not k.endswith("_step")}
        trainer.save_checkpoint(self.run / name, self.save_weights_only and name == runs.BEST)
        self._logged = {}


def _agreed(trainer: Trainer, due: float) -> bool:
    """Whether a moment has passed: all processes save together, by the clock of the first."""
    passed = time.monotonic() >= due
    return passed if trainer.world_size == 1 else bool(trainer.strategy.broadcast(passed))


def _is_last(trainer: Trainer) -> bool:
    """Whether training ends with this epoch."""
    most = trainer.max_epochs
    epochs = most not in (None, -1) and trainer.current_epoch + 1 >= most
    steps = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
    return trainer.should_stop or epochs or steps
