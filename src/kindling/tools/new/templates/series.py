"""Forecasts the next values of a series.

B: batch, T: time steps, C: calendar columns, H: steps to forecast, V: columns to forecast.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindling.series.datamodule import head_names
from kindling.series.metrics import forecast_metrics
from kindling.series.windows import SeriesBatch, Windows
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import Module


class TaskNameModule(Module):
    """Forecasts the change from the last values; the loss is in deviations of the training series.

    Args:
        inputs: Values and calendar columns of a step.
        targets: Names of the columns to forecast.
        horizon: Steps to forecast.
        panel: Scale each of several series by its own deviation.
        hidden: Width of the state.
    """

    dataset_class = Windows
    scale: Tensor

    def __init__(
        self,
        inputs: int = 1,
        targets: Sequence[str] = ("value",),
        horizon: int = 1,
        panel: bool = False,
        hidden: int = 32,
        **settings: Any,
    ) -> None:
        names = head_names(targets) if len(targets) > 1 else ["value"]
        several = panel or len(names) > 1 or horizon > 1
        head = Head(forecast_metrics(several), optional=several)
        super().__init__(dict.fromkeys(names, head), **settings)
        self.save_hyperparameters(logger=False)
        self.names, self.horizon, self.panel = names, horizon, panel
        self.encoder = nn.LSTM(inputs, hidden, batch_first=True)
        self.readout = nn.Linear(hidden, horizon * len(names))
        self.register_buffer("scale", torch.full((len(names),), torch.nan))

    def fit_statistics(self, training: Windows) -> None:
        _, scale = training.statistics
        self.scale.copy_(scale)

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Forecasts ``(B, H, V)`` of windows ``(B, T, ...)`` and calendar ``(B, T, C)``."""
        last, scale = window[:, -1:, : len(self.names)], self._scale(statistics)  # (B, 1, V)
        lags = window.shape[-1] // len(self.names)
        # Differences of values in double precision are exact, and small enough for single.
        values = ((window - last.repeat(1, 1, lags)) / scale.repeat(1, 1, lags)).to(calendar.dtype)
        states, _ = self.encoder(torch.cat([values, calendar], -1))
        change = self.readout(states[:, -1]).reshape(-1, self.horizon, len(self.names))
        return last + scale * change  # type: ignore[no-any-return]

    def _scale(self, statistics: Tensor | None) -> Tensor:
        """Of the training series, or of each sample's own of several, ``(B, 1, V)``."""
        if self.panel and statistics is not None:
            return statistics[:, None, :, 1]
        return self.scale[None, None]

    def step(self, batch: SeriesBatch) -> StepOutput:
        forecast = self(batch.window, batch.calendar, batch.statistics)
        target, scale = self._whole(batch.target), self._scale(batch.statistics)
        there = ~target.isnan()  # what was not measured counts for nothing
        error = ((forecast - target.nan_to_num()) / scale).float().where(there, 0)
        loss = error.square().sum() / there.sum().clamp(min=1)
        units = {name: batch.statistics[:, k, 2] for k, name in enumerate(self.names)}
        return StepOutput(loss, self._heads(forecast), self._heads(target), units=units)

    def predict(self, batch: SeriesBatch) -> Heads:
        statistics = batch.statistics if self.panel else None
        return self._heads(self(batch.window, batch.calendar, statistics))

    def baselines(self, batch: SeriesBatch) -> Mapping[str, Heads]:
        found = {k: self._heads(self._whole(naive)) for k, naive in batch.baselines().items()}
        last, *seasons = found.items()
        return dict([*seasons, last] if self.horizon > 1 else [last, *seasons])

    def _whole(self, values: Tensor) -> Tensor:
        return values.reshape(-1, self.horizon, len(self.names))

    def _heads(self, values: Tensor) -> Heads:
        """Each column of ``(B, H, V)``: ``(B, H)``, or ``(B,)`` of a single step."""
        columns = values.squeeze(1) if self.horizon == 1 else values
        return dict(zip(self.names, columns.unbind(-1), strict=True))
