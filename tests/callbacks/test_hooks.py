"""Hooks that nobody uses cost nothing, and those in use are called."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from kindling.callbacks.hooks import hooks, spare_unused


class Steps(Callback):
    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.seen.append(batch_idx)


class More(Steps):
    def on_after_backward(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.seen.append(-1)


class Counted(BoringModel):
    zeroed = 0

    def on_before_zero_grad(self, optimizer: torch.optim.Optimizer) -> None:
        self.zeroed += 1


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch, by Lightning
def test_the_trainer_calls_what_is_used_and_nothing_else() -> None:
    callbacks: list[Callback] = [Steps(), More()]
    model = Counted()
    users: list[Callback | LightningModule] = [*callbacks, model]
    spare_unused(users)
    used = [{hook for hook in hooks(user) if getattr(user, hook)} for user in users]
    assert used == [
        {"on_train_batch_end"},
        {"on_train_batch_end", "on_after_backward"},
        {"on_before_zero_grad"},
    ]
    trainer = Trainer(
        accelerator="cpu",
        max_steps=2,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=1,
        num_sanity_val_steps=1,
        callbacks=callbacks,
    )
    data = torch.utils.data.DataLoader(torch.randn(4, 32), batch_size=2)
    trainer.fit(model, data, data)
    assert [c.seen for c in callbacks if isinstance(c, Steps)] == [[0, 1], [-1, 0, -1, 1]]
    assert model.zeroed == 2
