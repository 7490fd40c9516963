"""A multilayer perceptron that recognizes potable water from its measurements.

B: batch, F: features.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryAUROC,
    BinaryF1Score,
    BinaryPrecision,
    BinaryRecall,
)

from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from kindling.tables.layers import MLP, Activation
from kindling.tables.normalize import Normalize
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module
from problems.potability.data import PotabilityBatch
from problems.potability.figures import draw

CLASSES = ("0", "1")
"""Not potable and potable, in the file's own words."""

TREES = 1 / 3
"""Weight of the trees in the mean with the net."""

SURE = 1e-6
"""Smallest distance of their joint probability from 0 and 1."""


class PotabilityModule(Module):
    """Predicts from raw measurements, of which some may be missing, whether water is potable.

    The checkpoint has statistics of the training rows (substitutes for missing values, the
    normalization, and the share of potable water) and trees grown on them before the first step.

    Args:
        inputs: Feature columns.
        hidden: Widths of the hidden layers.
        activation: Function after each hidden layer.
        batch_norm: Batch normalization between a hidden layer and its activation.
        init: Initialization of the hidden layers: PyTorch's default, or He et al. (2015).
        dropout: Share of each hidden layer that is dropped in training.
        normalization: By mean and standard deviation, or by median and quartiles.
        indicators: Tell the net which values were missing.
        pos_weight: Weigh potable rows so that both classes count the same.
        trees: Extremely randomized trees, a third of each prediction; 0 for the net alone.
    """

    def __init__(
        self,
        inputs: int = 9,
        hidden: Sequence[int] = (64, 32),
        activation: Activation = "relu",
        batch_norm: bool = False,
        init: Literal["default", "kaiming"] = "default",
        dropout: float = 0.0,
        normalization: Literal["standard", "robust"] = "standard",
        indicators: bool = False,
        pos_weight: bool = False,
        trees: int = 0,
        **settings: Any,
    ) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "accuracy": BinaryAccuracy(),
            "auroc": BinaryAUROC(),
            "f1": BinaryF1Score(),
            "precision": BinaryPrecision(),
            "recall": BinaryRecall(),
        }
        head = Head(MetricCollection(metrics), CLASSES)
        super().__init__({"potability": head}, **settings)
        self.save_hyperparameters(logger=False)
        self.batch_norm, self.pos_weight = batch_norm, pos_weight
        self.normalize = Normalize(inputs, normalization, indicators)
        width = self.normalize.out_features
        self.net = MLP(width, hidden, 1, dropout, activation, batch_norm, init)
        self.trees = Trees("extra", trees) if trees else None
        self.potable: Tensor
        self.register_buffer("potable", torch.full((), torch.nan))

    def setup(self, stage: str) -> None:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and self.batch_norm and getattr(data, "batch_size", None) == 1:
            raise UserError("data.batch_size=1: batch normalization needs two rows to train on")
        super().setup(stage)

    def fit_statistics(self, training: FieldDataset[PotabilityBatch]) -> None:
        """Take from the training rows what normalization, loss and baseline need."""
        features, target = training.fields["features"], training.fields["target"]
        self.normalize.fit(features, training.names.get("features"))
        if self.trees is not None:
            self.trees.fit(self.normalize(features), target)
        self.potable.copy_(target.float().mean())

    def forward(self, features: Tensor) -> Tensor:
        """Logits ``(B,)`` of potable water.

        Shape:
            ``features`` ``(B, F)``, as measured; NaN where missing.
        """
        inputs = self.normalize(features)
        logits: Tensor = self.net(inputs).squeeze(-1)
        if self.trees is None or self.training:
            return logits
        # Trees may be sure; the limit keeps the logit finite.
        grown: Tensor = self.trees(inputs)
        return torch.lerp(logits.sigmoid().to(grown.dtype), grown, TREES).logit(eps=SURE)

    def step(self, batch: PotabilityBatch) -> StepOutput:
        logits = self(batch.features)
        weight = (1 - self.potable) / self.potable if self.pos_weight else None
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, batch.target.float(), pos_weight=weight
        )
        return StepOutput(loss, {"potability": logits.sigmoid()}, {"potability": batch.target})

    def predict(self, batch: PotabilityBatch) -> Heads:
        return {"potability": self(batch.features).sigmoid()}

    def baselines(self, batch: PotabilityBatch) -> Mapping[str, Heads]:
        """The training share as everyone's probability: its majority, and an AUROC of 0.5."""
        return {"training majority": {"potability": self.potable.expand(len(batch.target))}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        target = self.trainer.datamodule.target  # type: ignore[attr-defined]
        return draw(outcome, target)
