"""Forecasts the next value of a series.

B: batch, T: time steps, V: values a step, C: calendar columns.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.series.windows import SeriesBatch, Windows
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Forecasts the change from the last value; the loss is in deviations of the training series.

    Args:
        inputs: Values and calendar columns of a step.
        hidden: Width of the state.
    """

    dataset_class = Windows
    scale: Tensor

    def __init__(self, inputs: int = 1, hidden: int = 32, **settings: Any) -> None:
        metrics = MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})
        super().__init__({"value": Head(metrics)}, **settings)
        self.save_hyperparameters(logger=False)
        self.encoder = nn.LSTM(inputs, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, 1)
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: Windows) -> None:
        _, scale = training.statistics
        self.scale.fill_(scale)

    def forward(self, window: Tensor, calendar: Tensor) -> Tensor:
        """Forecasts ``(B,)`` of windows ``(B, T, V)`` and calendar ``(B, T, C)``."""
        last = window[:, -1:, :1]
        # Differences of values in double precision are exact, and small enough for single.
        values = ((window - last) / self.scale).to(calendar.dtype)
        states, _ = self.encoder(torch.cat([values, calendar], -1))
        change = self.readout(states[:, -1]).squeeze(-1)
        return last.flatten() + self.scale * change  # type: ignore[no-any-return]

    def step(self, batch: SeriesBatch) -> StepOutput:
        forecast = self(batch.window, batch.calendar)
        error = ((forecast - batch.target) / self.scale).float()
        return StepOutput(error.square().mean(), {"value": forecast}, {"value": batch.target})

    def predict(self, batch: SeriesBatch) -> Heads:
        return {"value": self(batch.window, batch.calendar)}

    def baselines(self, batch: SeriesBatch) -> Mapping[str, Heads]:
        return {name: {"value": value} for name, value in batch.baselines().items()}
