"""A recurrent network that forecasts the next value of a series.

B: batch, T: time steps, F: inputs a step, H: hidden width.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric, MetricCollection

from kindling.errors import UserError
from kindling.module import Module, Outcome, Schedule
from kindling.problems.timeseries.figures import draw
from kindling.problems.timeseries.windows import TimeseriesBatch
from kindling.scores import Head, Heads, Step

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNet(nn.Module):
    """Recurrent encoder whose last state is read out to one number.

    The readout starts at zero, so that an untrained net predicts no change.

    Args:
        inputs: Inputs of a step.
        cell: Recurrent layer.
        hidden: Width of the state.
        layers: Recurrent layers on top of one another.
        dropout: Between layers, and before the readout.

    Shape:
        ``(B, T, F)`` to ``(B,)``.

    References:
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014, arXiv:1406.1078
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, Neural Computation 9(8)
    """

    def __init__(
        self,
        inputs: int,
        cell: Literal["rnn", "lstm", "gru"],
        hidden: int,
        layers: int,
        dropout: float,
    ) -> None:
        super().__init__()
        between = dropout if layers > 1 else 0.0
        self.encoder = CELLS[cell](inputs, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.encoder(x)  # (B, T, H)
        return self.readout(self.dropout(states[:, -1])).squeeze(-1)  # type: ignore[no-any-return]


class TimeseriesModule(Module):
    """Forecasts the next value from a window, in the units of the series.

    The loss is the squared error in standard deviations of the training series, which the
    checkpoint carries; MSE, RMSE and MAE are in the series' own units.

    Args:
        inputs: Inputs of a step.
        cell: Recurrent layer.
        hidden: Width of the state.
        layers: Recurrent layers on top of one another.
        dropout: Share of the state that is dropped in training.
        change: Predict the change from the last value, and give the window relative to it.
        increments: Give each step's change from the step before too: the value to come is near the
            last one, and what the same time of other days tells of it is which way it goes.
        patch: Steps of the window that the recurrent layer takes as one, so that it has fewer to
            remember (Nie et al., 2023, arXiv:2211.14730, for transformers).
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
    """

    def __init__(
        self,
        inputs: int = 1,
        cell: Literal["rnn", "lstm", "gru"] = "lstm",
        hidden: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        change: bool = True,
        increments: bool = False,
        patch: int = 1,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "mse": MeanSquaredError(),
            "rmse": MeanSquaredError(squared=False),
            "mae": MeanAbsoluteError(),
        }
        super().__init__({"value": Head(MetricCollection(metrics))}, lr, weight_decay, schedule)
        self.save_hyperparameters(logger=False)
        for name, size in (("hidden", hidden), ("layers", layers), ("patch", patch)):
            if size < 1:
                raise UserError(f"model.{name}={size}: must be at least 1")
        if not 0 <= dropout < 1:
            raise UserError(f"model.dropout={dropout}: must be 0 or more and below 1")
        self.change, self.increments, self.patch = change, increments, patch
        columns = patch * (2 * inputs if increments else inputs)
        self.net = RecurrentNet(columns, cell, hidden, layers, dropout)
        self.center: Tensor
        self.scale: Tensor
        self.register_buffer("center", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def setup(self, stage: str) -> None:
        if stage == "fit":
            statistics = self.trainer.datamodule.statistics  # type: ignore[attr-defined]
            self.center.fill_(statistics.center)
            self.scale.fill_(statistics.scale)
            window = self.trainer.datamodule.window  # type: ignore[attr-defined]
            if window % self.patch:
                raise UserError(f"model.patch={self.patch}: does not divide data.window={window}")

    def forward(self, window: Tensor, calendar: Tensor) -> Tensor:
        """Forecasts ``(B,)`` in the units of the series.

        Shape:
            ``window`` ``(B, T, V)`` in the units of the series, ``calendar`` ``(B, T, C)``.
        """
        level = window[:, -1:, :1] if self.change else self.center
        inputs = torch.cat([(window - level) / self.scale, calendar], -1)  # (B, T, F)
        if self.increments:
            inputs = torch.cat([inputs, inputs.diff(dim=1, prepend=inputs[:, :1])], -1)
        if self.patch > 1:
            inputs = inputs.reshape(inputs.shape[0], -1, self.patch * inputs.shape[-1])
        return level.flatten() + self.scale * self.net(inputs)  # type: ignore[no-any-return]

    def step(self, batch: TimeseriesBatch) -> Step:
        prediction = self(batch.window, batch.calendar)
        loss = nn.functional.mse_loss(prediction / self.scale, batch.target / self.scale)
        return Step(loss, {"value": prediction}, {"value": batch.target})

    def predict(self, batch: TimeseriesBatch) -> Heads:
        return {"value": self(batch.window, batch.calendar)}

    def baselines(self, batch: TimeseriesBatch) -> Mapping[str, Heads]:
        names = self.trainer.datamodule.baseline_names  # type: ignore[attr-defined]
        return {name: {"value": batch.naive[:, k]} for k, name in enumerate(names)}

    def figures(self, rows: Mapping[str, Any], outcome: Outcome) -> Mapping[str, Figure]:
        return draw(rows, outcome)
