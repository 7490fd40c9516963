"""Predicts the class of a photo.

B: batch, H: height, W: width, K: classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from kindling.data.dataset import FieldDataset
from kindling.images import ImageBatch, PhotoModule
from kindling.training.metrics import Head, Heads, StepOutput


class TaskNameModule(PhotoModule):
    """Predicts the class of a photo by one linear layer on its features.

    Args:
        classes: Names of the classes.
    """

    shares: Tensor

    def __init__(self, classes: Sequence[str] = (), **settings: Any) -> None:
        count = len(classes)
        accuracy = MulticlassAccuracy(count, average="micro")
        metrics = MetricCollection({"accuracy": accuracy, "f1_macro": MulticlassF1Score(count)})
        super().__init__({"class": Head(metrics, classes)}, **settings)
        self.save_hyperparameters(logger=False)
        self.classifier = nn.Linear(self.photo_features, count)
        self.register_buffer("shares", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[ImageBatch]) -> None:
        super().fit_statistics(training)
        counts = training.fields["label"].bincount(minlength=len(self.shares))
        self.shares.copy_(counts / len(training))

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(B, K)`` of photos ``(B, 3, H, W)`` uint8."""
        return self.classifier(self.encode(image))  # type: ignore[no-any-return]

    def step(self, batch: ImageBatch) -> StepOutput:
        logits = self.classifier(self.encode_batch(batch))
        loss = nn.functional.cross_entropy(logits, batch.label)
        return StepOutput(loss, {"class": logits.softmax(-1)}, {"class": batch.label})

    def predict(self, batch: ImageBatch) -> Heads:
        return {"class": self(batch.image).softmax(-1)}

    def baselines(self, batch: ImageBatch) -> Mapping[str, Heads]:
        return {"training majority": {"class": self.shares.expand(len(batch.label), -1)}}
