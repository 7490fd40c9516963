"""Lightning's finders of a learning rate and a batch size, which here report and change nothing.

What they suggest is a hint: on small problems it is unreliable. They look in a Trainer of their
own, with copies of the model and the data module, so that the run after them is to the last bit
the one that it would have been without.
"""

import logging
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.utilities.memory import garbage_collection_cuda, is_oom_error
from lightning.pytorch.utilities.seed import isolate_rng
from matplotlib.figure import Figure

from kindling.data.datamodule import DataModule, at_least
from kindling.errors import UserError, short
from kindling.runs.loggers import log_figure
from kindling.training.finder_figures import SKIPPED, draw_rates, draw_speeds
from kindling.training.memory import SavedBytes, free_bytes
from kindling.training.trial_fit import Begun, ThroughputProbe, trial_fit

SHARE = 0.25
"""Of the memory that is free, what a batch may take: its values in the net, and their gradients."""

log = logging.getLogger(__name__)


class LearningRate(LearningRateFinder):
    """Raises the learning rate step by step, and reports where the loss fell most steeply.

    A line says what Lightning suggests and what the run keeps; ``figures/lr_find.png`` and
    TensorBoard show the smoothed loss over the learning rate.

    Args:
        min_lr: The first learning rate.
        max_lr: The last one.
        steps: How many there are.
    """

    def __init__(self, min_lr: float = 1e-6, max_lr: float = 1.0, steps: int = 100) -> None:
        at_least("lr_find steps", steps, SKIPPED + 3)
        super().__init__(min_lr, max_lr, steps, update_attr=False)
        self._early_exit = True  # of the Trainer that it looks in

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _starts(trainer, "lr finder"):
            trial_fit(trainer, pl_module, Begun(self.lr_find))
            self._report(trainer, trainer.optimizers[0].param_groups[0]["lr"])

    def _report(self, trainer: Trainer, kept: float) -> None:
        found = self.optimal_lr
        assert found is not None
        losses = torch.tensor(found.results["loss"][SKIPPED:-1])
        enough = int(losses.isfinite().sum()) >= 2
        suggested = found.suggestion(SKIPPED) if enough else None
        what = "suggests nothing" if suggested is None else f"suggests {suggested:.1e}"
        log.info("lr finder    %s, the run keeps %.3g", what, kept)
        figure = draw_rates(found.results["lr"], found.results["loss"], suggested, kept)
        _publish(trainer, "lr_find", figure)


class BatchSize(BatchSizeFinder):
    """Trains some steps with each batch size, and reports how many samples a second that makes.

    Lightning's own looks for the largest batch that fits. This one doubles the configured size,
    in the same manner, as long as the batch fits and is smaller than the training split, and
    times it; on a CPU, where what does not fit takes the machine with it, the memory is reckoned
    beforehand. ``figures/batch_size.png`` and TensorBoard show the speed over the size.

    Args:
        max_val: No size is larger.
    """

    def __init__(self, max_val: int = 8192) -> None:
        super().__init__(max_val=at_least("batch_size max_val", max_val, 1))
        self.speeds: dict[int, float] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str | None = None) -> None:
        """Nothing: what Lightning refuses here, such as several processes, is left out instead."""

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _starts(trainer, "batch size"):
            with isolate_rng():  # also where a size did not fit
                self.scale_batch_size(trainer, pl_module)
            self._report(trainer)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing: it is about training."""

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing: it is about training."""

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Nothing: it is about training."""

    def scale_batch_size(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Measure ``speeds``, samples a second by batch size, of a copy."""
        data = _data(trainer)
        size, largest = data.batch_size, min(self._largest(trainer, pl_module), self._max_val)
        while not self.speeds or size <= largest:
            try:
                clock = ThroughputProbe()
                trial_fit(trainer, pl_module, clock, size)
                self.speeds[size] = clock.speed
            except RuntimeError as error:
                if not is_oom_error(error) or not self.speeds:
                    raise
                garbage_collection_cuda()
                break
            size *= 2

    def _largest(self, trainer: Trainer, pl_module: LightningModule) -> int:
        """The largest size that is no risk, and leaves two batches of training."""
        data = _data(trainer)
        samples = data.sizes()["train"] - 1
        device = trainer.strategy.root_device
        if device.type != "cpu":
            return samples
        step = SavedBytes()
        trial_fit(trainer, pl_module, step)
        needed = 2 * step.bytes / min(data.batch_size, samples + 1)
        return min(samples, int(SHARE * free_bytes() / max(needed, 1.0)))

    def _report(self, trainer: Trainer) -> None:
        kept = _data(trainer).batch_size
        fastest = max(self.speeds, key=lambda size: self.speeds[size])
        beside = "" if fastest == kept else f", {kept} are {short(self.speeds[kept])}"
        log.info(
            "batch size   %s are %s samples a second%s; the run keeps %s",
            *(fastest, short(self.speeds[fastest]), beside, kept),
        )
        _publish(trainer, "batch_size", draw_speeds(self.speeds, kept))


def _starts(trainer: Trainer, label: str) -> bool:
    """Whether a run begins, of one process; one that goes on has its report."""
    if trainer.ckpt_path is not None or trainer.fast_dev_run:  # type: ignore[attr-defined]
        return False
    if trainer.world_size > 1:
        log.info("%-12s left out: it is for a run of one process", label)
        return False
    return True


def _data(trainer: Trainer) -> DataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, DataModule):
        raise UserError(
            f"batch_size: {type(data).__name__} is not a kindling DataModule, whose batch size can "
            "be varied; use Lightning's own BatchSizeFinder"
        )
    return data


def _publish(trainer: Trainer, name: str, figure: Figure) -> None:
    folder = Path(trainer.default_root_dir) / "figures"
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150)
    log_figure(trainer.loggers, "train", name, figure, 0)
