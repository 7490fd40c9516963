"""Tells a row's class from its numbers and categories.

B: batch, F: numbers, C: categories, K: classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from kindling.data.datamodule import at_least, below_one
from kindling.errors import UserError
from kindling.evaluation.class_figures import confusion, draw_confusion, draw_per_class
from kindling.tables.normalize import Normalize
from kindling.tools.new.tabular.net import TableNet
from kindling.tools.new.tabular.rows import Rows, TabularBatch
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module, Schedule

SCORES = {"precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score}


class TabularModule(Module):
    """Tells a row's class.

    The checkpoint carries the training rows' statistics: what stands in for a missing number,
    what normalizes the others, and the share of each class.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        classes: Names of the classes.
        embedding: Width of a category.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        indicators: Tell the net which numbers are missing.
        balance: Weigh rows such that all classes count the same.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
    """

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        classes: Sequence[str] = (),
        embedding: int = 8,
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.1,
        indicators: bool = True,
        balance: bool = False,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__({"target": _head(classes)}, lr, weight_decay, schedule)
        self.save_hyperparameters(logger=False)
        for name, width in [("embedding", embedding), *(("hidden", w) for w in hidden)]:
            at_least(f"model.{name}", width, 1)
        below_one("model.dropout", dropout)
        if not (features or vocabularies):
            raise UserError("no column to learn from: name numbers or categories (data.)")
        self.balance = balance
        self.normalize = Normalize(features, indicators=indicators)
        inputs = self.normalize.out_features
        self.net = TableNet(inputs, vocabularies, embedding, hidden, dropout, len(classes))
        self.shares: Tensor
        self.register_buffer("shares", torch.full((len(classes),), torch.nan))

    def setup(self, stage: str) -> None:
        if stage == "fit":
            columns = getattr(self.trainer.datamodule, "columns", None)  # type: ignore[attr-defined]
            if training := self.training_split(Rows):
                self.fit_statistics(training, columns and columns.numbers)

    def fit_statistics(self, training: Rows, names: Sequence[str] | None = None) -> None:
        """Take from the training rows what normalization, loss and baseline need."""
        self.normalize.fit(training.numbers, names)
        counts = torch.bincount(training.target, minlength=len(self.shares))
        self.shares.copy_(counts / counts.sum())

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Logits ``(B, K)``.

        Shape:
            ``numbers`` ``(B, F)``, NaN where missing, ``codes`` ``(B, C)`` int64.
        """
        return self.net(self.normalize(numbers), codes)  # type: ignore[no-any-return]

    def step(self, batch: TabularBatch) -> StepOutput:
        logits = self(batch.numbers, batch.codes)
        weight = 1 / (len(self.shares) * self.shares) if self.balance else None
        loss = nn.functional.cross_entropy(logits, batch.target, weight=weight)
        return StepOutput(loss, {"target": logits.softmax(-1)}, {"target": batch.target})

    def predict(self, batch: TabularBatch) -> Heads:
        return {"target": self(batch.numbers, batch.codes).softmax(-1)}

    def baselines(self, batch: TabularBatch) -> Mapping[str, Heads]:
        return {"training majority": {"target": self.shares.expand(len(batch.target), -1)}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        classes = self.heads["target"].classes
        message = outcome.predictions["target"].argmax(-1).numpy()
        count = confusion(outcome.targets["target"].numpy(), message, len(classes))
        return {
            "confusion_matrix": draw_confusion(count, classes),
            "per_class": draw_per_class(count, classes),
        }


def _head(classes: Sequence[str]) -> Head:
    count = len(classes)
    if count < 2:
        raise UserError(f"{count} classes: it takes two or more")
    metrics: dict[str, Any] = {"accuracy": MulticlassAccuracy(count, average="micro")}
    metrics |= {f"{n}_macro": m(count, average="macro") for n, m in SCORES.items()}
    per_class: dict[str, Any] = {n: m(count, average=None) for n, m in SCORES.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_class))
