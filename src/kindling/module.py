"""The base of every model: one step for all stages, metrics per head and stage, baselines."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from lightning.pytorch import LightningModule
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MetricCollection

from kindling.errors import UserError

Stage = Literal["train", "val", "test"]
STAGES: tuple[Stage, ...] = ("train", "val", "test")
Heads = dict[str, Tensor]
Schedule = Literal["constant", "cosine"]

# Batches kept before their metrics are updated in one call: an update costs about as much as a
# small net's whole step, and hardly more for 64 batches than for one.
PENDING = 64


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Args:
        metrics: Given predictions and targets as a step returns them.
        classes: Names, where predictions are probabilities: ``(B, C)``, or ``(B,)`` of the second
            of two classes. Targets are places in this list.
        per_class: Metrics that yield ``(C,)``, reported by the name of the class.
    """

    metrics: MetricCollection
    classes: Sequence[str] = ()
    per_class: MetricCollection | None = None


class Step(NamedTuple):
    """What a step yields: predictions and targets by head, as the metrics take them."""

    loss: Tensor
    predictions: Heads
    targets: Heads


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
        # A module may not be called "train".
        self.scores = nn.ModuleDict({f"{stage}_scores": self._fresh() for stage in STAGES})
        self._pending: dict[Stage, list[Step]] = {stage: [] for stage in STAGES}
        self._losses: dict[Stage, list[Tensor]] = {stage: [] for stage in STAGES}

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

    # The Trainer's hooks, in the order in which they are called.

    def on_fit_start(self) -> None:
        self.seed = torch.initial_seed()

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # What a step draws, dropout for one, follows from its place in the run: a run that was
        # stopped goes on exactly as it would have.
        seed = self.seed * 1_000_003 + self.global_step
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)

    def training_step(self, batch: Any) -> Tensor:
        step = self.step(batch)
        self._keep("train", step)
        return step.loss

    def on_train_epoch_end(self) -> None:
        self._log_scores("train")
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])

    def validation_step(self, batch: Any) -> Outcome:  # type: ignore[override]
        return self._evaluate("val", batch)

    def on_validation_epoch_end(self) -> None:
        self._log_scores("val")

    def test_step(self, batch: Any) -> Outcome:  # type: ignore[override]
        return self._evaluate("test", batch)

    def on_test_epoch_end(self) -> None:
        self._log_scores("test")

    def predict_step(self, batch: Any) -> Outcome:
        return Outcome(batch.place, self.predict(batch), {}, {})

    def configure_optimizers(self) -> Any:
        fused = all(p.device.type in ("cpu", "cuda") for p in self.parameters())
        optimizer = torch.optim.AdamW(
            self.parameters(), self.lr, weight_decay=self.weight_decay, fused=fused
        )
        if self.schedule == "constant":
            return optimizer
        epochs = max(self.trainer.max_epochs or 1, 1)
        return [optimizer], [torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)]

    # Scores.

    def named(self, head: str, metric: str) -> str:
        """The name that logs and results use: ``mse``, or ``age/mae`` of several heads."""
        return f"{head}/{metric}" if len(self.heads) > 1 else metric

    def _evaluate(self, stage: Stage, batch: Any) -> Outcome:
        step = self.step(batch)
        self._keep(stage, step)
        return Outcome(batch.place, step.predictions, step.targets, self.baselines(batch))

    def _keep(self, stage: Stage, step: Step) -> None:
        detached = {head: value.detach() for head, value in step.predictions.items()}
        self._pending[stage].append(Step(step.loss.detach(), detached, step.targets))
        if len(self._pending[stage]) >= PENDING:
            self._update(stage)

    def _update(self, stage: Stage) -> None:
        pending = self._pending[stage]
        if not pending:
            return
        for head, metrics in self._collections(stage):
            metrics.update(
                torch.cat([step.predictions[head] for step in pending]),
                torch.cat([step.targets[head] for step in pending]),
            )
        sizes = [len(next(iter(step.targets.values()))) for step in pending]
        losses = torch.stack([step.loss for step in pending])
        weights = losses.new_tensor(sizes)
        self._losses[stage].append(torch.stack([(losses * weights).sum(), weights.sum()]))
        pending.clear()

    def _log_scores(self, stage: Stage) -> None:
        self._update(stage)
        total = self.trainer.strategy.reduce(
            torch.stack(self._losses[stage]).sum(0), reduce_op="sum"
        )
        self._losses[stage].clear()
        values = {f"{stage}/loss": total[0] / total[1]}
        for head, metrics in self._collections(stage):
            for name, value in metrics.compute().items():
                values[f"{stage}/{self.named(head, name)}"] = value
            metrics.reset()
        # The sums are over all processes already.
        self.log_dict(values, sync_dist=False)

    def _collections(self, stage: Stage) -> Iterator[tuple[str, MetricCollection]]:
        scores = self.scores[f"{stage}_scores"]
        assert isinstance(scores, nn.ModuleDict)
        for head, metrics in scores.items():
            assert isinstance(metrics, MetricCollection)
            yield head, metrics

    def _fresh(self) -> nn.ModuleDict:
        return nn.ModuleDict({name: head.metrics.clone() for name, head in self.heads.items()})
