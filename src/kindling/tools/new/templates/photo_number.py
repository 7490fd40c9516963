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
from kindling.images import PhotoModule
from kindling.images.table_datamodule import ImageTableBatch
from kindling.tables.layers import MLP, TableNet
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Head, Heads, StepOutput


class TaskNameModule(PhotoModule):
    """Predicts a number; the loss is in deviations of the training rows, the scores in its unit.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        views: Photos of a row.
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
        hidden: Sequence[int] = (64, 32),
        readout: int = 32,
        **settings: Any,
    ) -> None:
        if not views:
            raise UserError("no photos to learn from: name their columns (--data.photos)")
        rmse = MeanSquaredError(squared=False)
        metrics = MetricCollection({"mae": MeanAbsoluteError(), "rmse": rmse})
        super().__init__({"target": Head(metrics)}, **settings)
        self.save_hyperparameters(logger=False)
        self.normalize = Normalize(features, indicators=True)
        inputs = self.normalize.out_features
        # Without numbers and categories there is no layer of them either.
        self.table = TableNet(inputs, vocabularies, 8, hidden if features or vocabularies else ())
        self.readout = MLP(self.photo_features + self.table.width, [readout], 1)
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[ImageTableBatch]) -> None:
        super().fit_statistics(training)
        self.normalize.fit(training.fields["numbers"], training.names["numbers"])
        target = training.fields["target"].double()
        self.center.copy_(target.mean())
        self.scale.copy_(target.std(correction=0).clamp(min=1e-9))

    def forward(self, photos: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B,)``; ``photos`` are ``(B, V, 3, H, W)`` uint8, a missing number NaN."""
        return self._predicted(self.encode(photos), numbers, codes)

    def _predicted(self, encoded: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        columns = self.table(self.normalize(numbers), codes)
        value = self.readout(torch.cat([encoded, columns], 1)).squeeze(-1)
        return self.center + self.scale * value  # type: ignore[no-any-return]

    def step(self, batch: ImageTableBatch) -> StepOutput:
        prediction = self._predicted(self.encode_batch(batch), batch.numbers, batch.codes)
        loss = nn.functional.mse_loss(prediction / self.scale, batch.target / self.scale)
        return StepOutput(loss, {"target": prediction}, {"target": batch.target})

    def predict(self, batch: ImageTableBatch) -> Heads:
        return {"target": self(batch.photos, batch.numbers, batch.codes)}

    def baselines(self, batch: ImageTableBatch) -> Mapping[str, Heads]:
        return {"training mean": {"target": self.center.expand(len(batch.target))}}
