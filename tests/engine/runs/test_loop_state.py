"""Lightning's loop counters are what they are taken for, in the version that is installed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel

from kindling.runs import loop_state
from tests.engine.lightning.own import GAN, Vectors

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*have no `validation_step`.*"),
]


class Saved(Callback):
    """Takes checkpoints at the ends of batches, of validation batches and of epochs."""

    def __init__(self) -> None:
        self.taken: dict[str, dict[str, Any]] = {}

    def _take(self, trainer: Trainer, name: str) -> None:
        path = Path(trainer.default_root_dir, "x.ckpt")
        trainer.save_checkpoint(path)
        self.taken[name] = torch.load(path, weights_only=True)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._take(trainer, f"batch {trainer.current_epoch} {batch_idx}")

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if not trainer.sanity_checking:
            self._take(trainer, f"validation {trainer.current_epoch} {batch_idx}")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._take(trainer, f"epoch {trainer.current_epoch}")


def taken(model: LightningModule, folder: Path, **data: Any) -> dict[str, dict[str, Any]]:
    saved = Saved()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=2,
        limit_train_batches=3,
        limit_val_batches=2,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        callbacks=[saved],
        default_root_dir=folder,
    )
    trainer.fit(model, **data)
    return saved.taken


def test_whole_epochs_are_counted(tmp_path: Path) -> None:
    found = taken(BoringModel(), tmp_path)
    done = {name: loop_state.epochs_done(checkpoint) for name, checkpoint in found.items()}
    assert done["batch 0 0"] == done["batch 0 1"] == 0
    assert done["epoch 0"] == 1
    assert done["batch 1 1"] == 1
    assert done["epoch 1"] == 2
    assert done["validation 1 1"] == 1, "whose scores are still to come"


def test_a_validation_begins_anew(tmp_path: Path) -> None:
    found = taken(BoringModel(), tmp_path)
    at_first, at_second = found["validation 0 0"], found["validation 0 1"]
    key = "epoch_loop.val_loop.batch_progress"
    before = at_second["loops"]["fit_loop"][key]
    assert before["is_last_batch"]
    loop_state.restart_validation(at_second)
    after = at_second["loops"]["fit_loop"][key]
    assert after.keys() == before.keys()
    assert after["current"]["ready"] == at_first["loops"]["fit_loop"][key]["current"]["ready"]
    assert not after["is_last_batch"]


def test_steps_are_those_of_loggers(tmp_path: Path) -> None:
    """Of two optimizers that are stepped by hand, one a batch."""
    assert loop_state.steps({}) == 0
    assert loop_state.steps(taken(BoringModel(), tmp_path)["epoch 1"]) == 6
    by_hand = taken(GAN(), tmp_path, datamodule=Vectors())["epoch 1"]
    assert by_hand["global_step"] == 12
    assert loop_state.steps(by_hand) == 6
