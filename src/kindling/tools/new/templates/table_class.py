"""Predicts a row's classes from its numbers and categories, by three models together.

B: batch, F: numbers, C: categories, T: targets, K: classes of a target.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from kindling.data.dataset import FieldDataset
from kindling.tables.datamodule import TableBatch
from kindling.tables.layers import RowNet
from kindling.tables.linear import LinearModel
from kindling.tables.mixture import ClassMixture
from kindling.tables.scores import LogLoss
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module

FITTED = 10_000  # rows of validation, at most, that weight the models


class TaskNameModule(Module):
    """Predicts the class of each target by a net, logistic regression and trees.

    The two others are fitted once, before the net. How much each counts follows from validation;
    the loss is the net's.
    The checkpoint carries all of them and the training rows' statistics.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        outputs: Names of the classes of each head.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        bins: Of each number, in which the net is linear; 0 is the number alone.
        trees: Rounds of boosted trees, at most; 0 is without.
        class_weights: Let all classes count the same in the loss, however many rows each has.
    """

    shares: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        outputs: Mapping[str, Sequence[str]] = {},
        hidden: Sequence[int] = (128, 128),
        dropout: float = 0.1,
        bins: int = 0,
        trees: int = 0,
        class_weights: Literal["none", "balanced"] = "none",
        **settings: Any,
    ) -> None:
        heads = {head: Head(_metrics(len(classes)), classes) for head, classes in outputs.items()}
        super().__init__(heads, **settings)
        self.save_hyperparameters(logger=False)
        self.sizes = [len(classes) for classes in outputs.values()]
        self.balanced = class_weights == "balanced"
        self.net = RowNet(features, vocabularies, sum(self.sizes), hidden, dropout, bins)
        self.linear = nn.ModuleList(LinearModel(self.net.columns_width, k) for k in self.sizes)
        grown = [Trees("boosted", trees, classes=k, early=True) for k in self.sizes if trees]
        self.trees = nn.ModuleList(grown)
        self.mixtures = nn.ModuleList(ClassMixture(3 if trees else 2) for _ in self.sizes)
        self.validated: list[list[Tensor]] | None = None  # of validation's rows, once fitted
        self.register_buffer("shares", torch.full((sum(self.sizes),), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        self.net.fit(numbers, training.names["numbers"])
        columns, targets = self.net.columns(numbers, codes), self._targets(training.fields)
        counts = [t.bincount(minlength=k) for t, k in zip(targets, self.sizes, strict=True)]
        self.shares.copy_(torch.cat(counts) / len(training))
        self.validated = None
        weights = self._weights(training.fields)
        for linear, target, weight in zip(self.linear, targets, weights, strict=True):
            linear.fit_classes(columns, target, weight)  # type: ignore[operator]
        for trees, target, weight in zip(self.trees, targets, weights, strict=False):
            trees.fit(columns, target, weight)  # type: ignore[operator]

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Logits of the classes of all targets, one after another; in training, the net's.

        Shape:
            ``(B, F)``, NaN where missing, and ``(B, C)`` to ``(B, sum of K)``.
        """
        return self._together(self.net(numbers, codes), numbers, codes)

    def _together(self, net: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        if self.training:
            return net
        each = zip(self.mixtures, self._models(net, numbers, codes), strict=True)
        return torch.cat([mixture(models) for mixture, models in each], 1)

    def _models(
        self, net: Tensor, numbers: Tensor, codes: Tensor, fitted: list[list[Tensor]] | None = None
    ) -> list[tuple[Tensor, ...]]:
        """The logits of each target by the net and by the other models."""
        fitted = fitted or self._fitted(numbers, codes)
        each = [[logits.to(net) for logits in model] for model in fitted]
        return list(zip(torch.split(net, self.sizes, 1), *each, strict=True))

    def _fitted(self, numbers: Tensor, codes: Tensor) -> list[list[Tensor]]:
        """The logits of each target by logistic regression, and by trees."""
        columns = self.net.columns(numbers, codes)
        others = (self.linear, self.trees) if self.trees else (self.linear,)
        return [[model(columns) for model in models] for models in others]

    def on_validation_epoch_start(self) -> None:
        """Weight the models by validation, where those fitted before stay as they are."""
        if (batch := self.validation_samples(FITTED)) is None:
            return
        batch = self.trainer.precision_plugin.convert_input(batch)
        net, fields = self.net(batch.numbers, batch.codes), batch._asdict()
        self.validated = self.validated or self._fitted(batch.numbers, batch.codes)
        models = self._models(net, batch.numbers, batch.codes, self.validated)
        known = self._targets(fields), self._weights(fields)
        for mixture, logits, target, weight in zip(self.mixtures, models, *known, strict=True):
            mixture.fit(logits, target, weight)  # type: ignore[operator]

    def step(self, batch: TableBatch) -> StepOutput:
        net, fields = self.net(batch.numbers, batch.codes), batch._asdict()
        targets, parts = self._targets(fields), torch.split(net, self.sizes, 1)
        each = zip(parts, targets, self._weights(fields), strict=True)
        cross_entropy = nn.functional.cross_entropy
        errors = [cross_entropy(p, t, reduction="none") * weight for p, t, weight in each]
        loss = torch.stack(errors).mean(0).sum() / batch.weight.sum()  # of the net alone
        logits = self._together(net, batch.numbers, batch.codes)
        return StepOutput(
            loss, self._probabilities(logits), dict(zip(self.heads, targets, strict=True))
        )

    def predict(self, batch: TableBatch) -> Heads:
        return self._probabilities(self(batch.numbers, batch.codes))

    def baselines(self, batch: TableBatch) -> Mapping[str, Heads]:
        columns = self.net.columns(batch.numbers, batch.codes)
        linear = torch.cat([model(columns) for model in self.linear], 1)
        majority = self.shares.log().expand(len(columns), -1)
        each = {"training majority": majority, "logistic regression": linear}
        return {name: self._probabilities(logits) for name, logits in each.items()}

    def _probabilities(self, logits: Tensor) -> Heads:
        parts = [part.softmax(-1) for part in torch.split(logits, self.sizes, 1)]
        return dict(zip(self.heads, parts, strict=True))

    def _targets(self, fields: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """The classes of each target, ``(B,)``."""
        target = fields["target"]
        return target.reshape(len(target), -1).unbind(1)

    def _weights(self, fields: Mapping[str, Tensor]) -> list[Tensor]:
        """How much a row counts for each target, ``(B,)``; balanced, 1 in the mean of all rows."""
        weight, shares = fields["weight"], torch.split(self.shares, self.sizes)
        if not self.balanced:
            return [weight for _ in shares]
        each = zip(shares, self._targets(fields), strict=True)
        return [weight / (len(part) * part[target].clamp(min=1e-6)) for part, target in each]


def _metrics(classes: int) -> MetricCollection:
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(classes, average="micro"),
            "f1_macro": MulticlassF1Score(classes),
            "log_loss": LogLoss(),
        }
    )
