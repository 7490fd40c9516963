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
from kindling.images import Backbone, ImageModule, ImageSize
from kindling.images.frozen import FrozenFeatures
from kindling.tables.layers import one_hot
from kindling.tables.normalize import Logarithms, Normalize
from kindling.tables.trees import Trees
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput
from problems.prices.data import PricesBatch
from problems.prices.net import (
    Loss,
    MedianAbsolutePercentageError,
    Merge,
    PhotoBranch,
    PriceScale,
    PricesNet,
    make_loss,
)

HEAD = "price"


class PricesModule(ImageModule):
    """Predicts a price from a row's photos, numbers and categories.

    A branch without input is left out. The loss is of the standardized price or its logarithm;
    predictions and metrics are in the price's own unit. The checkpoint carries the training rows'
    statistics, and trees that are grown on them; training steps leave these out.

    A backbone stays frozen, and only principal components of its features are used.

    Args:
        features: Numbers of a row.
        vocabularies: Known values of each category.
        views: Photos of a row.
        image_size: Pixels on a side.
        log_price: Predict the price's logarithm.
        channels: Channels of each convolutional block.
        merge: Average the features of a row's photos, or keep each one's.
        components: Principal components of a backbone's features that each photo keeps.
        embedding: Width of a category's embedding.
        hidden: Widths of the table's layers.
        readout: Width of the layer after the two branches.
        dropout: Share of each layer that is dropped in training.
        hide: Share of categories that are hidden in training, so that unseen ones are learned.
        indicators: Give the net an indicator of each missing number.
        logarithms: Take the logarithm of numbers that are less skewed by it.
        trees: Boosted trees, half of each prediction; 0 is the net alone.
        loss: Loss, of the standardized price.
        quantile: Quantile that l1 and trees predict; 0.5 is the median.
        rotation: Largest rotation of a training photo in degrees.
    """

    image_field = "photos"

    def __init__(
        self,
        features: int = 0,
        vocabularies: Sequence[int] = (),
        views: int = 0,
        image_size: ImageSize = 64,
        log_price: bool = True,
        channels: Sequence[int] = (8, 16, 32, 64, 64),
        merge: Merge = "average",
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
        **settings: Any,
    ) -> None:
        metrics: dict[str, Metric | MetricCollection] = {
            "mae": MeanAbsoluteError(),
            "rmse": MeanSquaredError(squared=False),
            "mape": MeanAbsolutePercentageError(),
            "median_ape": MedianAbsolutePercentageError(),
            "r2": R2Score(),
        }
        super().__init__(
            {HEAD: Head(MetricCollection(metrics))},
            rotation, autocontrast=0.0, freeze=True, backbone_lr=1.0, **settings,
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
        if views and (backbone := self.make_backbone(image_size)) is not None:
            photos = FrozenFeatures(backbone, views, components, dropout)
        elif views:
            photos = PhotoBranch(views, image_size, channels, merge)
        numbers = self.normalize.out_features
        self.net = PricesNet(
            photos, numbers, vocabularies, embedding, hidden, readout, dropout, hide
        )
        self.vocabularies = tuple(vocabularies)
        grown = trees and self.net.table is not None
        self.trees = Trees("boosted", trees, quantile) if grown else None
        self.scale = PriceScale(log_price)

    @property
    def backbone(self) -> nn.Module:
        """The branch of photos, for callbacks such as BackboneFinetuning."""
        if self.timm_backbone is not None:
            fault = "stays frozen; only the blocks of model.backbone=null can be trained later"
            raise UserError(f"model.backbone={self.timm_backbone.name}: {fault}")
        if self.net.photos is None:
            raise UserError("the model has no photos, so it has no backbone")
        return self.net.photos

    @property
    def timm_backbone(self) -> Backbone | None:
        return self.net.photos.backbone if isinstance(self.net.photos, FrozenFeatures) else None

    def fit_features(self, features: Tensor) -> None:
        if isinstance(self.net.photos, FrozenFeatures):
            self.net.photos.fit(features)

    def fit_statistics(self, training: FieldDataset[PricesBatch]) -> None:
        """Compute the statistics of the training rows for normalization and baseline."""
        numbers, codes = training.fields["numbers"], training.fields["codes"]
        if isinstance(self.logarithms, Logarithms):
            self.logarithms.fit(numbers)
        self.normalize.fit(self.logarithms(numbers), training.names.get("numbers"))
        if isinstance(self.net.photos, PhotoBranch):
            photos = training.fields["photos"].unique()  # type: ignore[no-untyped-call]
            self.net.photos.pixels.fit(training.shared["photos"], photos)
        self.scale.fit(training.fields["price"])
        if self.trees is not None:
            columns = self._columns(self._numbers(numbers), codes)
            self.trees.fit(columns, self.scale(training.fields["price"].double()))

    def forward(self, photos: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Prices ``(B,)``.

        Shape:
            ``photos`` ``(B, V, 3, H, W)`` uint8, ``numbers`` ``(B, F)``, NaN where missing,
            ``codes`` ``(B, C)`` int64.
        """
        return self.scale.price(self._standardized(self.net.encode(photos), numbers, codes))

    def augmented(self, batch: PricesBatch) -> PricesBatch:
        return super().augmented(batch) if self.net.photos is not None else batch

    def step(self, batch: PricesBatch) -> StepOutput:
        value = self._standardized(self._photo_features(batch), batch.numbers, batch.codes)
        loss = self.loss(value, self.scale(batch.price))
        return StepOutput(loss, {HEAD: self.scale.price(value)}, {HEAD: batch.price})

    def predict(self, batch: PricesBatch) -> Heads:
        return {HEAD: self(batch.photos, batch.numbers, batch.codes)}

    def baselines(self, batch: PricesBatch) -> Mapping[str, Heads]:
        return {"training median": {HEAD: self.scale.median.expand(len(batch.price))}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        samples = zip(*rows.values(), strict=True)
        names = [", ".join(map(" ".join, zip(rows, map(str, s), strict=True))) for s in samples]
        drawn = PhotoOutcome(self.evaluated, "photos", names, outcome)
        return drawn.draw_numbers(HEAD, data.target, self.log_price)

    def _photo_features(self, batch: PricesBatch) -> Tensor:
        """The features of a batch's photos, ``(B, width)``."""
        if isinstance(self.net.photos, FrozenFeatures):
            return self.net.photos.reduce(self.extract(batch))
        return self.net.encode(batch.photos)

    def _standardized(self, photos: Tensor, numbers: Tensor, codes: Tensor) -> Tensor:
        """Standardized prices ``(B,)``, of which the loss is."""
        numbers = self._numbers(numbers)
        value: Tensor = self.net(photos, numbers, codes)
        if self.trees is None or self.training:
            return value
        grown: Tensor = self.trees(self._columns(numbers, codes))
        return (value + grown) / 2

    def _numbers(self, numbers: Tensor) -> Tensor:
        """Normalized, as the net's input."""
        return self.normalize(self.logarithms(numbers))  # type: ignore[no-any-return]

    def _columns(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Inputs of trees: the net's numbers, and a column for each value of each category."""
        return torch.cat([numbers, one_hot(codes, self.vocabularies)], 1)
