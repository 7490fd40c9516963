"""Lightning's learning rate finder before training, which reports and changes nothing."""

import io
import logging
from contextlib import redirect_stderr
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import LearningRateFinder
from matplotlib.figure import Figure

from kindling.data.whole import replaced
from kindling.runs.loggers import log_figure

log = logging.getLogger(__name__)


class LearningRate(LearningRateFinder):
    """Lightning's, for a line and ``figures/lr_find.png`` in place of another learning rate.

    On small problems its suggestion is a hint at most, and the run's configuration would not say
    by which rate it was trained.

    Args:
        min_lr: The first learning rate.
        max_lr: The last one.
        steps: How many there are.
    """

    def __init__(self, min_lr: float = 1e-6, max_lr: float = 1.0, steps: int = 100) -> None:
        super().__init__(min_lr, max_lr, steps, update_attr=False)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        with redirect_stderr(io.StringIO()):  # a bar of its own, which nothing switches off
            super().on_fit_start(trainer, pl_module)
        if self.optimal_lr is None or not trainer.is_global_zero:
            return
        kept, suggested = trainer.optimizers[0].param_groups[0]["lr"], self.optimal_lr.suggestion()
        what = "suggests nothing" if suggested is None else f"suggests {suggested:.1e}"
        log.info("lr finder    %s, the run keeps %.3g", what, kept)
        figure = Figure(figsize=(5.4, 3.6), layout="constrained")
        self.optimal_lr.plot(suggest=suggested is not None, ax=figure.subplots())
        path = Path(trainer.default_root_dir, "figures", "lr_find.png")
        path.parent.mkdir(exist_ok=True)
        with replaced(path) as unfinished:
            figure.savefig(unfinished, dpi=150)
        log_figure(trainer.loggers, "train", "lr_find", figure, 0)
