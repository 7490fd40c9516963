"""Tells kinds of cloud apart: augmentation, normalization and net, from bytes to probabilities.

B: batch, H: height, W: width, C: classes.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from kindling.data.datamodule import SplitName, below_one
from kindling.errors import UserError
from kindling.images import Augment, Pixels, sample_seeds
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module, Schedule
from problems.clouds.figures import draw
from problems.clouds.net import Backbone, ConvNet, LinearNet, first_filters
from problems.clouds.photos import CloudsBatch, Photos
from problems.clouds.views import draw_augmentation, draw_feature_maps, draw_filters

HEAD = "cloud"
SCORES = {"precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score}


class CloudsModule(Module):
    """Tells the kind of cloud from a photo as bytes.

    The checkpoint carries the names of the classes, the channels' mean and deviation over the
    training photos (of pretrained weights, their own) and the training share of each class.

    Args:
        classes: Names of the classes.
        image_size: Pixels on a side.
        net: "conv", "linear" (one weight a pixel), or a torchvision net such as "resnet18".
        weights: Pretrained weights of a torchvision net, such as "DEFAULT"; null starts afresh.
        channels: Of each block of "conv".
        batch_norm: Normalize after each convolution of "conv".
        pool: What the classifier of "conv" sees, each place ("flatten") or each channel's mean.
        dropout: Share of the classifier's inputs that is dropped in training, of "conv".
        rotation: Largest turn of a training photo in degrees.
        flip: Probability that a training photo is mirrored.
        autocontrast: Probability that a training photo's channels are stretched.
        zoom: A training photo is scaled by up to 1 + zoom, up or down.
        light: A training photo is made brighter or darker by up to 1 + light.
        contrast: A training photo's contrast is raised or lowered by up to 1 + contrast.
        fill: What comes into view at the edges of a turned or scaled photo.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        image_size: int = 128,
        net: str = "conv",
        weights: str | None = None,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        batch_norm: bool = True,
        pool: Literal["flatten", "average"] = "average",
        dropout: float = 0.0,
        rotation: float = 45.0,
        flip: float = 0.5,
        autocontrast: float = 0.5,
        zoom: float = 0.0,
        light: float = 0.0,
        contrast: float = 0.0,
        fill: Literal["black", "mirror"] = "black",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        super().__init__({HEAD: _head(classes)}, lr, weight_decay, schedule)
        self.save_hyperparameters(logger=False)
        below_one("model.dropout", dropout)
        if weights is not None and net in ("conv", "linear"):
            raise UserError(f"model.weights={weights}: {net} has none; they are of torchvision's")
        self.image_size = image_size
        self.augment = Augment(rotation, flip, autocontrast, zoom, light, contrast, fill)
        self.net: LinearNet | ConvNet | Backbone
        if net == "linear":
            self.net = LinearNet(image_size, len(classes))
        elif net == "conv":
            self.net = ConvNet(image_size, len(classes), channels, batch_norm, pool, dropout)
        else:
            self.net = Backbone(net, weights, image_size, len(classes))
        self.net.to(memory_format=torch.channels_last)
        self.pixels = Pixels()
        self.shares: Tensor
        self.register_buffer("shares", torch.full((len(classes),), torch.nan))

    @property
    def backbone(self) -> nn.Module:
        """What sees the photo, for callbacks such as BackboneFinetuning."""
        if isinstance(self.net, LinearNet):
            raise UserError("model.net=linear has no backbone")
        return self.net.backbone

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        if training := self.training_split(Photos):
            self.fit_statistics(training)
        if isinstance(self.net, Backbone) and not self.resumed:
            self.net.load_pretrained()

    def fit_statistics(self, training: Photos) -> None:
        """Take from the training photos what normalization and baseline need."""
        if isinstance(self.net, Backbone) and self.net.normalization is not None:
            self.pixels.set(*map(torch.tensor, self.net.normalization))
        else:
            self.pixels.fit(training.images, training.rows)
        counts = torch.bincount(training.label, minlength=len(self.shares))
        self.shares.copy_(counts / counts.sum())

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(B, C)``.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(self.pixels(image))  # type: ignore[no-any-return]

    def training_step(self, batch: CloudsBatch) -> Tensor:
        seeds = sample_seeds(self.seed, self.current_epoch, batch.indices)
        return super().training_step(batch._replace(image=self.augment(batch.image, seeds)))

    def step(self, batch: CloudsBatch) -> StepOutput:
        logits = self(batch.image)
        loss = nn.functional.cross_entropy(logits, batch.label)
        return StepOutput(loss, {HEAD: logits.softmax(-1)}, {HEAD: batch.label})

    def predict(self, batch: CloudsBatch) -> Heads:
        return {HEAD: self(batch.image).softmax(-1)}

    def baselines(self, batch: CloudsBatch) -> Mapping[str, Heads]:
        return {"training majority": {HEAD: self.shares.expand(len(batch.label), -1)}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        split: SplitName = "test" if self.trainer.testing else "val"
        photos = data.photos(split)
        figures = {**draw(HEAD, self.heads[HEAD].classes, photos, rows["file"], outcome)}
        filters = first_filters(self.net, self.image_size)
        if filters is not None:
            figures["filters"] = draw_filters(filters)
        if isinstance(self.net, ConvNet):
            image = photos[len(photos) // 2].image
            x = self.pixels(image[None].to(self.device))
            figures["feature_maps"] = draw_feature_maps(self.net, image, x)
        if not self.trainer.testing and self.current_epoch == 0:
            augment = copy.deepcopy(self.augment).train()
            figures["augmentation"] = draw_augmentation(data.training, augment, self.seed)
        return figures


def _head(classes: Sequence[str]) -> Head:
    if len(classes) < 2:
        raise UserError(f"{len(classes)} classes ({', '.join(classes)}): it takes two or more")
    count = len(classes)
    metrics: dict[str, Any] = {"accuracy": MulticlassAccuracy(count, average="micro")}
    for average in ("macro", "weighted", "micro"):
        metrics |= {f"{n}_{average}": m(count, average=average) for n, m in SCORES.items()}
    per_class: dict[str, Any] = {n: m(count, average=None) for n, m in SCORES.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_class))
