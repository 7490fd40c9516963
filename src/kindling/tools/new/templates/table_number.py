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
from kindling.tables.mixture import NumberMixture
from kindling.tables.scores import R2
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module

FITTED = 10_000  # rows of validation, at most, that weight the models


class TaskNameModule(Module):
    """Predicts each target by a linear model, what a net adds to it, and trees.

    The linear model and the trees are fitted once, before the net. How much each counts follows
    from validation. The loss is the net's, in deviations of the training rows, the scores are in
    the target's unit. The checkpoint carries all of them and the training rows' statistics.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        outputs: Heads by name.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        bins: Of each number, in which the net is linear; 0 is the number alone.
        trees: Rounds of boosted trees, at most; 0 is without.
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
        grown = [Trees("boosted", trees, None, early=True) for _ in outputs if trees]
        self.trees = nn.ModuleList(grown)
        self.mixture = NumberMixture(3 if trees else 2, count)
        self.validated: list[Tensor] | None = None  # of validation's rows, once fitted
        self.register_buffer("center", torch.full((count,), torch.nan))
        self.register_buffer("scale", torch.full((count,), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        self.net.fit(numbers, training.names["numbers"])
        target = training.fields["target"].double().reshape(len(training), -1)
        self.center.copy_(target.mean(0))
        self.scale.copy_(target.std(0, correction=0).clamp(min=1e-9))
        value, columns = (target - self.center) / self.scale, self.net.columns(numbers, codes)
        weight, self.validated = training.fields["weight"], None
        self.linear.fit_numbers(columns, value, weight)
        for trees, each in zip(self.trees, value.T, strict=False):
            trees.fit(columns, each, weight)  # type: ignore[operator]

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B, T)`` of numbers ``(B, F)``, NaN where missing, and codes ``(B, C)``."""
        return self._together(self._models(numbers, codes))

    def _together(self, models: list[Tensor]) -> Tensor:
        value = models[0] if self.training else self.mixture(models)
        return self.center + self.scale * value

    def _models(
        self, numbers: Tensor, codes: Tensor, fitted: list[Tensor] | None = None
    ) -> list[Tensor]:
        """What each model predicts, ``(B, T)`` in deviations; in training, the net alone."""
        fitted = fitted or self._fitted(numbers, codes)
        net = fitted[0] + self.net(numbers, codes)
        return [net] if self.training else [net, *fitted]

    def _fitted(self, numbers: Tensor, codes: Tensor) -> list[Tensor]:
        """The same by the linear model and, unless in training, by the trees."""
        columns = self.net.columns(numbers, codes)
        if self.training or not self.trees:
            return [self.linear(columns)]
        return [self.linear(columns), torch.stack([trees(columns) for trees in self.trees], 1)]

    def on_validation_epoch_start(self) -> None:
        """Weight the models by validation, where those fitted before stay as they are."""
        if (batch := self.validation_samples(FITTED)) is not None:
            batch = self.trainer.precision_plugin.convert_input(batch)
            self.validated = self.validated or self._fitted(batch.numbers, batch.codes)
            models = self._models(batch.numbers, batch.codes, self.validated)
            target = (batch.target.reshape(models[0].shape) - self.center) / self.scale
            self.mixture.fit(models, target, batch.weight)

    def step(self, batch: TableBatch) -> StepOutput:
        models = self._models(batch.numbers, batch.codes)
        prediction = self._together(models)
        target = batch.target.reshape(prediction.shape)
        errors = (models[0] - (target - self.center) / self.scale).square().mean(1)  # the net's
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
