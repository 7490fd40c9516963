"""A recurrent network, or a linear one, that forecasts the next values of a series.

B: batch, T: time steps, F: inputs a step, P: steps a patch, O: numbers to forecast, which are H
steps of V columns, and Q quantiles of each; M: nets.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from kindling.data.numbers import MANY, at_least, below_one
from kindling.errors import UserError
from kindling.series.layers import LinearNet, PiecewiseLinear
from kindling.series.metrics import pinball
from kindling.series.module import SeriesModule
from kindling.series.windows import SeriesBatch, Windows
from kindling.training.metrics import Heads, StepOutput
from kindling.training.module import EvalOutput
from problems.timeseries.figures import draw

Scaling = tuple[Tensor, Tensor]
Cell = Literal["rnn", "lstm", "gru", "linear"]
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}

FITTED = 4096  # windows of training, at most, that bins and naive errors are taken from


class RecurrentNet(nn.Module):
    """Recurrent encoder of patches whose last state is read out.

    The readout starts at zero, so that an untrained net predicts no change.

    Args:
        dropout: Between layers, and before the readout.
        patch: Steps that the encoder takes as one, P. What the first patch lacks is filled with
            the first step.

    Shape:
        ``(B, T, F)`` to ``(B, O)``.

    References:
        Nie et al., A Time Series is Worth 64 Words, 2023, arXiv:2211.14730 (patches)
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014, arXiv:1406.1078
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997, Neural Computation 9(8)
    """

    def __init__(
        self,
        inputs: int,
        cell: Cell,
        hidden: int,
        layers: int,
        dropout: float,
        patch: int = 1,
        outputs: int = 1,
    ) -> None:
        super().__init__()
        self.patch = patch
        between = dropout if layers > 1 else 0.0
        columns = patch * inputs
        self.encoder = CELLS[cell](columns, hidden, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(hidden, outputs)
        nn.init.zeros_(self.readout.weight)
        nn.init.zeros_(self.readout.bias)

    def forward(self, x: Tensor) -> Tensor:
        if lacking := -x.shape[1] % self.patch:
            x = torch.cat([x[:, :1].expand(-1, lacking, -1), x], dim=1)
        patches = x.reshape(x.shape[0], -1, self.patch * x.shape[-1])  # (B, T / P, P * F)
        states, _ = self.encoder(patches)  # (B, T / P, H)
        return self.readout(self.dropout(states[:, -1]))  # type: ignore[no-any-return]


class TimeseriesModule(SeriesModule):
    """Forecasts the next values from a window, in the units of the series.

    Values come in double precision, and the nets take differences of them in single precision.
    The loss is the squared error in standard deviations of the training series, which the
    checkpoint carries, or the pinball loss of quantiles; scores are in the series' own units.

    The value to come is near the last one: what the net looks for is which way it goes. Increments
    say so of the same time on other days; bins tell a load that is switched on from one that is
    not; folded, a window of a day has its first value, of the time of day to come, in its last
    step; patches leave fewer steps to remember. Nets with patches of different sizes err in
    different places, so that their mean errs less.

    Args:
        inputs: Inputs of a step, F: values of the series, then what the calendar gives.
        values: How many of them are values of the series, with their lags.
        targets: Names of the columns to forecast, V.
        horizon: Steps to forecast at once, H.
        window: Steps that a forecast looks back on, T.
        panel: Scale each of several series by its own statistics.
        cell: Recurrent layer, or one linear layer in place of the net (NLinear), of which hidden,
            layers, dropout and patch are no settings.
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
        quantiles: Forecast these quantiles, such as [0.1,0.5,0.9], which never cross; the median is
            the forecast. None forecasts the mean.

    References:
        Members: Lakshminarayanan et al., Simple and Scalable Predictive Uncertainty Estimation
        using Deep Ensembles, 2017, arXiv:1612.01474
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        inputs: int = 1,
        values: int = 1,
        targets: Sequence[str] = ("value",),
        horizon: int = 1,
        window: int = 96,
        panel: bool = False,
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
        quantiles: Sequence[float] = (),
        **settings: Any,
    ) -> None:
        super().__init__(targets, horizon, panel, quantiles, **settings)
        self.save_hyperparameters(logger=False)
        at_least("model.hidden", hidden, 1)
        at_least("model.layers", layers, 1, MANY)
        at_least("model.bins", bins, 0, MANY)
        patches = _patches(patch, members)
        below_one("model.dropout", dropout)
        self.change, self.increments, self.folded = change, increments, folded
        self.encode = PiecewiseLinear(bins) if bins else nn.Identity()
        columns = (1 + folded) * (values * ((bins or 1) + increments) + inputs - values)
        names, each = self.names, horizon * max(1, len(self.quantiles))
        if cell == "linear":
            if bins or increments or folded:
                cure = "--model.bins=0 --model.increments=false --model.folded=false"
                raise UserError(f"model.cell=linear: takes plain values; set {cure}")
            sizes = (window, len(names), values, inputs - values, each)
            self.nets = nn.ModuleList(LinearNet(*sizes) for _ in range(members or 1))
        else:
            outputs = each * len(names)
            nets = (
                RecurrentNet(columns, cell, hidden, layers, dropout, patch, outputs)
                for patch in patches
            )
            self.nets = nn.ModuleList(nets)
        size = (len(names),) if len(names) > 1 else ()
        self.register_buffer("center", torch.full(size, torch.nan))
        self.register_buffer("scale", torch.full(size, torch.nan))

    def fit_statistics(self, training: Windows) -> None:
        """Take from the training windows what scales values, what bins them, and naive errors."""
        if self.folded and training.length % 2:
            raise UserError(f"model.folded: data.window={training.length} cannot be halved")
        center, scale = training.statistics
        self.center.copy_(center)
        self.scale.copy_(scale)
        spread = torch.arange(0, len(training), len(training) // FITTED + 1)
        if isinstance(self.encode, PiecewiseLinear):
            batch = training[spread]
            self.encode.fit(self._relative(batch.window, self._scaling(batch.statistics))[0])
        if self.quantiles:
            self.fit_naive_errors(training[spread])

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Forecasts ``(B, H, V, Q)`` in the units of the series, without sizes that are 1.

        Args:
            window: ``(B, T, ...)``, in the same units.
            calendar: What else is known of the steps.
            statistics: ``(B, V, 3)`` of each sample's series, where there are several.
        """
        forecasts = self._forecasts(window, calendar, self._scaling(statistics)).mean(0)
        sizes = [self.horizon, len(self.names), len(self.quantiles)]
        return forecasts.reshape(-1, *(size for size in sizes if size > 1))

    def _forecasts(self, window: Tensor, calendar: Tensor, scaling: Scaling) -> Tensor:
        """Of each net, ``(M, B, H, V)``, or ``(M, B, H, V, Q)`` of quantiles."""
        values, level = self._relative(window, scaling)
        inputs = self._arranged(values, calendar)
        changes = torch.stack([net(inputs) for net in self.nets])
        changes = changes.reshape(*changes.shape[:2], len(self.names), self.horizon, -1)
        changes = self.uncrossed(changes.transpose(2, 3))  # (M, B, H, V, Q)
        forecasts = level.unsqueeze(-1) + scaling[1].unsqueeze(-1) * changes
        return forecasts if self.quantiles else forecasts.squeeze(-1)

    def _scaling(self, statistics: Tensor | None) -> Scaling:
        """Center and scale of forecasts ``(B, H, V)``: of training, or of each sample's series."""
        if not self.panel or statistics is None:
            return self.center, self.scale
        return statistics[:, None, :, 0], statistics[:, None, :, 1]

    def _relative(self, window: Tensor, scaling: Scaling) -> tuple[Tensor, Tensor]:
        """The values as nets take them, as ``window``, and what a forecast starts from."""
        center, scale = scaling
        level = window[:, -1:, : len(self.names)] if self.change else center
        if len(self.names) > 1:  # each column, and each lag of it, by its own
            window = window.reshape(*window.shape[:-1], -1, len(self.names))
            center, scale = (part.unsqueeze(-2) for part in (level, scale))
            return ((window - center) / scale).flatten(-2).to(self.scale.dtype), level
        return ((window - level) / scale).to(self.scale.dtype), level

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
        scaling = self._scaling(batch.statistics)
        forecasts = self._forecasts(batch.window, batch.calendar, scaling)
        prediction, target, scale = forecasts.mean(0), self.full_shape(batch.target), scaling[1]
        there = ~target.isnan()  # what was not measured counts for nothing
        judged = forecasts if self.training else prediction
        truth = target.nan_to_num()
        if self.quantiles:
            truth, scale, there = truth.unsqueeze(-1), scale.unsqueeze(-1), there.unsqueeze(-1)
        errors = ((judged - truth) / scale).to(self.scale.dtype)
        if self.quantiles:
            losses = pinball(errors, torch.zeros_like(errors[..., :1]), self.quantiles)
        else:
            losses = errors.square()
        there = there.expand_as(losses)
        loss = losses.where(there, 0).sum() / there.sum().clamp(min=1)
        heads = self.by_head(prediction), self.by_head(target)
        return StepOutput(loss, *heads, units=self.units(batch))

    def predict(self, batch: SeriesBatch) -> Heads:
        scaling = self._scaling(batch.statistics if self.panel else None)
        return self.by_head(self._forecasts(batch.window, batch.calendar, scaling).mean(0))

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
