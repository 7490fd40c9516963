"""Ends a run well that cannot or shall not go on: a loss that is no number, Ctrl-C, SIGTERM."""

import math
import signal
import threading
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
"""Batches after which several processes ask one another whether to stop, as at an epoch's end."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class GracefulStop(Callback):
    """Stops between two steps, where weights, optimizer and counters agree with one another.

    The first signal is obeyed after the step under way, with ``last.ckpt`` saved, or at the end of
    the epoch, which saves it anyway; a second one ends the process at once, as the first does
    before training. A run that was stopped in validation begins it anew.

    Args:
        run: The run's folder.
        every: Batches between two looks at the loss where a look makes a GPU wait.
    """

    def __init__(self, run: Path, every: int = 50) -> None:
        self.run, self.every = run, every
        self._signal, self._within_validation, self._alone = 0, False, True
        self._handlers: dict[int, Any] = {}
        self._trains = False
        self._loss = torch.zeros(())

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._alone = trainer.world_size == 1
        # From here to the sanity check the Trainer's own handler is in place, which would wait for
        # the other processes: the less they have to wait for one another, the shorter that is.
        trainer.strategy.barrier()
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            self._handlers = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._handle()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.received_sigterm:
            self._signal = signal.SIGTERM
        self._trains = True
        self._handle()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.should_stop and self._signal:  # which min_epochs forbids
            raise self._stopped(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not between the last step and validation: the Trainer would go on without it.
        asked = self._alone or (batch_idx + 1) % TOGETHER == 0
        if asked and not trainer.is_last_batch and self._heard(trainer):
            trainer.save_checkpoint(self.run / runs.LAST)
            raise self._stopped(trainer)
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
            trainer.save_checkpoint(self.run / runs.LAST)
            raise self._stopped(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._within_validation:
            restart_validation(checkpoint)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_finite(trainer)
        if self._heard(trainer):
            trainer.should_stop = True  # after which whatever is due at an epoch's end is saved

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._restore_handlers()
        if self._signal:
            raise self._stopped(trainer)

    def on_exception(self, *_: Any) -> None:
        self._restore_handlers()

    def _handle(self) -> None:
        for signum in self._handlers:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        self._restore_handlers()
        if not self._trains:
            raise Stopped(f"stopped by {signal.Signals(signum).name} before training", signum)
        self._signal = signum

    def _restore_handlers(self) -> None:
        """Those from before the Trainer's, which would wait for processes that have ended."""
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers.clear()

    def _heard(self, trainer: Trainer) -> bool:
        """Whether this or another process was told to stop: all stop together."""
        if not self._alone:
            signals = torch.tensor(float(self._signal), device=trainer.strategy.root_device)
            self._signal = int(trainer.strategy.reduce(signals, reduce_op=ReduceOp.MAX))  # type: ignore[arg-type]
        return bool(self._signal)

    def _stopped(self, trainer: Trainer) -> Stopped:
        name = signal.Signals(self._signal).name
        run = runs.shown(self.run)
        if trainer.current_epoch >= (trainer.max_epochs or 0) > 0:
            do = f"saved; training is done; score it with: make evaluate RUN={run}"
        elif (self.run / runs.LAST).is_file():
            do = f"saved; continue with: make resume RUN={run}"
        else:
            do = "nothing is saved of such a run"
        where = f"epoch {trainer.current_epoch}, step {trainer.global_step}"
        return Stopped(f"stopped by {name} in {where}; {do}", self._signal, together=True)

    def _require_finite(self, trainer: Trainer) -> None:
        if not math.isfinite(self._loss.item()):
            raise Diverged(
                f"the loss is NaN or infinite in epoch {trainer.current_epoch}, step "
                f"{trainer.global_step}; the checkpoints from before are kept; try a smaller "
                "--model.lr or --trainer.gradient_clip_val=1"
            )
