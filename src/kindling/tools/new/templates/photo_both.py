"""Predicts a class and a number from photos, by one backbone and two heads.

B: batch, V: photos of a row, H: height, W: width, K: classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from kindling.data.dataset import FieldDataset
from kindling.images import PhotoModule
from kindling.training.metrics import Head, Heads, StepOutput
from problems.task_name.data import TaskNameBatch


class TaskNameModule(PhotoModule):
    """Predicts a class and a number from the same features; the loss is the sum of both heads'.

    Args:
        classes: Names of the classes.
    """

    image_field = "photos"
    shares: Tensor
    center: Tensor
    scale: Tensor

    def __init__(self, classes: Sequence[str] = (), **settings: Any) -> None:
        count = len(classes)
        accuracy = MetricCollection({"accuracy": MulticlassAccuracy(count, average="micro")})
        error = MetricCollection({"mae": MeanAbsoluteError()})
        super().__init__({"label": Head(accuracy, classes), "amount": Head(error)}, **settings)
        self.save_hyperparameters(logger=False)
        self.label = nn.Linear(self.photo_features, count)
        self.amount = nn.Linear(self.photo_features, 1)
        self.register_buffer("shares", torch.full((count,), torch.nan))
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[TaskNameBatch]) -> None:
        super().fit_statistics(training)
        counts = training.fields["label"].bincount(minlength=len(self.shares))
        self.shares.copy_(counts / len(training))
        amount = training.fields["amount"].double()
        self.center.copy_(amount.mean())
        self.scale.copy_(amount.std(correction=0).clamp(min=1e-9))

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, K)`` and amounts ``(B,)`` of photos ``(B, V, 3, H, W)`` uint8."""
        return self._predicted(self.encode(photos))

    def _predicted(self, encoded: Tensor) -> tuple[Tensor, Tensor]:
        amount = self.center + self.scale * self.amount(encoded).squeeze(-1)
        return self.label(encoded), amount

    def step(self, batch: TaskNameBatch) -> StepOutput:
        logits, amount = self._predicted(self.encode_batch(batch))
        losses = {
            "label": nn.functional.cross_entropy(logits, batch.label),
            "amount": nn.functional.mse_loss(amount / self.scale, batch.amount / self.scale),
        }
        predictions = {"label": logits.softmax(-1), "amount": amount}
        targets = {"label": batch.label, "amount": batch.amount}
        return StepOutput(losses["label"] + losses["amount"], predictions, targets, losses)

    def predict(self, batch: TaskNameBatch) -> Heads:
        logits, amount = self(batch.photos)
        return {"label": logits.softmax(-1), "amount": amount}

    def baselines(self, batch: TaskNameBatch) -> Mapping[str, Heads]:
        count = len(batch.label)
        majority, mean = self.shares.expand(count, -1), self.center.expand(count)
        return {"training majority and mean": {"label": majority, "amount": mean}}
