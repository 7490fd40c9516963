"""The Trainer's loop counters in a checkpoint, which Lightning does not promise to keep.

They are needed to repeat an interrupted validation and to tell whether a run is finished, and no
hook gives them. Nothing else touches them; ``tests/engine/runs/test_resume.py`` holds them
to what the installed version does, the oldest supported and the newest.
"""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Trainer

FIRST_BATCH = {"ready": 1, "started": 1, "processed": 0, "completed": 0}
"""Progress within the first batch of a validation."""


def restart_validation(checkpoint: dict[str, Any]) -> None:
    """Let a resume repeat the validation during which a checkpoint was saved."""
    progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
    progress |= {"total": FIRST_BATCH, "current": FIRST_BATCH, "is_last_batch": False}


def within_end_of_epoch(trainer: Trainer) -> bool:
    """Whether an epoch's callbacks are called, after its last step."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return bool(progress.processed > progress.completed)


def epochs_done(checkpoint: Mapping[str, Any]) -> int:
    """Whole epochs that a checkpoint has trained."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def steps(checkpoint: Mapping[str, Any]) -> int:
    """Training steps as loggers count them, where ``global_step`` has each of several optimizers.

    None of them for a checkpoint of nothing, which is a run's that only begins.
    """
    if not checkpoint:
        return 0
    epoch = {k.removeprefix("epoch_loop."): v for k, v in checkpoint["loops"]["fit_loop"].items()}
    by_hand = epoch["manual_optimization.optim_step_progress"]["total"]["completed"]
    return int(epoch["batch_progress"]["total"]["ready"] if by_hand else checkpoint["global_step"])
