"""A recurrent network that forecasts the next value of a series.

B: batch, T: time steps, F: inputs a step, V: values among them, P: steps a patch, H: hidden width,
M: nets.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Literal

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.numbers import MANY, at_least, below_one
from kindling.errors import UserError
from kindling.series.windows import SeriesBatch, Windows
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module
from problems.timeseries.figures import draw

Cell = Literal["rnn", "lstm", "gru"]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

OUTERMOST = 0.002  # share of the training numbers below the first edge, and above the last
NARROWEST = 1e-6  # bin, in the numbers' own units
FITTED = 4096  # windows of training, at most, that the bins are taken from


class PiecewiseLinear(nn.Module):
    """How far a number has come through each of its bins, from 0 to 1.

    The bins' edges are quantiles of the training numbers, so that there are as many in each bin. A
    linear layer on top is any function that is linear within the bins, and constant beyond what
    training has seen.

    Args:
        bins: Bins, which all features share.

    Shape:
        ``(..., F)`` to ``(..., F * bins)``.

    References:
        Gorishniy et al., On Embeddings for Numerical Features in Tabular Deep Learning, 2022,
        arXiv:2203.05556
    """

    edges: Tensor

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.register_buffer("edges", torch.linspace(0, 1, bins + 1))

    def fit(self, values: Tensor) -> None:
        """Take the edges from training numbers of any shape, but for the outermost of them."""
        shares = np.linspace(OUTERMOST, 1 - OUTERMOST, len(self.edges))
        edges = np.quantile(values.detach().cpu().double().numpy(), shares)
        self.edges.copy_(torch.from_numpy(edges))

    def forward(self, values: Tensor) -> Tensor:
        low, width = self.edges[:-1], self.edges.diff()
        # Where a number is so common that a bin has no width, it is a step.
        parts = (values.unsqueeze(-1) - low) / width.clamp(min=NARROWEST)
        return parts.clamp(0, 1).flatten(-2)


class RecurrentNet(nn.Module):
    """Recurrent encoder of patches whose last state is read out to one number.

    The readout starts at zero, so that an untrained net predicts no change.

    Args:
        dropout: Between layers, and before the readout.
        patch: Steps that the encoder takes as one, P. What the first patch lacks is filled with
            the first step.

    Shape:
        ``(B, T, F)`` to ``(B,)``.

    References:
        Nie et al., A Time Series is Worth 64 Words, 2023, arXiv:2211.14730 (patches)
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014, arXiv:1406.1078
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, Neural Computation 9(8)
    """

    def __init__(
        self, inputs: int, cell: Cell, hidden: int, layers: int, dropout: float, patch: int = 1
    ) -> None:
        super().__init__()
        self.patch = patch
        between = dropout if layers > 1 else 0.0
        columns = patch * inputs
        self.encoder = CELLS[cell](columns, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden, 1)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor) -> Tensor:
        if lacking := -x.shape[1] % self.patch:
            x = torch.cat([x[:, :1].expand(-1, lacking, -1), x], dim=1)
        patches = x.reshape(x.shape[0], -1, self.patch * x.shape[-1])  # (B, T / P, P * F)
        states, _ = self.encoder(patches)  # (B, T / P, H)
        return self.readout(self.dropout(states[:, -1])).squeeze(-1)  # type: ignore[no-any-return]


class TimeseriesModule(Module):
    """Forecasts the next value from a window, in the units of the series.

    Values come in double precision, and the nets take differences of them in single precision.
    The loss is the squared error in standard deviations of the training series, which the
    checkpoint carries; MSE, RMSE and MAE are in the series' own units.

    The value to come is near the last one: what the net looks for is which way it goes. Increments
    say so of the same time on other days; bins tell a load that is switched on from one that is
    not; folded, a window of a day has its first value, of the time of day to come, in its last
    step; patches leave fewer steps to remember. Nets with patches of different sizes err in
    different places, so that their mean errs less.

    Args:
        inputs: Inputs of a step, F: values of the series, then what the calendar gives.
        values: How many of them are values of the series, V.
        cell: Recurrent layer.
        hidden: Width of the state.
        layers: Recurrent layers on top of one another.
        dropout: Share of the state that is dropped in training.
        change: Predict the change from the last value, and give the window relative to it.
        increments: Give each step's change from the step before too.
        bins: Give each value as its place in so many bins of the training values; 0 gives it as it
            is.
        folded: Read the first half of the window backwards beside the second.
        patch: Steps of the window that the recurrent layer takes as one. Of several sizes, the
            members take one each, in turn.
        members: Nets that are trained side by side, and whose mean is the forecast; one of each
            patch size by default.

    References:
        Members: Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation
        using Deep Ensembles, 2017, arXiv:1612.01474
    """

    dataset_class = Windows
    center: Tensor
    scale: Tensor

    def __init__(
        self,
        inputs: int = 1,
        values: int = 1,
        cell: Cell = "lstm",
        hidden: int = 64,
        layers: int = 1,
        dropout: float = 0.0,
        change: bool = True,
        increments: bool = False,
        bins: int = 0,
        folded: bool = False,
        patch: int | Sequence[int] = 1,
        members: int | None = None,
        **settings: Any,
    ) -> None:
        mse, rmse = MeanSquaredError(), MeanSquaredError(squared=False)
        metrics = MetricCollection({"mse": mse, "rmse": rmse, "mae": MeanAbsoluteError()})
        super().__init__({"value": Head(metrics)}, **settings)
        self.save_hyperparameters(logger=False)
        at_least("model.hidden", hidden, 1)
        at_least("model.layers", layers, 1, MANY)
        at_least("model.bins", bins, 0, MANY)
        patches = _patches(patch, members)
        below_one("model.dropout", dropout)
        self.change, self.increments, self.folded = change, increments, folded
        self.encode = PiecewiseLinear(bins) if bins else nn.Identity()
        columns = (1 + folded) * (values * ((bins or 1) + increments) + inputs - values)
        nets = (RecurrentNet(columns, cell, hidden, layers, dropout, patch) for patch in patches)
        self.nets = nn.ModuleList(nets)
        self.register_buffer("center", torch.full((), torch.nan))
        self.register_buffer("scale", torch.full((), torch.nan))

    def fit_statistics(self, training: Windows) -> None:
        """Take from the training windows what scales values and what bins them."""
        if self.folded and training.length % 2:
            raise UserError(f"model.folded: data.window={training.length} cannot be halved")
        center, scale = training.statistics
        self.center.fill_(center)
        self.scale.fill_(scale)
        if isinstance(self.encode, PiecewiseLinear):
            spread = torch.arange(0, len(training), len(training) // FITTED + 1)
            self.encode.fit(self._relative(training[spread].window)[0])

    def forward(self, window: Tensor, calendar: Tensor) -> Tensor:
        """Forecasts ``(B,)`` from ``(B, T, V)``, both in the units of the series, and calendar."""
        return self._forecasts(window, calendar).mean(0)

    def _forecasts(self, window: Tensor, calendar: Tensor) -> Tensor:
        """Of each net, ``(M, B)``."""
        values, level = self._relative(window)
        inputs = self._arranged(values, calendar)
        return level.flatten() + self.scale * torch.stack([net(inputs) for net in self.nets])

    def _relative(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """The values as nets take them, ``(B, T, V)``, and what a forecast starts from."""
        level = window[:, -1:, :1] if self.change else self.center
        return ((window - level) / self.scale).to(self.scale.dtype), level

    def _arranged(self, values: Tensor, calendar: Tensor) -> Tensor:
        """What is known of each step, of a folded window of two steps."""
        inputs = torch.cat([self.encode(values), calendar], -1)  # (B, T, F)
        if self.increments:
            inputs = torch.cat([inputs, values.diff(dim=1, prepend=values[:, :1])], -1)
        if self.folded:
            early, late = inputs.chunk(2, dim=1)
            inputs = torch.cat([late, early.flip(1)], -1)
        return inputs

    def step(self, batch: SeriesBatch) -> StepOutput:
        forecasts = self._forecasts(batch.window, batch.calendar)
        prediction = forecasts.mean(0)
        judged = forecasts if self.training else prediction
        loss = ((judged - batch.target) / self.scale).to(self.scale.dtype).square().mean()
        return StepOutput(loss, {"value": prediction}, {"value": batch.target})

    def predict(self, batch: SeriesBatch) -> Heads:
        return {"value": self(batch.window, batch.calendar)}

    def baselines(self, batch: SeriesBatch) -> Mapping[str, Heads]:
        return {name: {"value": value} for name, value in batch.baselines().items()}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        return draw(rows, outcome)


def _patches(patch: int | Sequence[int], members: int | None) -> list[int]:
    """The patch size of each net."""
    sizes = [patch] if isinstance(patch, int) else list(patch)
    if not sizes:
        raise UserError("model.patch=[]: names no size")
    at_least("model.patch", min(sizes), 1)
    count = len(sizes) if members is None else at_least("model.members", members, 1, MANY)
    return list(islice(cycle(sizes), count))
