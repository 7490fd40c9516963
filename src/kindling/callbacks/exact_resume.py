"""A run of our modules that was stopped goes on exactly as it would have, to the last bit."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kindling.module import Module

SCORES = "scores"
"""The checkpoint's entry for what an epoch's training scores are made of so far."""


class ExactResume(Callback):
    """Lets what a step draws follow from its place in the run, and keeps an epoch's scores.

    Dropout, for one, draws from torch's generators, which are seeded anew for each step. A
    checkpoint in mid-epoch carries what the epoch's training scores are made of. Modules that are
    not ours are left alone.
    """

    def __init__(self) -> None:
        self._seed = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seed = torch.initial_seed() % 2**31

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if not isinstance(pl_module, Module):
            return
        index = trainer.global_step * trainer.world_size + trainer.global_rank
        seed = self._seed * 1_000_003 + index
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if isinstance(pl_module, Module):
            checkpoint[SCORES] = pl_module.epoch_scores("train").state()

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if isinstance(pl_module, Module) and SCORES in checkpoint:
            pl_module.epoch_scores("train").restore(checkpoint[SCORES])
