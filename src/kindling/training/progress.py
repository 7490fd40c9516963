"""The progress bar of a terminal, drawn as often as one can see, not once a step."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar

PERIOD = 0.1
"""Seconds between two updates."""


class RunProgressBar(RichProgressBar):
    """Lightning's rich bar with the last validation loss, updated ten times a second.

    A small net takes thousands of steps a second, and to draw each would cost as much as to train.
    """

    def __init__(self) -> None:
        # The rate is of a thread that draws whatever was updated since: a hundred times a second by
        # default, which takes a small net's step longer than the step.
        super().__init__(refresh_rate=round(1 / PERIOD), leave=False)
        self._next = 0.0
        self._shown = -1

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        # The first is shown in any case: a short run's time could all pass in validation.
        if self.train_progress_bar_id is None or self._due():
            self._show_epoch(trainer, *args)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        if self._due():
            if self._shown != trainer.current_epoch:
                self._show_epoch(trainer, args[0])
            super().on_train_batch_end(trainer, *args, **kwargs)

    def on_train_end(self, trainer: Trainer, *args: Any) -> None:
        # What stays on the screen shall be where training ended, not where it was last drawn.
        bar = self.train_progress_bar_id
        if bar is not None and self.progress is not None:
            last = trainer.fit_loop.epoch_progress.current.ready - 1
            self.progress.update(bar, description=self._get_train_description(last))
            done = trainer.fit_loop.batch_idx
            super().on_train_batch_end(trainer, args[0], None, None, done)
        super().on_train_end(trainer, *args)

    def on_validation_batch_start(self, *args: Any, **kwargs: Any) -> None:
        # Lightning would add a bar in every epoch and remove none.
        if self.val_progress_bar_id is None:
            super().on_validation_batch_start(*args, **kwargs)

    def on_validation_batch_end(self, *args: Any, **kwargs: Any) -> None:
        if self._due():
            super().on_validation_batch_end(*args, **kwargs)

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        scores = trainer.callback_metrics
        return {"val/loss": float(scores["val/loss"])} if "val/loss" in scores else {}

    def _show_epoch(self, trainer: Trainer, *args: Any) -> None:
        self._shown = trainer.current_epoch
        super().on_train_epoch_start(trainer, *args)

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PERIOD
        return True
