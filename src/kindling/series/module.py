"""The base of modules that forecast: a head for each column, beside the naive forecasts.

B: batch, H: steps to forecast, V: columns to forecast, Q: quantiles.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kindling.series.metrics import check_quantiles, forecast_metrics
from kindling.series.windows import BASELINES, SeriesBatch, Windows, head_names
from kindling.training.metrics import Head, Heads
from kindling.training.module import Module


class SeriesModule(Module):
    """Has a head for each column to forecast, and scores all of them together if there are several.

    Args:
        targets: Names of the columns to forecast, V.
        horizon: Steps to forecast at once, H.
        panel: There are several series, each of which has statistics of its own.
        quantiles: Forecast these quantiles, such as [0.1,0.5,0.9]; the median is the forecast. None
            forecasts the mean.
    """

    dataset_class = Windows
    naive_errors: Tensor
    naive_mse: Tensor

    def __init__(
        self,
        targets: Sequence[str] = ("value",),
        horizon: int = 1,
        panel: bool = False,
        quantiles: Sequence[float] = (),
        **settings: Any,
    ) -> None:
        levels = check_quantiles(quantiles)
        names = head_names(targets)
        extended = horizon > 1 or len(names) > 1 or panel
        head = Head(forecast_metrics(extended, levels), optional=extended, quantiles=levels)
        super().__init__(dict.fromkeys(names, head), **settings)
        self.names, self.horizon, self.panel, self.extended = names, horizon, panel, extended
        self.quantiles = levels
        self.register_buffer("naive_mse", torch.full((len(BASELINES),), torch.inf))
        if levels:
            shape = (len(BASELINES), horizon, len(names), len(levels))
            self.register_buffer("naive_errors", torch.full(shape, torch.nan))

    def fit_naive_errors(self, batch: SeriesBatch) -> None:
        """The naive forecasts' errors in training, in deviations, and of quantiles those."""
        target = self.full_shape(batch.target)
        deviation = batch.statistics[:, None, :, 1].nan_to_num(1).clamp(min=1e-9)
        levels = torch.tensor(self.quantiles, dtype=torch.float64)
        for k, naive in enumerate(batch.naive.unbind(1)):
            errors = ((target - self.full_shape(naive)) / deviation).double()
            self.naive_mse[k] = errors.square().nanmean().nan_to_num(torch.inf)
            for step in range(self.horizon if self.quantiles else 0):
                found = torch.nanquantile(errors[:, step], levels, 0).T
                self.naive_errors[k, step] = found.nan_to_num(0)

    def baselines(self, batch: SeriesBatch) -> Mapping[str, Heads]:
        """The naive forecasts, first the one that errs least in training."""
        deviation, found = batch.statistics[:, None, :, 1, None], {}
        for k, (name, naive) in enumerate(batch.baselines().items()):
            values = self.full_shape(naive)
            if self.quantiles:
                values = values.unsqueeze(-1) + deviation * self.naive_errors[k]
            found[name] = self.by_head(values)
        errors = dict(zip(BASELINES, self.naive_mse.tolist(), strict=True))
        return dict(sorted(found.items(), key=lambda item: errors[item[0]]))

    def units(self, batch: SeriesBatch) -> Heads:
        """Each sample's error of the seasonal naive forecast in training, for MASE."""
        units = {name: batch.statistics[:, k, 2] for k, name in enumerate(self.names)}
        return units if self.extended else {}

    def scales(self, batch: SeriesBatch) -> Heads:
        """The standard deviation in training of each sample's series."""
        scales = {name: batch.statistics[:, k, 1] for k, name in enumerate(self.names)}
        return scales if self.extended else {}

    def full_shape(self, values: Tensor) -> Tensor:
        """A batch's targets or naive forecasts as ``(B, H, V)``, also where H or V is 1."""
        return values.reshape(-1, self.horizon, len(self.names))

    def by_head(self, values: Tensor) -> Heads:
        """Each column of ``(B, H, V)`` or ``(B, H, V, Q)``, without H where it is 1."""
        columns = values.unbind(2)
        columns = columns if self.horizon > 1 else tuple(part.squeeze(1) for part in columns)
        return dict(zip(self.names, columns, strict=True))

    def uncrossed(self, values: Tensor) -> Tensor:
        """Any numbers ``(..., Q)`` as rising ones: each is a positive step from the one before.

        The median stays what it is, and so does a forecast without quantiles.
        """
        if not self.quantiles:
            return values
        median = self.quantiles.index(0.5)
        below, middle, above = values.tensor_split([median, median + 1], -1)
        down = nn.functional.softplus(below.flip(-1)).cumsum(-1).flip(-1)
        up = nn.functional.softplus(above).cumsum(-1)
        return torch.cat([middle - down, middle, middle + up], -1)
