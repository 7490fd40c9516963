"""The progress bar of a terminal, drawn as often as one can see, not once a step."""

import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from rich.progress import BarColumn

PERIOD = 0.1
"""Seconds between two updates."""


class RunProgressBar(RichProgressBar):
    """Lightning's rich bar with the last validation loss, updated ten times a second.

    A small net takes thousands of steps a second, and to draw each would cost as much as to train.
    """

    def __init__(self) -> None:
        # By default, its thread draws a hundred times a second, which slows a small net's steps.
        super().__init__(refresh_rate=round(1 / PERIOD), leave=False)
        self._next = 0.0

    def configure_columns(self, trainer: Trainer) -> list[Any]:
        columns: list[Any] = super().configure_columns(trainer)
        for column in columns:
            if isinstance(column, BarColumn):
                column.bar_width = 8  # a wider one makes the times wrap at 80 characters
        return columns

    def on_train_epoch_start(self, trainer: Trainer, *args: Any) -> None:
        bar = self.train_progress_bar_id
        if bar is None or self.progress is None:
            super().on_train_epoch_start(trainer, *args)
        else:  # Lightning resets the bar, which draws it at once
            description = self._get_train_description(trainer.current_epoch)
            total = self.total_train_batches
            self.progress.update(bar, total=total, completed=0, description=description)

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        # After the last batch in any case: training may end there.
        if self._due() or trainer.is_last_batch:
            super().on_train_batch_end(trainer, *args, **kwargs)

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

    def _due(self) -> bool:
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + PERIOD
        return True
