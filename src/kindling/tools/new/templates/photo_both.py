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
from kindling.images import ConvBlocks, ImageModule, ImageSize, Pixels
from kindling.training.metrics import Head, Heads, StepOutput
from problems.task_name.data import TaskNameBatch


class TaskNameModule(ImageModule):
    """Predicts a class and a number; the loss is the sum of both heads'.

    Args:
        classes: Names of the classes.
        image_size: Pixels on a side.
        channels: Of each convolutional block, which halves the photo.
        rotation: Largest rotation of a training photo in degrees; 180 if it has no top.
        flip: Probability that a training photo is flipped; 0.5 if left and right are the same.
        autocontrast: Probability that a training photo's channels are stretched to full range.
    """

    image_field = "photos"
    shares: Tensor
    center: Tensor
    scale: Tensor

    def __init__(
        self,
        classes: Sequence[str] = (),
        image_size: ImageSize = 64,
        channels: Sequence[int] = (16, 32, 64),
        rotation: float = 10.0,
        flip: float = 0.0,
        autocontrast: float = 0.0,
        **settings: Any,
    ) -> None:
        settings |= {"rotation": rotation, "flip": flip, "autocontrast": autocontrast}
        count = len(classes)
        accuracy = MetricCollection({"accuracy": MulticlassAccuracy(count, average="micro")})
        error = MetricCollection({"mae": MeanAbsoluteError()})
        super().__init__({"label": Head(accuracy, classes), "amount": Head(error)}, **settings)
        self.save_hyperparameters(logger=False)
        self.pixels = Pixels()
        self.backbone = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)
        self.label = nn.Linear(channels[-1], count)
        self.amount = nn.Linear(channels[-1], 1)
        self.register_buffer("shares", torch.full((count,), torch.nan))
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[TaskNameBatch]) -> None:
        self.pixels.fit(training.shared["photos"], training.fields["photos"].flatten())
        counts = training.fields["label"].bincount(minlength=len(self.shares))
        self.shares.copy_(counts / len(training))
        amount = training.fields["amount"].double()
        self.center.copy_(amount.mean())
        self.scale.copy_(amount.std(correction=0).clamp(min=1e-9))

    def forward(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(B, K)`` and amounts ``(B,)`` of photos ``(B, V, 3, H, W)`` uint8."""
        features = self.backbone(self.pixels(photos.flatten(0, 1))).mean((2, 3))
        features = features.reshape(*photos.shape[:2], -1).mean(1)  # of all photos of a row
        return self.label(features), self.center + self.scale * self.amount(features).squeeze(-1)

    def step(self, batch: TaskNameBatch) -> StepOutput:
        logits, amount = self(batch.photos)
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
