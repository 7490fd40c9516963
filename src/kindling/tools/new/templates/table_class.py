"""Predicts a row's class from its numbers and categories.

B: batch, F: numbers, C: categories, K: classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from kindling.data.dataset import FieldDataset
from kindling.tables.datamodule import TableBatch
from kindling.tables.layers import TableNet
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Predicts a row's class; the checkpoint carries the training rows' statistics.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        classes: Names of the classes.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
    """

    shares: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        classes: Sequence[str] = (),
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.1,
        **settings: Any,
    ) -> None:
        count = len(classes)
        accuracy = MulticlassAccuracy(count, average="micro")
        metrics = MetricCollection({"accuracy": accuracy, "f1_macro": MulticlassF1Score(count)})
        super().__init__({"target": Head(metrics, classes)}, **settings)
        self.save_hyperparameters(logger=False)
        self.normalize = Normalize(features, indicators=True)
        inputs = self.normalize.out_features
        self.net = TableNet(inputs, vocabularies, 8, hidden, count, dropout)
        self.register_buffer("shares", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        self.normalize.fit(training.fields["numbers"], training.names["numbers"])
        counts = training.fields["target"].bincount(minlength=len(self.shares))
        self.shares.copy_(counts / len(training))

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Logits ``(B, K)`` of numbers ``(B, F)``, NaN where missing, and codes ``(B, C)``."""
        return self.net(self.normalize(numbers), codes)  # type: ignore[no-any-return]

    def step(self, batch: TableBatch) -> StepOutput:
        logits = self(batch.numbers, batch.codes)
        loss = nn.functional.cross_entropy(logits, batch.target)
        return StepOutput(loss, {"target": logits.softmax(-1)}, {"target": batch.target})

    def predict(self, batch: TableBatch) -> Heads:
        return {"target": self(batch.numbers, batch.codes).softmax(-1)}

    def baselines(self, batch: TableBatch) -> Mapping[str, Heads]:
        return {"training majority": {"target": self.shares.expand(len(batch.target), -1)}}
