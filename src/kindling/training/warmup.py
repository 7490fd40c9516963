"""A linear warm-up of the learning rate, on top of any schedule."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from kindling.errors import UserError


class Warmup(Callback):
    """Raises the learning rate linearly to what the schedule says.

    The rate is lowered from the start of a batch to its step alone: neither the schedule nor a
    checkpoint knows of the warm-up, which follows from the number of the step.

    Args:
        steps: Steps of the optimizer before the rate is the schedule's.

    References:
        Goyal et al., Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677
    """

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self._lowered: list[tuple[dict[str, Any], Any]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not pl_module.automatic_optimization:
            name = type(pl_module).__name__
            raise UserError(f"lr_scheduler_config.warmup: {name} takes its steps by hand")
        trainer.optimizers[0].register_step_post_hook(self._restore)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if (step := trainer.global_step) < self.steps:
            for group in trainer.optimizers[0].param_groups:
                self._lowered.append((group, group["lr"]))
                group["lr"] = group["lr"] * ((step + 1) / self.steps)

    def _restore(self, *_: Any) -> None:
        for group, rate in self._lowered:
            group["lr"] = rate
        self._lowered.clear()

    # Where no step was taken: gradients are accumulated, or training ends.
    on_train_batch_end = _restore  # type: ignore[assignment]
    on_exception = _restore  # type: ignore[assignment]
