"""Forecasts the next values of a series: a linear model, and what trees and a net add to it.

B: batch, T: time steps, C: calendar columns, H: steps to forecast, V: columns to forecast.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindling.series.added import AddedTrees, shrunk_share
from kindling.series.module import SeriesModule
from kindling.series.relative import Relative, RelativeWindows
from kindling.series.windows import SeriesBatch, Windows
from kindling.tables.layers import MLP
from kindling.tables.linear import LinearModel
from kindling.tables.normalize import Normalize
from kindling.training.metrics import Heads, StepOutput

FITTED = 20_000  # windows, at most, that statistics are taken from
STANDARD_ERRORS = 2.0  # that the net's gain on validation has to exceed


class TaskNameModule(SeriesModule):
    """Forecasts the change from the last values, by a linear model and what is added to it.

    Trees are fitted once, before the net; the net counts in place of them as far as validation
    shows a gain. The loss is in deviations of what the linear model leaves of the training series:
    1 is as good as that model. The checkpoint carries all of them and the statistics.

    Args:
        inputs: Values and calendar columns of a step.
        values: How many of them are values of the series, with their lags.
        targets: Names of the columns to forecast.
        horizon: Steps to forecast.
        window: Steps that a forecast looks back on.
        panel: Scale each of several series by its own deviation.
        hidden: Width of the recurrent net's state.
        patch: Steps that the recurrent net takes as one.
        dropout: Share of the layer behind it that is dropped in training.
        trees: Boosted trees, where a single value is forecast; 0 is the net alone.
        logarithm: Forecast the logarithm, of a series that swings the more the higher it is.
    """

    spread: Tensor
    share: Tensor

    def __init__(
        self,
        inputs: int = 1,
        values: int = 1,
        targets: Sequence[str] = ("value",),
        horizon: int = 1,
        window: int = 96,
        panel: bool = False,
        hidden: int = 32,
        patch: int = 4,
        dropout: float = 0.2,
        trees: int = 0,
        logarithm: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(targets, horizon, panel, (), **settings)
        self.save_hyperparameters(logger=False)
        self.patch, outputs = min(patch, window), horizon * len(self.names)
        self.relative = RelativeWindows(values, len(self.names), panel, logarithm)
        steps, columns, recent = self.relative.sizes(window, inputs - values)
        self.subsets = self.relative.subsets(window, inputs - values)
        self.linear = LinearModel(columns, outputs)
        self.trees = AddedTrees(trees) if trees and outputs == 1 else None
        self.encoder = nn.LSTM(self.patch * steps, hidden, batch_first=True)
        self.recent = Normalize(recent)
        self.readout = MLP(hidden + recent, [128, 128], outputs, dropout)
        for parameter in list(self.readout.parameters())[-2:]:
            nn.init.zeros_(parameter)  # an untrained net adds nothing
        self.register_buffer("spread", torch.full((outputs,), torch.nan))
        self.register_buffer("share", torch.tensor(1.0 if self.trees is None else 0.5))

    def fit_statistics(self, training: Windows) -> None:
        batch = training.evenly(FITTED)
        self.fit_naive_errors(batch)
        self.relative.fit(batch, self.full_shape(batch.target))
        windows = self.relative(batch.window, batch.calendar, batch.statistics)
        change = self._target(batch, windows)
        measured, follows = ~change.isnan().any(1), training.follows_measured(batch.indices)
        # After a gap, the change is that of many steps: a few of them would outweigh all others.
        if 2 * (measured & follows).sum() > measured.sum():
            measured &= follows
        columns, recent = windows.columns[measured], windows.recent[measured]
        change = change[measured]
        self.linear.fit_numbers(columns, change, torch.ones(len(change)), self.subsets)
        linear = self.linear(columns)
        self.spread.copy_((change - linear).std(0, correction=0).clamp(min=1e-9))
        self.recent.fit(recent)
        if self.trees is not None:
            self.trees.fit(recent, change[:, 0], linear[:, 0])

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Forecasts ``(B, H, V)`` of windows ``(B, T, ...)`` and calendar ``(B, T, C)``."""
        windows = self.relative(window, calendar, statistics)
        return self.relative.forecast(self.full_shape(self._change(windows)), windows)

    def _change(self, windows: Relative) -> Tensor:
        """The forecast change ``(B, H * V)``, in training of the linear model and the net alone."""
        base, net = self._parts(windows)
        return base + (net if self.training else self.share * net)

    def _parts(self, windows: Relative) -> tuple[Tensor, Tensor]:
        """The forecast without the net, and what the net changes of it."""
        linear, steps = self.linear(windows.columns), windows.steps
        lacking = -steps.shape[1] % self.patch
        patches = torch.cat([steps[:, :1].expand(-1, lacking, -1), steps], 1)
        states, _ = self.encoder(patches.reshape(steps.shape[0], -1, self.encoder.input_size))
        seen = torch.cat([states[:, -1], self.recent(windows.recent)], 1)
        net = self.spread * self.readout(seen)
        if self.trees is None or self.training:
            return linear, net
        grown = self.trees(windows.recent, linear[:, 0])[:, None]
        return linear + grown, net - grown

    def on_validation_epoch_start(self) -> None:
        """Let the net count as far as validation shows a gain."""
        if (batch := self.validation_samples(FITTED)) is not None:
            calendar = batch.calendar.to(self.spread)  # which may be of half precision
            windows = self.relative(batch.window, calendar, batch.statistics)
            base, net = self._parts(windows)
            residual = (self._target(batch, windows) - base) / self.spread
            added, measured = (net / self.spread).float(), ~residual.isnan()
            share = shrunk_share(added[measured], residual[measured], STANDARD_ERRORS)
            self.share.copy_(share)

    def _target(self, batch: SeriesBatch, windows: Relative) -> Tensor:
        """The change that is forecast, NaN where it was not measured."""
        return self.relative.changes(self.full_shape(batch.target), windows).flatten(1).float()

    def step(self, batch: SeriesBatch) -> StepOutput:
        windows = self.relative(batch.window, batch.calendar, batch.statistics)
        change, target = self._change(windows), self._target(batch, windows)
        measured = ~target.isnan()  # other targets count for nothing
        errors = ((change - target.nan_to_num()) / self.spread).square()
        loss = errors.where(measured, 0).sum() / measured.sum().clamp(min=1)
        forecast = self.relative.forecast(self.full_shape(change), windows)
        heads = self.by_head(forecast), self.by_head(self.full_shape(batch.target))
        return StepOutput(loss, *heads, units=self.units(batch))

    def predict(self, batch: SeriesBatch) -> Heads:
        statistics = batch.statistics if self.panel else None
        return self.by_head(self(batch.window, batch.calendar, statistics))
