"""Training beside a run: in a Trainer of its own, on copies, leaving no trace."""

import copy
import io
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stderr
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.utilities.seed import isolate_rng

WARM = 1
"""Steps that are not timed, since the first one sets things up."""

BUDGET = 0.5
"""Seconds of timed steps, of which there is one at least."""


def trial_fit(
    trainer: Trainer, module: LightningModule, callback: Callback, batch_size: int | None = None
) -> None:
    """Train a copy of the model on the run's data until ``callback`` ends it.

    The run's model, data module, optimizer, random state and files stay as they are.

    Args:
        trainer: The run's, on one device.
        module: Is copied.
        callback: What watches the copy.
        batch_size: Of the copy of the data module; the run's own, if not given.
    """
    # Shallow: the samples are shared, and nothing writes to them.
    data = copy.copy(trainer.datamodule)  # type: ignore[attr-defined]
    data.batch_size = batch_size or data.batch_size
    # Lightning's finder draws a bar of its own, which nothing switches off.
    with isolate_rng(), tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
        _like(trainer, callback, folder).fit(copy.deepcopy(module), datamodule=data)


def _like(trainer: Trainer, callback: Callback, folder: str) -> Trainer:
    """A Trainer that takes the same steps, and neither validates nor writes."""
    device = trainer.strategy.root_device
    return Trainer(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        precision=trainer.precision,
        max_epochs=sys.maxsize,  # the callback ends it, but a schedule asks for how long
        limit_train_batches=trainer.limit_train_batches,
        overfit_batches=trainer.overfit_batches,  # type: ignore[attr-defined]
        limit_val_batches=0,
        check_val_every_n_epoch=sys.maxsize,  # Lightning's finder asks for validation all the same
        num_sanity_val_steps=0,
        accumulate_grad_batches=trainer.accumulate_grad_batches,
        gradient_clip_val=trainer.gradient_clip_val,
        gradient_clip_algorithm=trainer.gradient_clip_algorithm,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        profiler=NoProfiler(),
        callbacks=[callback],
        default_root_dir=folder,
    )


class Begun(Callback):
    """Calls a function when training begins, which has to end it."""

    def __init__(self, function: Callable[[Trainer, LightningModule], None]) -> None:
        self._function = function

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._function(trainer, pl_module)


class ThroughputProbe(Callback):
    """Times some steps with what loads their batches, then ends training.

    What lies between two epochs is not counted.
    """

    def __init__(self) -> None:
        self._steps, self._samples = 0, 0
        self._since, self._seconds = 0.0, 0.0

    @property
    def speed(self) -> float:
        """Samples a second."""
        return self._samples / self._seconds

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        outputs["loss"].item()  # waits for a GPU
        now = time.perf_counter()
        self._steps += 1
        if self._steps > WARM:
            self._samples += len(batch.indices)
            self._seconds += now - self._since
        self._since = now
        if self._steps > WARM and self._seconds >= BUDGET:
            trainer.should_stop = True


class NoProfiler(PassThroughProfiler):
    """Measures nothing, at no cost: Lightning's makes 50 generators a step for that."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return self._nothing
