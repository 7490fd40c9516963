"""Lightning's learning rate finder before training: what it finds is reported, and changes nothing.

On small problems its suggestion is a hint at most.
"""

import copy
import io
import logging
import sys
import tempfile
from contextlib import redirect_stderr
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.tuner.tuning import Tuner
from lightning.pytorch.utilities.seed import isolate_rng
from matplotlib.figure import Figure

from kindling.data.datamodule import at_least
from kindling.runs.loggers import log_figure
from kindling.training.overhead import NoProfiler

SAME = (
    "precision",
    "limit_train_batches",
    "overfit_batches",
    "accumulate_grad_batches",
    "gradient_clip_val",
    "gradient_clip_algorithm",
)
"""Settings of the Trainer that decide what a step is."""

log = logging.getLogger(__name__)


class LearningRate(Callback):
    """Raises the learning rate step by step, and reports where the loss fell most steeply.

    A line says what Lightning suggests and what the run keeps; ``figures/lr_find.png`` and
    TensorBoard show the smoothed loss over the learning rate. It looks in a Trainer of its own,
    with copies of the model and the data module, so that the run after it is to the last bit the
    one that it would have been without.

    Args:
        min_lr: The first learning rate.
        max_lr: The last one.
        steps: How many there are.
    """

    def __init__(self, min_lr: float = 1e-6, max_lr: float = 1.0, steps: int = 100) -> None:
        self.min_lr, self.max_lr = min_lr, max_lr
        # The suggestion leaves out ten at the start and one at the end, and needs two.
        self.steps = at_least("lr_find steps", steps, 13)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.ckpt_path is not None or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return  # a run that goes on has its report
        if trainer.world_size > 1:
            log.info("lr finder    left out: it is for a run of one process")
            return
        model = copy.deepcopy(pl_module)
        data = copy.copy(trainer.datamodule)  # type: ignore[attr-defined]
        # Lightning's finder draws a bar of its own, which nothing switches off.
        with isolate_rng(), tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
            found = Tuner(_like(trainer, folder)).lr_find(
                model,
                datamodule=data,
                min_lr=self.min_lr,
                max_lr=self.max_lr,
                num_training=self.steps,
                update_attr=False,
            )
        assert found is not None
        kept, suggested = trainer.optimizers[0].param_groups[0]["lr"], found.suggestion()
        what = "suggests nothing" if suggested is None else f"suggests {suggested:.1e}"
        log.info("lr finder    %s, the run keeps %.3g", what, kept)
        figure = Figure(figsize=(5.4, 3.6), layout="constrained")
        axes = figure.subplots()
        found.plot(suggest=suggested is not None, ax=axes)
        axes.axvline(kept, color="0.4", linestyle=":", label=f"kept, {kept:.3g}")
        axes.legend(loc="lower left", frameon=False)
        path = Path(trainer.default_root_dir, "figures", "lr_find.png")
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=150)
        log_figure(trainer.loggers, "train", "lr_find", figure, 0)


def _like(trainer: Trainer, folder: str) -> Trainer:
    """A Trainer that takes the same steps, and neither validates nor writes."""
    device = trainer.strategy.root_device
    return Trainer(
        **{name: getattr(trainer, name) for name in SAME},
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        max_epochs=sys.maxsize,  # the finder ends it, but a schedule asks for how long
        limit_val_batches=0,
        check_val_every_n_epoch=sys.maxsize,  # Lightning's finder asks for validation all the same
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        logger=False,
        profiler=NoProfiler(),
        default_root_dir=folder,
    )
