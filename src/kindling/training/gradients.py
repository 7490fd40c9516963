"""Gradient norms, layer by layer, so that vanishing and exploding gradients can be seen."""

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from kindling.runs.metrics_table import MetricsTable


class GradientNorms(Callback):
    """Logs the norm of each layer's gradient as ``gradient_norm/<layer>``.

    Args:
        every: Optimizer steps between two readings.
    """

    def __init__(self, every: int = 50) -> None:
        self.every = every
        self._step = 0  # the Trainer's own count is a long way to go in each step

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._step = trainer.global_step

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        step, self._step = self._step, self._step + 1
        if step % self.every:
            return
        norms = {f"gradient_norm/{layer}": float(norm) for layer, norm in _norms(pl_module).items()}
        for logger in trainer.loggers:
            if not isinstance(logger, MetricsTable):  # its rows are of what is scored
                logger.log_metrics(norms, step)


def _norms(model: nn.Module) -> dict[str, Tensor]:
    """The gradient's norm over the parameters of each layer that has one, in the net's order."""
    layers: dict[str, list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            layers.setdefault(name.rpartition(".")[0], []).append(parameter.grad)
    return {name: nn.utils.get_total_norm(gradients) for name, gradients in layers.items()}
