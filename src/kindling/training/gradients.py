"""Gradient norms, layer by layer, so that vanishing and exploding gradients can be seen."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor
from torch.optim import Optimizer

from kindling.runs.metrics_table import MetricsTable


class GradientNorms(Callback):
    """Logs the norm of each layer's gradient as ``gradient_norm/<layer>``.

    Args:
        every: Optimizer steps between two readings.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        if trainer.global_step % self.every:
            return
        norms = {f"gradient_norm/{layer}": float(norm) for layer, norm in layer_norms(pl_module)}
        for logger in trainer.loggers:
            if not isinstance(logger, MetricsTable):  # its rows are of what is scored
                logger.log_metrics(norms, trainer.global_step)


def layer_norms(module: torch.nn.Module) -> list[tuple[str, Tensor]]:
    """The gradient's norm over the parameters of each layer that has one, in the net's order."""
    layers: dict[str, list[Tensor]] = {}
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            layers.setdefault(name.rpartition(".")[0], []).append(parameter.grad)
    return [(name, torch.nn.utils.get_total_norm(grads)) for name, grads in layers.items()]
