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
from kindling.images import ConvBlocks, ImageBatch, ImageModule, ImageSize, Pixels
from kindling.training.metrics import Head, Heads, StepOutput


class TaskNameModule(ImageModule):
    """Predicts the class of a photo as bytes; training photos are rotated, flipped and so on.

    Args:
        classes: Names of the classes.
        image_size: Pixels on a side.
        channels: Of each convolutional block, which halves the photo.
        rotation: Largest rotation of a training photo in degrees; 180 if it has no top.
        flip: Probability that a training photo is flipped; 0.5 if left and right are the same.
        autocontrast: Probability that a training photo's channels are stretched to full range.
    """

    shares: Tensor

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
        accuracy = MulticlassAccuracy(count, average="micro")
        metrics = MetricCollection({"accuracy": accuracy, "f1_macro": MulticlassF1Score(count)})
        super().__init__({"class": Head(metrics, classes)}, **settings)
        self.save_hyperparameters(logger=False)
        self.pixels = Pixels()
        self.backbone = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)
        self.classifier = nn.Linear(channels[-1], count)
        self.register_buffer("shares", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[ImageBatch]) -> None:
        self.pixels.fit(training.shared["image"], training.fields["image"])
        counts = training.fields["label"].bincount(minlength=len(self.shares))
        self.shares.copy_(counts / len(training))

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(B, K)`` of photos ``(B, 3, H, W)`` uint8."""
        features = self.backbone(self.pixels(image)).mean((2, 3))
        return self.classifier(features)  # type: ignore[no-any-return]

    def step(self, batch: ImageBatch) -> StepOutput:
        logits = self(batch.image)
        loss = nn.functional.cross_entropy(logits, batch.label)
        return StepOutput(loss, {"class": logits.softmax(-1)}, {"class": batch.label})

    def predict(self, batch: ImageBatch) -> Heads:
        return {"class": self(batch.image).softmax(-1)}

    def baselines(self, batch: ImageBatch) -> Mapping[str, Heads]:
        return {"training majority": {"class": self.shares.expand(len(batch.label), -1)}}
