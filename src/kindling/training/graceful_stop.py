"""Ends a run well that cannot or shall not go on: a loss that is no number, Ctrl-C, SIGTERM."""

import math
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.distributed import ReduceOp

from kindling.errors import Diverged, Stopped
from kindling.runs import folder as runs
from kindling.runs.loop_state import restart_validation

TOGETHER = 10
"""Batches after which several processes ask one another whether to stop."""


class GracefulStop(Callback):
    """Stops between two steps, where weights, optimizer and counters agree with one another.

    The first signal is obeyed after the step under way, with ``last.ckpt`` saved; a second one
    ends the process at once. A run that was stopped in validation begins it anew.

    Args:
        run: The run's folder.
        every: Batches between two looks at the loss where a look makes a GPU wait.
    """

    def __init__(self, run: Path, every: int = 50) -> None:
        self.run, self.every = run, every
        self._signal, self._within_validation, self._alone = 0, False, True
        self._handlers: dict[int, Any] = {}
        self._loss = torch.zeros(())

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._alone = trainer.world_size == 1
        if trainer.received_sigterm:
            self._signal = signal.SIGTERM
        # Not sooner: the Trainer sets its own handler, which would turn SIGTERM into success.
        for signum in (signal.SIGINT, signal.SIGTERM):
            self._handlers[signum] = signal.signal(signum, self._on_signal)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not between the last step and validation: the Trainer would go on without it.
        if self._heard(trainer, batch_idx) and not trainer.is_last_batch:
            self._stop(trainer)
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._loss = loss
            if loss.device.type == "cpu" or (batch_idx + 1) % self.every == 0:
                self._require_finite(trainer)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        if self._signal and self._alone and not trainer.sanity_checking:
            self._within_validation = True
            self._stop(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._within_validation:
            restart_validation(checkpoint)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_finite(trainer)

    def on_train_end(self, *_: Any) -> None:
        self._restore_handlers()

    def on_exception(self, *_: Any) -> None:
        self._restore_handlers()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._signal = signum
        self._restore_handlers()

    def _restore_handlers(self) -> None:
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers.clear()

    def _heard(self, trainer: Trainer, batch_idx: int) -> bool:
        """Whether this or, now and then, another process was told to stop: all stop together."""
        if not self._alone:
            if (batch_idx + 1) % TOGETHER:
                return False
            signals = torch.tensor(float(self._signal), device=trainer.strategy.root_device)
            self._signal = int(trainer.strategy.reduce(signals, reduce_op=ReduceOp.MAX))  # type: ignore[arg-type]
        return bool(self._signal)

    def _stop(self, trainer: Trainer) -> None:
        trainer.save_checkpoint(self.run / runs.LAST)
        name = signal.Signals(self._signal).name
        raise Stopped(
            f"stopped by {name} in epoch {trainer.current_epoch}, step {trainer.global_step}; "
            f"saved; go on with: make resume RUN={runs.shown(self.run)}",
            self._signal,
            together=True,
        )

    def _require_finite(self, trainer: Trainer) -> None:
        if not math.isfinite(self._loss.item()):
            raise Diverged(
                f"the loss is NaN or infinite in epoch {trainer.current_epoch}, step "
                f"{trainer.global_step}; the checkpoints from before are kept; try a smaller "
                "--model.lr or --trainer.gradient_clip_val=1"
            )
