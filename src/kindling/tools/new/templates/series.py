"""Forecasts the next values of a series: a linear model, and what a recurrent net adds to it.

B: batch, T: time steps, C: calendar columns, H: steps to forecast, V: columns to forecast.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindling.series.module import SeriesModule
from kindling.series.windows import SeriesBatch, Windows
from kindling.tables.layers import MLP
from kindling.tables.linear import LinearModel
from kindling.tables.normalize import Normalize
from kindling.tables.trees import Trees
from kindling.training.metrics import Heads, StepOutput

FITTED = 20_000  # windows of training, at most, that statistics are taken from
RECENT = 12  # steps of a window that are seen beside the recurrent net


class TaskNameModule(SeriesModule):
    """Forecasts the change from the last values, by a linear model and a net for what it leaves.

    The loss is in deviations of what the linear model leaves of the training series: 1 is as good
    as that model. The checkpoint carries it, the trees and the statistics.

    Args:
        inputs: Values and calendar columns of a step.
        values: How many of them are values of the series, with their lags.
        targets: Names of the columns to forecast.
        horizon: Steps to forecast.
        window: Steps that a forecast looks back on.
        panel: Scale each of several series by its own deviation.
        hidden: Width of the state.
        patch: Steps that the recurrent net takes as one.
        dropout: Share of the layer behind it that is dropped in training.
        trees: Boosted trees, half of what is added to the linear model where a single value is
            forecast; 0 is the net alone.
        logarithm: Forecast the logarithm, of a series that swings the more the higher it is.
    """

    center: Tensor
    scale: Tensor
    unit: Tensor
    floor: Tensor
    spread: Tensor
    share: Tensor
    whole: Tensor

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
        names = self.names
        self.values, self.patch, self.logarithm = values, min(patch, window), logarithm
        outputs = horizon * len(names)
        others = inputs - values + len(names)  # the level, beside the calendar
        self.linear = LinearModel(window * values + others, outputs)
        self.encoder = nn.LSTM(self.patch * (2 * values + others), hidden, batch_first=True)
        seen = min(RECENT + 1, window) * len(names) + values - len(names) + others
        self.recent = Normalize(seen)
        self.readout = MLP(hidden + seen, [128, 128], outputs, dropout)
        for parameter in list(self.readout.parameters())[-2:]:
            nn.init.zeros_(parameter)  # an untrained net adds nothing
        grown = trees and outputs == 1
        self.trees = Trees("boosted", trees, quantile=None) if grown else None
        for name in ("center", "scale", "unit", "floor"):
            self.register_buffer(name, torch.full((len(names),), torch.nan, dtype=torch.float64))
        self.register_buffer("spread", torch.full((outputs,), torch.nan))
        self.register_buffer("share", torch.zeros(()))
        self.register_buffer("whole", torch.zeros(()))

    def fit_statistics(self, training: Windows) -> None:
        batch = training[torch.arange(0, len(training), len(training) // FITTED + 1)]
        target = self.full_shape(batch.target)
        self.fit_naive_errors(batch)
        self.floor.copy_(target.nan_to_num(torch.inf).amin((0, 1)).clamp(min=1e-9) / 2)
        target = self._inner(target)
        self.center.copy_(target.nanmean((0, 1)))
        self.scale.copy_((target - self.center).square().nanmean((0, 1)).sqrt().clamp(min=1e-9))
        self.unit.fill_(1)
        last, scale, _ = self._relative(batch.window, batch.calendar, batch.statistics)
        first = (target[:, :1] - last) / scale
        self.unit.copy_(first.square().nanmean((0, 1)).sqrt().clamp(min=1e-9))
        last, unit, steps = self._relative(batch.window, batch.calendar, batch.statistics)
        change = ((target - last) / unit).flatten(1)
        there = ~change.isnan().any(1)
        steps, change = steps[there], change[there].float()
        self.linear.fit_best(self._columns(steps), change, self._subsets(steps.shape[1]))
        left = change - self.linear(self._columns(steps))
        self.spread.copy_(left.std(0, correction=0).clamp(min=1e-9))
        recent = self._recent(steps)
        self.recent.fit(recent)
        if self.trees is not None:
            self._grow(self.trees, recent, change[:, 0], left[:, 0])

    def _grow(self, trees: Trees, recent: Tensor, change: Tensor, left: Tensor) -> None:
        """Fit the trees to all of the change, or to what the linear model leaves of it.

        Which of them, and what they are worth, is seen on the third and the last quarter of the
        windows, by trees on those before. Where that is nothing, as of a random walk, no net is
        worth more; its root counts, since trees on all windows, and a net beside them, know more.
        """
        linear, half, found = change - left, len(left) // 2, []
        for base in (0, 1):
            parts = []
            for start, stop in ((half, half * 3 // 2), (half * 3 // 2, len(left))):
                few = Trees("boosted", max(1, trees.number // 3), quantile=None)
                few.fit(recent[:start], (change - base * linear)[:start])
                parts.append(few(recent[start:stop]) - (1 - base) * linear[start:stop])
            added = torch.cat(parts)
            size = added.square().sum().clamp(min=1e-12)
            share = (added @ left[half:] / size).clamp(0, 1)
            error = (left[half:] - share * added).square()
            sure = share - (error.mean() / size).sqrt()  # less its standard error
            found.append((float(error.sum()), base, sure.clamp(min=0).sqrt()))
        _, base, share = min(found, key=lambda each: each[0])
        self.share.copy_(share)
        self.whole.fill_(1 - base)
        trees.fit(recent, change - base * linear)

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None = None) -> Tensor:
        """Forecasts ``(B, H, V)`` of windows ``(B, T, ...)`` and calendar ``(B, T, C)``."""
        last, unit, steps = self._relative(window, calendar, statistics)
        linear, recent = self.linear(self._columns(steps)), self._recent(steps)
        lacking = -steps.shape[1] % self.patch
        patches = torch.cat([steps[:, :1].expand(-1, lacking, -1), steps], 1)
        states, _ = self.encoder(patches.reshape(steps.shape[0], -1, self.encoder.input_size))
        added = self.readout(torch.cat([states[:, -1], self.recent(recent)], 1))
        if self.trees is not None and not self.training:
            grown = (self.trees(recent)[:, None] - self.whole * linear) / self.spread
            added = self.share * (added + grown) / 2
        change = linear + self.spread * added
        forecast = last + unit * change.reshape(-1, self.horizon, len(self.names))
        return forecast.exp() if self.logarithm else forecast  # type: ignore[no-any-return]

    def _inner(self, values: Tensor) -> Tensor:
        """What is forecast of values ``(..., V)``: they, or their logarithm."""
        return values.maximum(self.floor).log() if self.logarithm else values

    def _relative(
        self, window: Tensor, calendar: Tensor, statistics: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Last values and unit ``(B, 1, V)``, and what the nets see of each step, ``(B, T, F)``.

        That is how far values are from the last, in usual changes of a step, and from the step
        before; how far they are from the mean, in deviations; and the calendar.
        """
        values = self._inner(
            window.reshape(*window.shape[:2], -1, len(self.names))
        )  # (B, T, 1 + lags, V)
        center, scale = self.center[None, None], self.scale[None, None]
        if self.panel and statistics is not None:
            center, scale = statistics[:, None, :, 0], statistics[:, None, :, 1]
        last, unit = values[:, -1:, 0], scale * self.unit
        # Differences of values in double precision are exact, and small enough for single.
        changes = ((values - last[:, :, None]) / unit[:, :, None]).flatten(2)
        level = (values[:, :, 0] - center) / scale
        steps = [changes, changes.diff(dim=1, prepend=changes[:, :1]), level]
        return last, unit, torch.cat([*(part.to(calendar) for part in steps), calendar], -1)

    def _columns(self, steps: Tensor) -> Tensor:
        """What the linear model sees: all changes, and of the last step the level and calendar."""
        changes, rest = steps[..., : self.values], steps[:, -1, 2 * self.values :]
        return torch.cat([changes.flatten(1), rest], 1)

    def _subsets(self, window: int) -> list[Tensor]:
        """Columns that the linear model may do with: a shorter window, the last of the lags."""
        step = torch.arange(window)[:, None] - window
        lag = torch.arange(self.values)[None] >= len(self.names)
        rest = torch.ones(self.linear.coefficients.shape[0] - 1 - window * self.values)
        found = []
        for length in (window, window // 2, window // 4, window // 8):
            for last in (length, 2):
                kept = torch.where(lag, step >= -last, step >= -length) & (length > 0)
                found.append(torch.cat([kept.flatten(), rest.bool()]).nonzero()[:, 0])
        return found

    def _recent(self, steps: Tensor) -> Tensor:
        """What trees see: of the changes, the last and the first, and of the lags the last."""
        own, count = steps[..., : len(self.names)], len(self.names)
        kept = torch.cat([own[:, :1], own[:, 1:][:, -RECENT:]], 1)
        lags, rest = steps[:, -1, count : self.values], steps[:, -1, 2 * self.values :]
        return torch.cat([kept.flatten(1), lags, rest], 1)

    def step(self, batch: SeriesBatch) -> StepOutput:
        forecast = self(batch.window, batch.calendar, batch.statistics)
        target = self.full_shape(batch.target)
        there = ~target.isnan()  # what was not measured counts for nothing
        _, unit, _ = self._relative(batch.window, batch.calendar, batch.statistics)
        unit = unit * self.spread.reshape(self.horizon, -1)
        error = (self._inner(forecast) - self._inner(target.nan_to_num(1))) / unit
        loss = error.float().where(there, 0).square().sum() / there.sum().clamp(min=1)
        heads = self.by_head(forecast), self.by_head(target)
        return StepOutput(loss, *heads, units=self.units(batch))

    def predict(self, batch: SeriesBatch) -> Heads:
        statistics = batch.statistics if self.panel else None
        return self.by_head(self(batch.window, batch.calendar, statistics))
