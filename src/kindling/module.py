"""The base of every model: one step for all stages, metrics per head and stage, baselines."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.trainer.states import TrainerFn
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.optim import Optimizer

from kindling.errors import UserError
from kindling.scores import Head, Heads, Scores, Step, in_full, named

Stage = Literal["train", "val", "test"]
STAGES: tuple[Stage, ...] = ("train", "val", "test")
Schedule = Literal["constant", "cosine"]

SCORES = "scores"
"""The checkpoint's entry for what an epoch's training scores are made of so far."""


class Outcome(NamedTuple):
    """What an evaluated or predicted batch yields.

    ``place`` ``(B,)`` says which samples of the split, ``baselines`` are by name, then by head.
    """

    place: Tensor
    predictions: Heads
    targets: Heads
    baselines: Mapping[str, Heads]


class Module(LightningModule):
    """Runs ``step`` in every stage and scores it once an epoch.

    A problem says what its heads are, how a batch becomes a loss and predictions (``step``), what
    it predicts without targets (``predict``) and what it has to beat (``baselines``, the first
    being the one that skill is measured against).

    Args:
        heads: Outputs by name; with a single one, its metrics carry no prefix.
        lr: Learning rate of AdamW.
        weight_decay: Decoupled weight decay; at 0, AdamW is Adam.
        schedule: Learning rate over the run's epochs.
    """

    def __init__(
        self,
        heads: Mapping[str, Head],
        lr: float,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__()
        if lr <= 0:
            raise UserError(f"model.lr={lr}: must be above 0")
        if weight_decay < 0:
            raise UserError(f"model.weight_decay={weight_decay}: must be 0 or more")
        self.heads, self.lr = dict(heads), lr
        self.weight_decay, self.schedule = weight_decay, schedule
        self.seed = 0
        # Whether a checkpoint will bring the weights. In setup the Trainer does not know of it yet.
        self.resumed = False
        # A module may not be called "train".
        self.scores = nn.ModuleDict({f"{stage}_scores": Scores(self.heads) for stage in STAGES})

    # What a problem provides.

    @abstractmethod
    def step(self, batch: Any) -> Step:
        """Loss, predictions and targets of a batch."""

    @abstractmethod
    def predict(self, batch: Any) -> Heads:
        """Predictions by head, of a batch whose targets may be missing."""

    @abstractmethod
    def baselines(self, batch: Any) -> Mapping[str, Heads]:
        """Trivial predictions by name and head; NaN where one has nothing to go by."""

    def figures(self, rows: Mapping[str, Any], outcome: Outcome) -> Mapping[str, Figure]:
        """Pictures of an evaluated split; ``rows`` identifies its samples."""
        return {}

    def curves(self) -> Mapping[str, float]:
        """What an epoch of training logs beside its scores, such as ``train/age/weight``."""
        return {}

    def __setattr__(self, name: str, value: Any) -> None:
        # The Trainer notes here which hook it calls, sixty times a step. torch would look each
        # time whether a string is a parameter: a twentieth of a small net's step.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    # The Trainer's hooks, in the order in which they are called.

    def on_fit_start(self) -> None:
        self.seed = torch.initial_seed() % 2**31

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # What a step draws, dropout for one, follows from its place in the run: a run that was
        # stopped goes on exactly as it would have.
        place = self.global_step * self.trainer.world_size + self.global_rank
        seed = self.seed * 1_000_003 + place
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def training_step(self, batch: Any) -> Tensor:
        step = self.step(batch)
        self._scores("train").keep(step)
        return step.loss

    def on_train_epoch_end(self) -> None:
        lr = self.trainer.optimizers[0].param_groups[0]["lr"]
        self._log_scores("train", {"lr": lr, **self.curves()})

    def validation_step(self, batch: Any) -> Outcome:  # type: ignore[override]
        return self._evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_scores("val")

    def test_step(self, batch: Any) -> Outcome:  # type: ignore[override]
        return self._evaluate("test", batch)

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def predict_step(self, batch: Any) -> Outcome:
        return Outcome(batch.place, in_full(self.predict(batch)), {}, {})

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Optimizer) -> None:
        # Without the profiling around the optimizer's own, which takes longer than this.
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    def configure_optimizers(self) -> Any:
        fused = all(p.device.type in ("cpu", "cuda") for p in self.parameters())
        optimizer = torch.optim.AdamW(
            self.parameters(), self.lr, weight_decay=self.weight_decay, fused=fused
        )
        if self.schedule == "constant":
            return optimizer
        epochs = max(self.trainer.max_epochs or 1, 1)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)]

    # A checkpoint in the middle of an epoch carries what the epoch's scores are made of.

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint[SCORES] = self._scores("train").state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if SCORES in checkpoint:  # one of weights alone can be tested
            self._scores("train").restore(checkpoint[SCORES])

    # Scores.

    def named(self, head: str, metric: str) -> str:
        """The name that logs and results use: ``mse``, or ``age/mae`` of several heads."""
        return named(self.heads, head, metric)

    def _evaluate(self, stage: Stage, batch: Any) -> Outcome:
        step = self.step(batch)
        self._scores(stage).keep(step)
        return Outcome(batch.place, in_full(step.predictions), step.targets, self.baselines(batch))

    def _log_scores(self, stage: Stage, beside: Mapping[str, float] | None = None) -> None:
        scores = self._scores(stage).compute(self.trainer.strategy)
        self._publish({**(beside or {}), **{f"{stage}/{k}": v for k, v in scores.items()}})

    def _publish(self, values: Mapping[str, float | Tensor]) -> None:
        """Show an epoch's scores to loggers and callbacks.

        Of a small net, what ``log_dict`` keeps books on costs as much as several steps. It is
        needed where the Trainer returns what was logged.
        """
        if self.trainer.state.fn != TrainerFn.FITTING:
            self.log_dict(dict(values), sync_dist=False)
        elif not self.trainer.sanity_checking:
            numbers = {name: float(value) for name, value in values.items()}
            self.trainer.callback_metrics.update(
                {name: torch.tensor(number) for name, number in numbers.items()}
            )
            row = {"epoch": self.current_epoch, **numbers}
            for logger in self.trainer.loggers:
                logger.log_metrics(row, self.global_step - 1)

    def _scores(self, stage: Stage) -> Scores:
        scores = self.scores[f"{stage}_scores"]
        assert isinstance(scores, Scores)
        return scores
