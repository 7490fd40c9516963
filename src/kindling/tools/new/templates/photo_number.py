"""Predicts a number from a row's photos, numbers and categories.

B: batch, V: photos of a row, F: numbers, C: categories, H: height, W: width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from kindling.images import ConvBlocks, ImageModule, ImageSize, Pixels
from kindling.images.table_datamodule import ImageTableBatch
from kindling.tables.layers import MLP, TableNet
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Head, Heads, StepOutput


class TaskNameModule(ImageModule):
    """Predicts a number; the loss is in deviations of the training rows, the scores in its unit.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        views: Photos of a row.
        image_size: Pixels on a side.
        channels: Of each convolutional block, which halves the photo.
        rotation: Largest rotation of a training photo in degrees; 180 if it has no top.
        flip: Probability that a training photo is flipped; 0.5 if left and right are the same.
        autocontrast: Probability that a training photo's channels are stretched to full range.
        hidden: Widths of the layers of numbers and categories.
        readout: Width of the layer behind photos and table.
    """

    image_field = "photos"
    center: Tensor
    scale: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        views: int = 1,
        image_size: ImageSize = 64,
        channels: Sequence[int] = (16, 32, 64),
        hidden: Sequence[int] = (64, 32),
        readout: int = 32,
        rotation: float = 10.0,
        flip: float = 0.0,
        autocontrast: float = 0.0,
        **settings: Any,
    ) -> None:
        settings |= {"rotation": rotation, "flip": flip, "autocontrast": autocontrast}
        if not views:
            raise UserError("no photos to learn from: name their columns (--data.photos)")
        rmse = MeanSquaredError(squared=False)
        metrics = MetricCollection({"mae": MeanAbsoluteError(), "rmse": rmse})
        super().__init__({"target": Head(metrics)}, **settings)
        self.save_hyperparameters(logger=False)
        self.pixels = Pixels()
        self.backbone = ConvBlocks(image_size, channels).to(memory_format=torch.channels_last)
        self.normalize = Normalize(features, indicators=True)
        inputs = self.normalize.out_features
        # Without numbers and categories there is no layer of them either.
        self.table = TableNet(inputs, vocabularies, 8, hidden if features or vocabularies else ())
        self.readout = MLP(channels[-1] + self.table.width, [readout], 1)
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[ImageTableBatch]) -> None:
        self.pixels.fit(training.shared["photos"], training.fields["photos"].flatten())
        self.normalize.fit(training.fields["numbers"], training.names["numbers"])
        target = training.fields["target"].double()
        self.center.copy_(target.mean())
        self.scale.copy_(target.std(correction=0).clamp(min=1e-9))

    def forward(self, photos: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B,)``; ``photos`` are ``(B, V, 3, H, W)`` uint8, a missing number NaN."""
        features = self.backbone(self.pixels(photos.flatten(0, 1))).mean((2, 3))
        seen = features.reshape(*photos.shape[:2], -1).mean(1)  # of all photos of a row
        told = self.table(self.normalize(numbers), codes)
        value = self.readout(torch.cat([seen, told], 1)).squeeze(-1)
        return self.center + self.scale * value  # type: ignore[no-any-return]

    def step(self, batch: ImageTableBatch) -> StepOutput:
        prediction = self(batch.photos, batch.numbers, batch.codes)
        loss = nn.functional.mse_loss(prediction / self.scale, batch.target / self.scale)
        return StepOutput(loss, {"target": prediction}, {"target": batch.target})

    def predict(self, batch: ImageTableBatch) -> Heads:
        return {"target": self(batch.photos, batch.numbers, batch.codes)}

    def baselines(self, batch: ImageTableBatch) -> Mapping[str, Heads]:
        return {"training mean": {"target": self.center.expand(len(batch.target))}}
