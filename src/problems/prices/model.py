"""Photos and table columns to a price, by one branch each.

B: batch, V: photos of a row, F: numbers, C: categories, H: height, W: width.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import (
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    Metric,
    MetricCollection,
    R2Score,
)

from kindling.data.dataset import FieldDataset
from kindling.data.numbers import at_least, below_one
from kindling.errors import UserError
from kindling.evaluation.photo_figures import PhotoOutcome
from kindling.images import ImageModule, ImageSize
from kindling.images.frozen import FrozenFeatures
from kindling.tables.layers import one_hot
from kindling.tables.normalize import Logarithms, Normalize
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Schedule
from problems.prices.data import PricesBatch
from problems.prices.net import (
    Loss,
    MedianAbsolutePercentageError,
    Merge,
    PhotoBranch,
    PricesNet,
    make_loss,
)

HEAD = "price"
BEYOND = 2.0
"""Deviations beyond the training prices that a prediction may go; further, it is a runaway."""


class PricesModule(ImageModule):
    """Predicts a price from a row's photos, numbers and categories.

    A branch without input is left out. The loss is of the standardized price or its logarithm;
    predictions and metrics are in the price's own unit. The checkpoint carries the training rows'
    statistics, and trees that are grown on them; training steps see the net without these.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        views: Photos of a row.
        image_size: Pixels on a side.
        log_price: Predict the price's logarithm.
        channels: Of each convolutional block.
        merge: Average the features of a row's photos, or keep each one's.
        backbone: Pretrained net of timm's for photos, frozen; null is these blocks.
        weights: Its weights, "default" or a file in timm's format.
        components: Principal components of its features kept of each photo.
        embedding: Width of a category.
        hidden: Widths of the table's layers.
        readout: Width of the layer behind the branches.
        dropout: Share of each layer that is dropped in training.
        hide: Share of categories that are hidden in training, so that unseen ones are learned.
        indicators: Tell the net which numbers are missing.
        logarithms: Take the logarithm of numbers that are less skewed by it.
        trees: Boosted trees, half of each prediction; 0 is the net alone.
        loss: Of the standardized price.
        quantile: Of prices, where l1 and trees aim; 0.5 is the median.
        rotation: Largest rotation of a training photo in degrees.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
    """

    image_field = "photos"

    center: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor
    median: Tensor

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        views: int = 0,
        image_size: ImageSize = 64,
        log_price: bool = True,
        channels: Sequence[int] = (8, 16, 32, 64, 64),
        merge: Merge = "average",
        backbone: str | None = None,
        weights: str | None = "default",
        components: int = 3,
        embedding: int = 8,
        hidden: Sequence[int] = (128, 64),
        readout: int = 32,
        dropout: float = 0.1,
        hide: float = 0.05,
        indicators: bool = True,
        logarithms: bool = True,
        trees: int = 0,
        loss: Loss = "l1",
        quantile: float = 0.5,
        rotation: float = 0.0,
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        schedule: Schedule = "cosine",
        **settings: Any,
    ) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
            "mape": MeanAbsolutePercentageError(),
            "median_ape": MedianAbsolutePercentageError(),
            "r2": R2Score(),
        }
        settings |= {"lr": lr, "weight_decay": weight_decay, "schedule": schedule}
        super().__init__(
            {HEAD: Head(MetricCollection(metrics))}, rotation, autocontrast=0.0, weights=weights,
            backbone=None, freeze=True, backbone_lr=1.0, cached_views=1, layers="last", **settings,
        )  # fmt: skip
        self.save_hyperparameters(logger=False)
        at_least("model.embedding", embedding, 1)
        at_least("model.readout", readout, 1)
        for width in hidden:
            at_least("model.hidden", width, 1)
        below_one("model.dropout", dropout)
        below_one("model.hide", hide)
        if not (features or vocabularies or views):
            raise UserError("no column to learn from: name numbers, categories or photos (data.)")
        self.log_price, self.loss = log_price, make_loss(loss, quantile)
        self.normalize = Normalize(features, indicators=indicators)
        self.logarithms = Logarithms(features) if logarithms else nn.Identity()
        photos: PhotoBranch | FrozenFeatures | None = None
        if views and backbone is not None:
            photos = FrozenFeatures(backbone, views, image_size, components, dropout)
        elif views:
            photos = PhotoBranch(views, image_size, channels, merge)
        numbers = self.normalize.out_features
        self.net = PricesNet(
            photos, numbers, vocabularies, embedding, hidden, readout, dropout, hide
        )
        self.vocabularies = tuple(vocabularies)
        grown = trees and self.net.table is not None
        self.trees = Trees("boosted", trees, quantile) if grown else None
        # Of the training prices, or their logarithms: mean, deviation, what a prediction may be
        # at least and at most; and their median as it is.
        for name in ("center", "scale", "low", "high", "median"):
            self.register_buffer(name, torch.full((), torch.nan))

    @property
    def backbone(self) -> nn.Module:
        """What sees the photos, for callbacks such as BackboneFinetuning."""
        if isinstance(self.net.photos, FrozenFeatures):
            raise UserError(
                f"model.backbone={self.net.photos.name}: stays frozen, its features are taken "
                "once; only the blocks of model.backbone=null can be frozen and trained later"
            )
        if self.net.photos is None:
            raise UserError("the model sees no photos, so that it has no backbone")
        return self.net.photos

    @property
    def sight(self) -> FrozenFeatures | None:
        return self.net.photos if isinstance(self.net.photos, FrozenFeatures) else None

    def fit_features(self, features: Tensor) -> None:
        if self.sight is not None and self.sight.center.isnan().any():  # no checkpoint has any
            self.sight.fit(features)

    def fit_statistics(self, training: FieldDataset[PricesBatch]) -> None:
        """Take from the training rows what normalization and baseline need."""
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        if isinstance(self.logarithms, Logarithms):
            self.logarithms.fit(numbers)
        self.normalize.fit(self.logarithms(numbers), training.names.get("numbers"))
        if isinstance(self.net.photos, PhotoBranch):
            shown = training.fields["photos"].unique()  # type: ignore[no-untyped-call]
            self.net.photos.pixels.fit(training.shared["photos"], shown)
        price = training.fields["price"].double()
        value = price.log() if self.log_price else price
        scale = value.std(correction=0)
        scale = scale if scale > 0 else torch.ones_like(scale)
        self.center.copy_(value.mean())
        self.scale.copy_(scale)
        self.low.copy_(value.min() - BEYOND * scale)
        self.high.copy_(value.max() + BEYOND * scale)
        self.median.copy_(price.quantile(0.5))
        if self.trees is not None:
            columns = self._columns(self._numbers(numbers), codes)
            self.trees.fit(columns, (value - self.center) / self.scale)

    def forward(self, photos: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Prices ``(B,)``.

        Shape:
            ``photos`` ``(B, V, 3, H, W)`` uint8, ``numbers`` ``(B, F)``, NaN where missing,
            ``codes`` ``(B, C)`` int64.
        """
        return self._price(self._standardized(self.net.look(photos), numbers, codes))

    def augmented(self, batch: PricesBatch) -> PricesBatch:
        return super().augmented(batch) if self.net.photos is not None else batch

    def step(self, batch: PricesBatch) -> StepOutput:
        value = self._standardized(self._seen(batch), batch.numbers, batch.codes)
        price = batch.price.log() if self.log_price else batch.price
        loss = self.loss(value, (price - self.center) / self.scale)
        return StepOutput(loss, {HEAD: self._price(value)}, {HEAD: batch.price})

    def predict(self, batch: PricesBatch) -> Heads:
        return {HEAD: self(batch.photos, batch.numbers, batch.codes)}

    def baselines(self, batch: PricesBatch) -> Mapping[str, Heads]:
        return {"training median": {HEAD: self.median.expand(len(batch.price))}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        samples = zip(*rows.values(), strict=True)
        names = [", ".join(map(" ".join, zip(rows, map(str, s), strict=True))) for s in samples]
        drawn = PhotoOutcome(self.evaluated, "photos", names, outcome)
        return drawn.draw_numbers(HEAD, data.target, self.log_price)

    def _seen(self, batch: PricesBatch) -> Tensor:
        """What the net's branch of photos tells of a batch's, ``(B, width)``."""
        photos = self.sight
        return self.net.look(batch.photos) if photos is None else photos.reduce(self.look(batch))

    def _standardized(self, seen: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """What the loss is of, ``(B,)``."""
        numbers = self._numbers(numbers)
        value: Tensor = self.net(seen, numbers, codes)
        if self.trees is None or self.training:
            return value
        grown: Tensor = self.trees(self._columns(numbers, codes))
        return (value + grown) / 2

    def _numbers(self, numbers: Tensor) -> Tensor:
        """As the net sees them."""
        return self.normalize(self.logarithms(numbers))  # type: ignore[no-any-return]

    def _columns(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """What trees see: the net's numbers, and a column for each value of each category."""
        return torch.cat([numbers, one_hot(codes, self.vocabularies)], 1)

    def _price(self, value: Tensor) -> Tensor:
        """In the price's unit, kept from running away: an exponential would overflow."""
        value = torch.clamp(self.center + self.scale * value, self.low, self.high)
        return value.exp() if self.log_price else value
