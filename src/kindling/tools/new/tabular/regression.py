"""Predicts a number from a row's numbers and categories.

B: batch, F: numbers, C: categories.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric, MetricCollection

from kindling.data.datamodule import at_least, below_one
from kindling.errors import UserError
from kindling.evaluation.number_figures import draw_error_bands, draw_predicted
from kindling.tables.normalize import Normalize
from kindling.tools.new.tabular.net import TableNet
from kindling.tools.new.tabular.rows import Rows, TabularBatch
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module, Schedule

LOSSES = {"l1": nn.L1Loss, "huber": nn.HuberLoss, "mse": nn.MSELoss}


class TabularModule(Module):
    """Predicts a row's number.

    The loss is of the standardized number; predictions and metrics are in its own unit. The
    checkpoint carries the training rows' statistics: what stands in for a missing number, what
    normalizes the others, and of the target mean, deviation and median.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        embedding: Width of a category.
        hidden: Widths of the layers.
        dropout: Share of each layer that is dropped in training.
        indicators: Tell the net which numbers are missing.
        loss: Of the standardized number.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
    """

    center: Tensor
    scale: Tensor
    median: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        embedding: int = 8,
        hidden: Sequence[int] = (64, 32),
        dropout: float = 0.1,
        indicators: bool = True,
        loss: Literal["l1", "huber", "mse"] = "mse",
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        schedule: Schedule = "constant",
    ) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
        }
        super().__init__({"target": Head(MetricCollection(metrics))}, lr, weight_decay, schedule)
        self.save_hyperparameters(logger=False)
        for name, width in [("embedding", embedding), *(("hidden", w) for w in hidden)]:
            at_least(f"model.{name}", width, 1)
        below_one("model.dropout", dropout)
        if not (features or vocabularies):
            raise UserError("no column to learn from: name numbers or categories (data.)")
        self.loss = LOSSES[loss]()
        self.normalize = Normalize(features, indicators=indicators)
        inputs = self.normalize.out_features
        self.net = TableNet(inputs, vocabularies, embedding, hidden, dropout, outputs=1)
        for name in ("center", "scale", "median"):
            self.register_buffer(name, torch.full((), torch.nan))

    def setup(self, stage: str) -> None:
        if stage == "fit":
            columns = getattr(self.trainer.datamodule, "columns", None)  # type: ignore[attr-defined]
            if training := self.training_split(Rows):
                self.fit_statistics(training, columns and columns.numbers)

    def fit_statistics(self, training: Rows, names: Sequence[str] | None = None) -> None:
        """Take from the training rows what normalization, loss and baseline need."""
        self.normalize.fit(training.numbers, names)
        target = training.target.double()
        scale = target.std(correction=0)
        self.center.copy_(target.mean())
        self.scale.copy_(scale if scale > 0 else torch.ones_like(scale))
        self.median.copy_(target.quantile(0.5))

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Predictions ``(B,)``, in the target's unit.

        Shape:
            ``numbers`` ``(B, F)``, NaN where missing, ``codes`` ``(B, C)`` int64.
        """
        value = self.net(self.normalize(numbers), codes).squeeze(-1)
        return self.center + self.scale * value  # type: ignore[no-any-return]

    def step(self, batch: TabularBatch) -> StepOutput:
        prediction = self(batch.numbers, batch.codes)
        loss = self.loss(prediction / self.scale, batch.target / self.scale)
        return StepOutput(loss, {"target": prediction}, {"target": batch.target})

    def predict(self, batch: TabularBatch) -> Heads:
        return {"target": self(batch.numbers, batch.codes)}

    def baselines(self, batch: TabularBatch) -> Mapping[str, Heads]:
        return {"training median": {"target": self.median.expand(len(batch.target))}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        name = self.trainer.datamodule.target  # type: ignore[attr-defined]
        truth = outcome.targets["target"].double().numpy()
        predicted = outcome.predictions["target"].double().numpy()
        return {
            "predicted": draw_predicted(truth, predicted, name),
            "error_bands": draw_error_bands(truth, predicted - truth, name, "predicted - true"),
        }
