"""Predicts a row's classes from its numbers and categories.

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
from kindling.tables.scores import LogLoss
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Predicts the class of each target; the checkpoint carries the training rows' statistics.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        outputs: Names of the classes of each head.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        bins: Of each number, in which the net is linear; 0 is the number alone.
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
        self.register_buffer("shares", torch.full((sum(self.sizes),), torch.nan))

    def fit_statistics(self, training: FieldDataset[TableBatch]) -> None:
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        self.net.fit(numbers, training.names["numbers"])
        columns = self.net.columns(numbers, codes)
        targets = training.fields["target"].reshape(len(training), -1).unbind(1)
        counts = [
            target.bincount(minlength=k) for target, k in zip(targets, self.sizes, strict=True)
        ]
        self.shares.copy_(torch.cat(counts) / len(training))
        for linear, target in zip(self.linear, targets, strict=True):
            linear.fit_classes(columns, target)  # type: ignore[operator]

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Logits of the classes of all targets, one after another.

        Shape:
            ``(B, F)``, NaN where missing, and ``(B, C)`` to ``(B, sum of K)``.
        """
        return self.net(numbers, codes)  # type: ignore[no-any-return]

    def step(self, batch: TableBatch) -> StepOutput:
        logits = self(batch.numbers, batch.codes)
        targets = batch.target.reshape(len(logits), -1).unbind(1)
        errors = [
            nn.functional.cross_entropy(each, target, self._weight(shares), reduction="none")
            for each, target, shares in zip(
                torch.split(logits, self.sizes, 1),
                targets,
                torch.split(self.shares, self.sizes),
                strict=True,
            )
        ]
        loss = (torch.stack(errors).mean(0) * batch.weight).sum() / batch.weight.sum()
        known = dict(zip(self.heads, targets, strict=True))
        return StepOutput(loss, self._probabilities(logits), known)

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

    def _weight(self, shares: Tensor) -> Tensor | None:
        """Of each class in the loss, such that a row counts 1 in the mean."""
        return 1 / (len(shares) * shares.clamp(min=1e-6)) if self.balanced else None


def _metrics(classes: int) -> MetricCollection:
    return MetricCollection(
        {
            "accuracy": MulticlassAccuracy(classes, average="micro"),
            "f1_macro": MulticlassF1Score(classes),
            "log_loss": LogLoss(),
        }
    )
