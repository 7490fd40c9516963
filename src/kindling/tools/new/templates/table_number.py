"""Predicts a number from a row's numbers and categories.

B: batch, F: numbers, C: categories.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.dataset import FieldDataset
from kindling.tables.datamodule import TableBatch
from kindling.tables.layers import TableNet
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Predicts a number; the loss is in deviations of the training rows, the scores in its unit.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.1,
        **settings: Any,
    ) -> None:
        rmse = MeanSquaredError(squared=False)
        metrics = MetricCollection({"mae": MeanAbsoluteError(), "rmse": rmse})
        super().__init__({"target": Head(metrics)}, **settings)
        self.save_hyperparameters(logger=False)
        self.normalize = Normalize(features, indicators=True)
        inputs = self.normalize.out_features
        self.net = TableNet(inputs, vocabularies, 8, hidden, 1, dropout)
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        self.normalize.fit(training.fields["numbers"], training.names["numbers"])
        target = training.fields["target"].double()
        self.center.copy_(target.mean())
        self.scale.copy_(target.std(correction=0).clamp(min=1e-9))

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B,)`` of numbers ``(B, F)``, NaN where missing, and codes ``(B, C)``."""
        value = self.net(self.normalize(numbers), codes).squeeze(-1)
        return self.center + self.scale * value  # type: ignore[no-any-return]

    def step(self, batch: TableBatch) -> StepOutput:
        prediction = self(batch.numbers, batch.codes)
        loss = nn.functional.mse_loss(prediction / self.scale, batch.target / self.scale)
        return StepOutput(loss, {"target": prediction}, {"target": batch.target})

    def predict(self, batch: TableBatch) -> Heads:
        return {"target": self(batch.numbers, batch.codes)}

    def baselines(self, batch: TableBatch) -> Mapping[str, Heads]:
        return {"training mean": {"target": self.center.expand(len(batch.target))}}
