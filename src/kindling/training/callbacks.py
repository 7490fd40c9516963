"""Callbacks of training: early stopping, warm-up, norms of gradients."""

import sys
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.optim import Optimizer

from kindling.errors import UserError
from kindling.runs.metrics_table import MetricsTable
from kindling.training.schedules import MONITOR

EVERY = 50
"""Optimizer steps between two readings of gradients."""


class PatientStopping(EarlyStopping):
    """Lightning's ``EarlyStopping``, which null can switch off, under a name of its own.

    Args:
        monitor: The logged score that decides; only the default may be one that is not logged.
        patience: Validations without a better score before training stops; null never stops it.
        **kwargs: Arguments of Lightning's ``EarlyStopping``.
    """

    # Lightning computes its own for every hook of every step.
    state_key = "early_stopping"

    def __init__(self, monitor: str = MONITOR, patience: int | None = 5, **kwargs: Any) -> None:
        super().__init__(monitor, patience=sys.maxsize if patience is None else patience, **kwargs)
        self.strict = self.strict and monitor != MONITOR

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict({**state_dict, "patience": self.patience})


class Warmup(Callback):
    """Raises the learning rate linearly to the schedule's.

    The rate is lowered between the start of a batch and its step alone, by the number of the step,
    so that neither the schedule nor a checkpoint has to know of the warm-up.

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
            raise UserError(f"lr_scheduler_config.warmup: {name} uses manual optimization")
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


class GradientNorms(Callback):
    """Logs the norm of each layer's gradient as ``gradient_norm/<layer>``."""

    def __init__(self) -> None:
        self._step = 0  # the Trainer's own count is slow to read

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        step, self._step = self._step, self._step + 1
        if step % EVERY:
            return
        norms = {f"gradient_norm/{layer}": float(norm) for layer, norm in _norms(pl_module).items()}
        for logger in trainer.loggers:
            if not isinstance(logger, MetricsTable):  # its rows are scores
                logger.log_metrics(norms, step)


def _norms(model: nn.Module) -> dict[str, Tensor]:
    """The gradient's norm over the parameters of each layer that has one, in the net's order."""
    layers: dict[str, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            layers.setdefault(name.rpartition(".")[0], []).append(parameter.grad)
    return {name: nn.utils.get_total_norm(gradients) for name, gradients in layers.items()}
