"""``best.ckpt`` by the monitored score, and ``last.ckpt`` to go on from."""

import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

SHARE = 0.02
"""Of the time, at most, that goes into ``last.ckpt``."""

PATIENCE = 300.0
"""Seconds of an epoch without a checkpoint."""

EVERY = 50
"""Batches between two looks at the clock, which several processes have to agree on."""


class Checkpoint(ModelCheckpoint):
    """Lightning's, but for ``last.ckpt``: that one is of the last epoch, better or not.

    It is written at the end of an epoch, and in one that lasts longer than minutes, unless the one
    before it was written a moment ago: what a killed run has to repeat is less than what writing
    more often would cost, and it repeats it exactly. The end of training always writes it.
    """

    state_key = "Checkpoint"  # asked for at each hook, and Lightning would put it together anew

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._due, self._overdue = 0.0, math.inf

    def _monitor_candidates(self, trainer: Trainer) -> dict[str, Tensor]:
        # What Lightning's copies tensor by tensor, in each epoch, is only read.
        epoch, step = torch.tensor(trainer.current_epoch), torch.tensor(trainer.global_step)
        return {**trainer.callback_metrics, "epoch": epoch, "step": step}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_start(trainer, pl_module)
        self._overdue = time.monotonic() + PATIENCE

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        # Not between the last step and validation: the Trainer would go on without it.
        looked = (batch_idx + 1) % EVERY == 0 and not trainer.is_last_batch
        if looked and _agreed(trainer, time.monotonic() >= self._overdue):
            self._save_last(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        if _is_last(trainer) or _agreed(trainer, time.monotonic() >= self._due):
            self._save_last(trainer)

    def _save_last(self, trainer: Trainer) -> None:
        if trainer.fast_dev_run or self.dirpath is None:  # type: ignore[attr-defined]
            return
        start = time.monotonic()
        for logger in trainer.loggers:
            logger.save()  # no curve shall end before the checkpoint that it is continued from
        trainer.save_checkpoint(Path(self.dirpath) / "last.ckpt")
        end = time.monotonic()
        self._due, self._overdue = end + (end - start) / SHARE, end + PATIENCE


def _agreed(trainer: Trainer, due: bool) -> bool:
    """All processes save together, by the clock of the first."""
    return due if trainer.world_size == 1 else bool(trainer.strategy.broadcast(due))


def _is_last(trainer: Trainer) -> bool:
    """Whether training ends with this epoch."""
    epochs = (
        trainer.max_epochs not in (None, -1) and trainer.current_epoch + 1 >= trainer.max_epochs
    )
    steps = trainer.max_steps != -1 and trainer.global_step >= trainer.max_steps
    return trainer.should_stop or epochs or steps
