"""Windows relative to their last values, as nets, linear models and trees take them.

B: batch, T: time steps, H: steps to forecast, V: columns to forecast, L: these and their lags,
C: calendar columns, F: all that is known of a step.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from kindling.series.windows import SeriesBatch

RECENT = 12
"""Steps of a window that trees see."""

SMALL = 1e-9
"""Below which a deviation is taken for it."""


class Relative(NamedTuple):
    """A batch's windows: ``last`` values and the ``unit`` of changes, ``(B, 1, V)``, and steps.

    ``steps`` ``(B, T, F)``: how far values are from the last ones, in units, then each step's
    change from the one before, how far values are from the mean, in deviations, and the calendar.
    ``columns`` are for a linear model, all changes and the last step's level and calendar;
    ``recent`` for trees, of a window the first step and the last few.
    """

    last: Tensor
    unit: Tensor
    steps: Tensor
    columns: Tensor
    recent: Tensor


class RelativeWindows(nn.Module):
    """Windows relative to their last values, and forecasts of changes in the series' units.

    Args:
        values: Values of a step, L.
        columns: Of them, those to forecast, V.
        panel: Scale each of several series by its own deviation.
        logarithm: Of values, which are positive.

    Shape:
        Windows ``(B, T, L)`` in double precision, calendar ``(B, T, C)``, statistics ``(B, V, 3)``.
    """

    center: Tensor
    scale: Tensor
    unit: Tensor
    floor: Tensor

    def __init__(self, values: int, columns: int, panel: bool, logarithm: bool) -> None:
        super().__init__()
        self.values, self.columns, self.panel, self.logarithm = values, columns, panel, logarithm
        for name in ("center", "scale", "unit", "floor"):
            self.register_buffer(name, torch.full((columns,), torch.nan, dtype=torch.float64))

    def sizes(self, window: int, calendar: int) -> tuple[int, int, int]:
        """Widths of ``steps``, ``columns`` and ``recent``."""
        rest = self.columns + calendar
        recent = min(RECENT + 1, window) * self.columns + self.values - self.columns
        return 2 * self.values + rest, window * self.values + rest, recent + rest

    def fit(self, batch: SeriesBatch, target: Tensor) -> None:
        """Take the statistics of training windows and their targets ``(B, H, V)``."""
        self.floor.copy_(target.nan_to_num(torch.inf).amin((0, 1)).clamp(min=SMALL) / 2)
        values = self.transformed(target)
        self.center.copy_(values.nanmean((0, 1)))
        self.scale.copy_((values - self.center).square().nanmean((0, 1)).sqrt().clamp(min=SMALL))
        self.unit.fill_(1)
        windows = self(batch.window, batch.calendar, batch.statistics)
        first = self.changes(target[:, :1], windows)
        self.unit.copy_(first.square().nanmean((0, 1)).sqrt().clamp(min=SMALL))

    def forward(self, window: Tensor, calendar: Tensor, statistics: Tensor | None) -> Relative:
        values = self.transformed(window.reshape(*window.shape[:2], -1, self.columns))
        center, scale = self.center[None, None], self.scale[None, None]
        if self.panel and statistics is not None:
            center, scale = statistics[:, None, :, 0], statistics[:, None, :, 1]
        last, unit = values[:, -1:, 0], scale * self.unit
        # Differences of values in double precision are exact, and small enough for single.
        changes = ((values - last[:, :, None]) / unit[:, :, None]).flatten(2)
        level = (values[:, :, 0] - center) / scale
        parts = (changes, changes.diff(dim=1, prepend=changes[:, :1]), level)
        steps = torch.cat([*(part.to(calendar) for part in parts), calendar], -1)
        own, lags = steps[..., : self.values].tensor_split([self.columns], -1)
        rest = steps[:, -1, 2 * self.values :]
        few = torch.cat([own[:, :1], own[:, 1:][:, -RECENT:]], 1).flatten(1)
        return Relative(
            last,
            unit,
            steps,
            torch.cat([steps[..., : self.values].flatten(1), rest], 1),
            torch.cat([few, lags[:, -1], rest], 1),
        )

    def changes(self, target: Tensor, relative: Relative) -> Tensor:
        """Targets ``(B, H, V)`` as changes from the last values, in units."""
        return (self.transformed(target) - relative.last) / relative.unit

    def forecast(self, changes: Tensor, relative: Relative) -> Tensor:
        """The values that changes ``(B, H, V)`` lead to."""
        values = relative.last + relative.unit * changes
        return values.exp() if self.logarithm else values

    def transformed(self, values: Tensor) -> Tensor:
        """What is forecast of values ``(..., V)``: they, or their logarithm."""
        return values.maximum(self.floor).log() if self.logarithm else values

    def subsets(self, window: int, calendar: int) -> list[Tensor]:
        """Columns that a linear model may do with: a shorter window, the last of the lags."""
        step = torch.arange(window)[:, None] - window
        lag = torch.arange(self.values)[None] >= self.columns
        rest = torch.ones(self.columns + calendar, dtype=torch.bool)
        found = []
        for length in (window, window // 2, window // 4, window // 8):
            for last in (length, 2):
                kept = torch.where(lag, step >= -last, step >= -length) & (length > 0)
                found.append(torch.cat([kept.flatten(), rest]).nonzero()[:, 0])
        return found
