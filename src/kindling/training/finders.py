"""Learning rate and batch size before training: what is found is reported, and changes nothing.

What they suggest is a hint: on small problems it is unreliable. They look in a Trainer of their
own, with copies of the model and the data module, so that the run after them is to the last bit
the one that it would have been without.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from lightning.pytorch.utilities.memory import garbage_collection_cuda, is_oom_error
from lightning.pytorch.utilities.seed import isolate_rng
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, ScalarFormatter

from kindling.data.datamodule import DataModule, at_least
from kindling.errors import UserError, short
from kindling.runs.loggers import log_figure
from kindling.training.trial_fit import Begun, ThroughputProbe, trial_fit

SKIPPED = 10
"""Steps at the start that Lightning's suggestion leaves out; it leaves out the last one too."""

GAIN = 1.05
"""Of the speed, below which a batch of twice the size is not worth a look at twice that one."""

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


class BatchSize(Callback):
    """Trains some steps with each batch size, and reports how many samples a second that makes.

    The configured size is doubled as long as that is faster, fits, and leaves two batches of the
    training split. ``figures/batch_size.png`` and TensorBoard show the speed over the size.

    Args:
        max_val: No size is larger.
    """

    def __init__(self, max_val: int = 8192) -> None:
        self.max_val = at_least("batch_size max_val", max_val, 1)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if _starts(trainer, "batch size"):
            with isolate_rng():  # also where a size did not fit
                self._report(trainer, self._speeds(trainer, pl_module))

    def _speeds(self, trainer: Trainer, pl_module: LightningModule) -> dict[int, float]:
        """Samples a second by batch size."""
        data = _data(trainer)
        size, largest = data.batch_size, min(data.sizes()["train"] - 1, self.max_val)
        speeds: dict[int, float] = {}
        while not speeds or size <= largest:
            probe = ThroughputProbe()
            try:
                trial_fit(trainer, pl_module, probe, size)
            except RuntimeError as error:
                if not is_oom_error(error) or not speeds:
                    raise
                garbage_collection_cuda()
                break
            speeds[size] = probe.speed
            if probe.speed < GAIN * speeds.get(size // 2, 0.0):
                break
            size *= 2
        return speeds

    def _report(self, trainer: Trainer, speeds: Mapping[int, float]) -> None:
        kept = _data(trainer).batch_size
        fastest = max(speeds, key=lambda size: speeds[size])
        beside = "" if fastest == kept else f", {kept} are {short(speeds[kept])}"
        log.info(
            "batch size   %s are %s samples a second%s; the run keeps %s",
            *(fastest, short(speeds[fastest]), beside, kept),
        )
        _publish(trainer, "batch_size", draw_speeds(speeds, kept))


def draw_rates(
    rates: Sequence[float], losses: Sequence[float], suggested: float | None, kept: float
) -> Figure:
    """The smoothed loss over the learning rate, one step each, as far as it does not blow up.

    The first steps are left out, as the suggestion does: Lightning's smoothing is too low there.
    """
    rates, losses = rates[SKIPPED:], losses[SKIPPED : len(rates)]
    finite = [loss for loss in losses if math.isfinite(loss)]
    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(rates, losses, color="C0")
    if finite:
        fall = max(finite[0] - min(finite), 0.05 * abs(finite[0]))
        axes.set_ylim(min(finite) - 0.3 * fall, finite[0] + fall)
    if suggested is not None:
        axes.axvline(suggested, color="C3", label=f"suggested, {suggested:.1e}")
    axes.axvline(kept, color="0.4", linestyle=":", label=f"kept, {kept:.3g}")
    axes.set(xscale="log", xlabel="learning rate", title="loss of a step, smoothed")
    axes.legend(loc="lower left", frameon=False)
    return figure


def draw_speeds(speeds: Mapping[int, float], kept: int) -> Figure:
    """Samples a second over the batch size; the one that the run has stands out."""
    sizes = sorted(speeds)
    figure = Figure(figsize=(5.4, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(sizes, [speeds[size] for size in sizes], "o-", color="C0")
    axes.plot([kept], [speeds[kept]], "o", color="0.4", markersize=9, label=f"kept, {kept}")
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(bottom=0)
    axes.set(xlabel="batch size", title="samples a second in training")
    axes.legend(loc="lower right", frameon=False)
    return figure


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
