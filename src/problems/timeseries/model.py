"""A recurrent network, or a linear one, that forecasts the next values of a series.

B: batch, T: time steps, F: inputs of a step, P: steps of a patch, M: nets, O: numbers to forecast,
which are Q quantiles of each of H steps of V columns.
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
        patch: Steps that the encoder takes as one, P; the first one is padded with its first step.

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

    Values come in double precision; the nets see their differences in single precision. The loss is
    the squared error in standard deviations of the training series, or the pinball loss.

    The next value is near the last one, so the net looks for the change. Increments show how the
    load changed at this time on other days; bins tell a load that is switched on from one that is
    not; folding puts the first value of a day's window, whose time of day is that of the next
    value, into the last step; patches leave fewer steps to remember. Nets with patches of different
    sizes make different errors, which their mean evens out.

    Args:
        inputs: Inputs of a step, F: values of the series, then the calendar and further columns.
        values: How many of them are values of the series, with their lags.
        targets: Names of the columns to forecast, V.
        horizon: Steps to forecast at once, H.
        window: Steps that a forecast looks back on, T.
        panel: Scale each of several series by its own statistics.
        cell: Recurrent layer, or "linear" for one linear layer instead (NLinear), which has no
            hidden, layers, dropout and patch.
        hidden: Width of the state.
        layers: Recurrent layers, stacked.
        dropout: Share of the state that is dropped in training.
        change: Forecast the change from the last value, and give the window relative to it.
        increments: Also give each step's change from the step before.
        bins: Bins in which each value is encoded, by its position; 0 gives the value itself.
        folded: Also read the first half of the window, backwards, alongside the second.
        patch: Steps that the recurrent layer takes as one; of several sizes, each member takes
            one, in turn.
        members: Nets, trained together, whose mean is the forecast; null: one for each patch size.
        quantiles: Quantiles to forecast, such as [0.1,0.5,0.9], with the median; none is the mean.

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
        count, each = len(self.names), horizon * max(1, len(self.quantiles))
        if cell == "linear":
            if bins or increments or folded:
                cure = "--model.bins=0 --model.increments=false --model.folded=false"
                raise UserError(f"model.cell=linear: takes plain values; set {cure}")
            sizes = (window, count, values, inputs - values, each)
            self.nets = nn.ModuleList(LinearNet(*sizes) for _ in range(members or 1))
        else:
            columns = (1 + folded) * (values * ((bins or 1) + increments) + inputs - values)
            shape = (columns, cell, hidden, layers, dropout)
            nets = (RecurrentNet(*shape, patch, each * count) for patch in patches)
            self.nets = nn.ModuleList(nets)
        self.register_buffer("center", torch.full((count,), torch.nan))
        self.register_buffer("scale", torch.full((count,), torch.nan))

    def fit_statistics(self, training: Windows) -> None:
        """Take the scaling, the bins and the naive forecasts' errors from the training windows."""
        if self.folded and training.length % 2:
            raise UserError(f"model.folded: data.window={training.length} cannot be halved")
        center, scale = training.statistics
        self.center.copy_(center)
        self.scale.copy_(scale)
        batch = training.evenly(FITTED)
        if isinstance(self.encode, PiecewiseLinear):
            self.encode.fit(self._relative(batch.window, self._scaling(batch.statistics))[0])
        self.fit_naive_errors(batch)

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Forecasts ``(B, H, V, Q)`` of a batch's fields, without sizes that are 1.

        ``statistics`` are needed where there are several series.
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
        """Center and scale of ``(B, H, V)``: of the training part, or of each sample's series."""
        if not self.panel or statistics is None:
            return self.center, self.scale
        return statistics[:, None, :, 0], statistics[:, None, :, 1]

    def _relative(self, window: Tensor, scaling: Scaling) -> tuple[Tensor, Tensor]:
        """The values as nets take them, as ``window``, and what a forecast starts from."""
        center, scale = scaling
        level = window[:, -1:, : len(self.names)] if self.change else center
        values = window.reshape(*window.shape[:-1], -1, len(self.names))  # (B, T, 1 + lags, V)
        values = (values - level.unsqueeze(-2)) / scale.unsqueeze(-2)
        return values.flatten(-2).to(self.scale.dtype), level

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
        prediction, target = forecasts.mean(0), self.full_shape(batch.target)
        judged, truth, scale = forecasts if self.training else prediction, target, scaling[1]
        if self.quantiles:
            truth, scale = truth.unsqueeze(-1), scale.unsqueeze(-1)
        errors = ((judged - truth.nan_to_num()) / scale).to(self.scale.dtype)
        zero = torch.zeros_like(errors[..., :1])
        losses = pinball(errors, zero, self.quantiles) if self.quantiles else errors.square()
        there = ~truth.isnan().expand_as(losses)  # what was not measured counts for nothing
        loss = losses.where(there, 0).sum() / there.sum().clamp(min=1)
        units = self.units(batch)
        return StepOutput(loss, self.by_head(prediction), self.by_head(target), units=units)

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
