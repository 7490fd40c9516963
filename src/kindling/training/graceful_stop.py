"""The end of a run by Ctrl-C, SIGTERM, or a loss that is NaN or infinite."""

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
"""Batches between two exchanges among processes of whether to stop."""

EVERY = 50
"""Batches between two checks of the loss on a GPU, which has to wait for each."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class GracefulStop(Callback):
    """Stops between two steps, when weights, optimizer and counters are consistent.

    The first signal takes effect after the current step, with ``last.ckpt`` saved, or at the end of
    the epoch, which saves it anyway. A second one ends the process at once, as does the first one
    before training. A run that was stopped in validation begins that again.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self._signal, self._in_validation, self._alone = 0, False, True
        self._handlers: dict[int, Any] = {}
        self._trains = False
        self._loss = torch.zeros(())

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._alone = trainer.world_size == 1
        # From here to the sanity check the Trainer's own handler is in place, which waits for the
        # other processes: a barrier keeps that time short.
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
        if trainer.should_stop and self._signal:  # which min_epochs overrides
            raise self._stopped(trainer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # Not between the last step and validation: a resume would skip the validation.
        due = self._alone or (batch_idx + 1) % TOGETHER == 0
        if due and not trainer.is_last_batch and self._received_signal(trainer):
            trainer.save_checkpoint(self.run / runs.LAST)
            raise self._stopped(trainer)
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, Tensor):
            self._loss = loss
            if loss.device.type == "cpu" or (batch_idx + 1) % EVERY == 0:
                self._require_finite(trainer)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *_: Any
    ) -> None:
        if self._signal and self._alone and not trainer.sanity_checking:
            self._in_validation = True
            trainer.save_checkpoint(self.run / runs.LAST)
            raise self._stopped(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if self._in_validation:
            restart_validation(checkpoint)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._require_finite(trainer)
        if self._received_signal(trainer):
            trainer.should_stop = True  # the checkpoints of the epoch's end are still saved

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
        """Those before the Trainer's, which would wait for processes that have ended."""
        for signum, handler in self._handlers.items():
            signal.signal(signum, handler)
        self._handlers.clear()

    def _received_signal(self, trainer: Trainer) -> bool:
        """Whether this or another process has received a signal: all stop together."""
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
            do = "this kind of run saves nothing"
        where = f"epoch {trainer.current_epoch}, step {trainer.global_step}"
        return Stopped(f"stopped by {name} in {where}; {do}", self._signal, together=True)

    def _require_finite(self, trainer: Trainer) -> None:
        if not math.isfinite(self._loss.item()):
            raise Diverged(
                f"the loss is NaN or infinite in epoch {trainer.current_epoch}, step "
                f"{trainer.global_step}; the checkpoints from before are kept; try a smaller "
                "--model.lr or --trainer.gradient_clip_val=1"
            )
