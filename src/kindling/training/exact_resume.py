"""A resumed run is the one that was never stopped: equal to the last bit, of our modules."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kindling import __version__
from kindling.data.datamodule import DataModule
from kindling.runs import loop_state
from kindling.runs.checkpoints import ORIGIN
from kindling.training.module import Module

SCORES = "scores"
"""The checkpoint's entry for the state of the epoch's training scores."""

PLATEAUS = "plateaus"
"""The checkpoint's entry for values that schedules have not seen yet, by their number."""


class ExactResume(Callback):
    """Seeds torch's generators for each step, and saves what a resume needs.

    What a step draws, for dropout or augmentation, then depends on its number alone. Each
    checkpoint has the task and the configuration, so that it can be used alone, and the state of
    the epoch's training scores. Of modules that are not ours, it only saves the value that a
    ``ReduceLROnPlateau`` has not seen yet: at the end of an epoch the Trainer saves first, and
    would not pass that value to the schedule after a resume.
    """

    def __init__(self, task: str, config: str) -> None:
        self.task, self.config = task, config
        self._seed, self._rank, self._processes = 0, 0, 1
        self._unseen: dict[int, float] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed = torch.initial_seed() % 2**31 * 1_000_003
        self._rank, self._processes = trainer.global_rank, trainer.world_size

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for number, score in self._unseen.items():
            scheduler: Any = trainer.lr_scheduler_configs[number].scheduler
            pl_module.lr_scheduler_step(scheduler, score)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if not isinstance(pl_module, Module):
            return
        seed = self._seed + trainer.global_step * self._processes + self._rank
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        checksum = data.fingerprint if isinstance(data, DataModule) else None
        origin = {"task": self.task, "config": self.config, "data": checksum}
        checkpoint[ORIGIN] = {**origin, "version": __version__}
        if isinstance(pl_module, Module):
            checkpoint[SCORES] = pl_module.epoch_scores("train").state()
        if loop_state.within_end_of_epoch(trainer):
            scores = trainer.callback_metrics
            checkpoint[PLATEAUS] = {
                number: float(scores[config.monitor])
                for number, config in enumerate(trainer.lr_scheduler_configs)
                if config.reduce_on_plateau and config.interval == "epoch"
                if (trainer.current_epoch + 1) % config.frequency == 0
                if config.monitor in scores
            }

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if isinstance(pl_module, Module) and SCORES in checkpoint:
            pl_module.epoch_scores("train").restore(checkpoint[SCORES])
        self._unseen = checkpoint.get(PLATEAUS, {})
