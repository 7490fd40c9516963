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
from kindling.targets import known

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
        optional: Whether samples may lack the target; those are not scored.
    """

    metrics: MetricCollection
    classes: Sequence[str] = ()
    per_class: MetricCollection | None = None
    optional: bool = False


class Step(NamedTuple):
    """What a step yields: predictions and targets by head, as the metrics take them.

    ``losses`` are those of the heads, where there are several: means over the samples that have
    the head's target, 0 if none has.
    """

    loss: Tensor
    predictions: Heads
    targets: Heads
    losses: Heads = {}


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
        loss, predictions, targets, losses = step
        kept = Step(loss.detach(), _detached(predictions), targets, _detached(losses))
        self._pending[stage].append(kept)
        if len(self._pending[stage]) >= PENDING:
            self._update(stage)

    def _update(self, stage: Stage) -> None:
        pending = self._pending[stage]
        if not pending:
            return
        for name, metrics in self._collections(stage):
            prediction = torch.cat([step.predictions[name] for step in pending])
            target = torch.cat([step.targets[name] for step in pending])
            if self.heads[name].optional:
                there = known(target)
                prediction, target = prediction[there], target[there]
            if len(target):
                metrics.update(prediction, target)
        self._losses[stage].append(_sums(pending))
        pending.clear()

    def _log_scores(self, stage: Stage) -> None:
        self._update(stage)
        # The sums are over all processes, so that what is logged is too.
        total = self.trainer.strategy.reduce(
            torch.stack(self._losses[stage]).sum(0), reduce_op="sum"
        )
        self._losses[stage].clear()
        names = ["loss", *(f"{head}/loss" for head in self.heads)]
        # Of a head that no sample has a target for, the mean is NaN and says nothing.
        means = zip(names, total.unbind(), strict=False)
        values = {f"{stage}/{name}": s / n for name, (s, n) in means if n > 0}
        for head, metrics in self._collections(stage):
            if self._scored(head, metrics):
                for name, value in metrics.compute().items():
                    values[f"{stage}/{self.named(head, name)}"] = value
            metrics.reset()
        self.log_dict(values, sync_dist=False)

    def _scored(self, head: str, metrics: MetricCollection) -> bool:
        """Whether any process has seen a target of this head."""
        if not self.heads[head].optional:
            return True
        seen = any(metric.update_called for metric in metrics.values())
        number = torch.tensor(float(seen), device=self.device)
        return bool(self.trainer.strategy.reduce(number, reduce_op="sum") > 0)

    def _collections(self, stage: Stage) -> Iterator[tuple[str, MetricCollection]]:
        scores = self.scores[f"{stage}_scores"]
        assert isinstance(scores, nn.ModuleDict)
        for head, metrics in scores.items():
            assert isinstance(metrics, MetricCollection)
            yield head, metrics

    def _fresh(self) -> nn.ModuleDict:
        return nn.ModuleDict({name: head.metrics.clone() for name, head in self.heads.items()})


def _detached(heads: Heads) -> Heads:
    return {head: value.detach() for head, value in heads.items()}


def _sums(steps: Sequence[Step]) -> Tensor:
    """Summed losses and the samples that they are of: all heads', then each's; ``(1 + H, 2)``."""
    size = torch.tensor([len(next(iter(step.targets.values()))) for step in steps])
    sums = [_weighted([step.loss for step in steps], size)]
    for head in steps[0].losses:
        size = torch.stack([known(step.targets[head]).sum() for step in steps])
        sums.append(_weighted([step.losses[head] for step in steps], size))
    return torch.stack(sums)


def _weighted(losses: list[Tensor], size: Tensor) -> Tensor:
    loss = torch.stack(losses)
    weight = size.to(loss)
    return torch.stack([(loss * weight).sum(), weight.sum()])
