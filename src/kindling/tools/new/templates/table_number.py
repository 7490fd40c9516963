"""Predicts numbers from a row's numbers and categories.

B: batch, F: numbers, C: categories, T: targets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.dataset import FieldDataset
from kindling.tables.datamodule import TableBatch
from kindling.tables.layers import RowNet
from kindling.tables.linear import LinearModel
from kindling.tables.scores import R2
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Predicts each target by what a net adds to a linear model, or its mean with trees.

    The loss is in deviations of the training rows, the scores in the target's unit. The checkpoint
    carries the training rows' statistics, the linear model and the trees.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        outputs: Heads by name.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        bins: Of each number, in which the net is linear; 0 is the number alone.
        trees: Boosted trees, half of each prediction; 0 is without.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        outputs: Mapping[str, Sequence[str]] = {},
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.1,
        bins: int = 0,
        trees: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__({head: Head(_metrics()) for head in outputs}, **settings)
        self.save_hyperparameters(logger=False)
        count = len(outputs)
        self.net = RowNet(features, vocabularies, count, hidden, dropout, bins)
        self.linear = LinearModel(self.net.columns_width, count)
        grown = [Trees("boosted", trees, quantile=None) for _ in outputs if trees]
        self.trees = nn.ModuleList(grown)
        self.register_buffer("center", torch.full((count,), torch.nan))
        self.register_buffer("scale", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        self.net.fit(numbers, training.names["numbers"])
        target = training.fields["target"].double().reshape(len(training), -1)
        self.center.copy_(target.mean(0))
        self.scale.copy_(target.std(0, correction=0).clamp(min=1e-9))
        value, columns = (target - self.center) / self.scale, self.net.columns(numbers, codes)
        weight = training.fields["weight"]
        self.linear.fit_numbers(columns, value, weight)
        for trees, left in zip(self.trees, (value - self.linear(columns)).T, strict=False):
            trees.fit(columns, left, weight)  # type: ignore[operator]

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B, T)`` of numbers ``(B, F)``, NaN where missing, and codes ``(B, C)``."""
        columns = self.net.columns(numbers, codes)
        value = self.net(numbers, codes)
        if self.trees and not self.training:
            value = (value + torch.stack([trees(columns) for trees in self.trees], 1)) / 2
        value = self.linear(columns) + value
        return self.center + self.scale * value  # type: ignore[no-any-return]

    def step(self, batch: TableBatch) -> StepOutput:
        prediction = self(batch.numbers, batch.codes)
        target = batch.target.reshape(prediction.shape)
        errors = ((prediction - target) / self.scale).square().mean(1)
        loss = (errors * batch.weight).sum() / batch.weight.sum()
        return StepOutput(loss, self._by_head(prediction), self._by_head(target))

    def predict(self, batch: TableBatch) -> Heads:
        return self._by_head(self(batch.numbers, batch.codes))

    def baselines(self, batch: TableBatch) -> Mapping[str, Heads]:
        columns = self.net.columns(batch.numbers, batch.codes)
        linear = self.center + self.scale * self.linear(columns)
        mean = self.center.expand(len(linear), -1)
        return {"training mean": self._by_head(mean), "linear model": self._by_head(linear)}

    def _by_head(self, values: Tensor) -> Heads:
        return dict(zip(self.heads, values.unbind(1), strict=True))


def _metrics() -> MetricCollection:
    rmse = MeanSquaredError(squared=False)
    return MetricCollection({"mae": MeanAbsoluteError(), "rmse": rmse, "r2": R2()})
