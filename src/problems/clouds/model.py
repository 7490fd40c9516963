"""Tells kinds of cloud apart: augmentation, normalization and net, from bytes to probabilities.

B: batch, H: height, W: width, C: classes.
"""

import math
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

from kindling.data.dataset import FieldDataset
from kindling.data.numbers import below_one
from kindling.errors import UserError
from kindling.evaluation.photo_figures import PhotoOutcome
from kindling.images import Backbone, ConvBlocks, ImageBatch, ImageModule, ImageSize, Pixels, sides
from kindling.images.augment import Mix, sample_seeds
from kindling.images.backbone import fit_once
from kindling.images.pretrained import TorchvisionNet
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput
from problems.clouds.figures import draw_augmentation, draw_net

HEAD = "cloud"
SCORES = {"precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score}
TOP, MANY = 5, 10
"""Of more than many classes, whether the right one is among the likeliest is scored too."""

Pool = Literal["flatten", "average"]


class LinearNet(nn.Sequential):
    """One weight for each pixel and class: what convolution has to beat.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.
    """

    def __init__(self, image_size: ImageSize, classes: int) -> None:
        pixels = 3 * math.prod(sides(image_size))
        super().__init__(nn.Flatten(), nn.Linear(pixels, classes))
        # From zero, or the noise of 50,000 random weights outweighs what there is to learn.
        nn.init.zeros_(self[1].weight)  # type: ignore[arg-type]


class ConvNet(nn.Module):
    """Convolutional blocks, then one linear classifier of each place or of each channel's mean.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.

    References:
        Lin et al., Network In Network (mean of each channel), 2014, arXiv:1312.4400
    """

    def __init__(
        self,
        image_size: ImageSize,
        classes: int,
        channels: Sequence[int],
        batch_norm: bool,
        pool: Pool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = ConvBlocks(image_size, channels, batch_norm)
        places = self.blocks.places if pool == "flatten" else 1
        squeeze = nn.Identity() if pool == "flatten" else nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            squeeze, nn.Flatten(), nn.Dropout(dropout), nn.Linear(places * channels[-1], classes)
        )

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier."""
        return self.blocks

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.blocks(x))  # type: ignore[no-any-return]


class BackboneNet(nn.Module):
    """A net that sees already, and one linear classifier of what it tells.

    Shape:
        ``(B, 3, H, W)`` uint8 to ``(B, C)``.
    """

    def __init__(self, encoder: Backbone, classes: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = nn.Sequential(
            encoder.normalization(), nn.Dropout(dropout), nn.Linear(encoder.features, classes)
        )

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier."""
        return self.encoder.trainable()

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(self.encoder(image))  # type: ignore[no-any-return]


class CloudsModule(ImageModule):
    """Tells the kind of cloud from a photo as bytes.

    The checkpoint carries the names of the classes, the channels' mean and deviation over the
    training photos (of pretrained weights, their own) and the training share of each class.

    Args:
        classes: Names of the classes.
        image_size: Pixels on a side.
        net: "conv", "linear" (one weight a pixel), or a torchvision net such as "resnet18".
        weights: Of the backbone, "default" or a file, or of a torchvision net, such as "DEFAULT";
            null starts afresh.
        backbone: A net of timm's that sees the photos, in the place of these.
        channels: Of each block of "conv".
        batch_norm: Normalize after each convolution of "conv".
        pool: What the classifier of "conv" sees, each place ("flatten") or each channel's mean.
        dropout: Share of the classifier's inputs that is dropped in training.
        label_smoothing: Of the training targets, the share that all classes have alike.
        class_weights: Weigh training photos so that each class counts alike, or all alike.
        mixup: Of the Beta distribution of shares in which two training photos are blended.
        cutmix: The same of the area of one photo that is pasted into another.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        image_size: ImageSize = 128,
        net: str = "conv",
        weights: str | None = None,
        backbone: str | None = None,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        batch_norm: bool = True,
        pool: Pool = "average",
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        class_weights: Literal["balanced"] | None = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        **settings: Any,
    ) -> None:
        super().__init__({HEAD: _head(classes)}, backbone=backbone, weights=weights, **settings)
        self.save_hyperparameters(logger=False)
        below_one("model.dropout", dropout)
        below_one("model.label_smoothing", label_smoothing)
        self.label_smoothing, self.class_weights = label_smoothing, class_weights
        if weights is not None and backbone is None and net in ("conv", "linear"):
            raise UserError(f"model.weights={weights}: {net} has none; they are of torchvision's")
        self.mix = Mix(mixup, cutmix)
        self.net: LinearNet | ConvNet | TorchvisionNet | BackboneNet
        if (encoder := self.make_backbone(image_size)) is not None:
            if self.mix and encoder.frozen:
                fault = "a frozen backbone sees photos once, before they could be mixed"
                raise UserError(f"model.mixup, model.cutmix: {fault}; --model.freeze=false")
            self.net = BackboneNet(encoder, len(classes), dropout)
        elif net == "linear":
            self.net = LinearNet(image_size, len(classes))
        elif net == "conv":
            self.net = ConvNet(image_size, len(classes), channels, batch_norm, pool, dropout)
        else:
            self.net = TorchvisionNet(net, weights, image_size, len(classes))
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

    @property
    def timm_backbone(self) -> Backbone | None:
        return self.net.encoder if isinstance(self.net, BackboneNet) else None

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and isinstance(self.net, TorchvisionNet) and not self.resumed:
            self.net.load_pretrained()

    def fit_features(self, features: Tensor) -> None:
        if isinstance(self.net, BackboneNet):
            fit_once(self.net.classifier[0], features)

    def fit_statistics(self, training: FieldDataset[ImageBatch]) -> None:
        """Take from the training photos what normalization and baseline need."""
        if isinstance(self.net, TorchvisionNet) and self.net.normalization is not None:
            self.pixels.set(*self.net.normalization)
        elif self.timm_backbone is None:
            self.pixels.fit(training.shared["image"], training.fields["image"])
        counts = torch.bincount(training.fields["label"], minlength=len(self.shares))
        self.shares.copy_(counts / counts.sum())

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(B, C)``.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(image if self.timm_backbone is not None else self.pixels(image))  # type: ignore[no-any-return]

    def augmented(self, batch: ImageBatch) -> ImageBatch:
        """The training batch augmented and, where asked, mixed: ``label`` is ``(B, C)`` then."""
        view: ImageBatch = super().augmented(batch)
        if not self.mix:
            return view
        seeds = sample_seeds(self.seed, self.current_epoch, view.indices)
        image, label = self.mix(view.image, view.label, len(self.shares), seeds)
        return view._replace(image=image, label=label)

    def step(self, batch: ImageBatch) -> StepOutput:
        if isinstance(self.net, BackboneNet):
            logits = self.net.classifier(self.look(batch))
        else:
            logits = self(batch.image)
        label = batch.label if batch.label.ndim == 1 else batch.label.argmax(-1)
        return StepOutput(self.loss(logits, batch.label), {HEAD: logits.softmax(-1)}, {HEAD: label})

    def loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """The cross-entropy; smoothed and weighted in training alone, so that epochs compare.

        Shape:
            ``label`` ``(B,)`` int64, or ``(B, C)``: shares of mixed photos.
        """
        if not self.training:
            return nn.functional.cross_entropy(logits, label)
        weight = 1 / (len(self.shares) * self.shares).clamp(min=1e-6)
        balanced = weight.to(logits.dtype) if self.class_weights == "balanced" else None
        return nn.functional.cross_entropy(
            logits, label, balanced, label_smoothing=self.label_smoothing
        )

    def predict(self, batch: ImageBatch) -> Heads:
        return {HEAD: self(batch.image).softmax(-1)}

    def baselines(self, batch: ImageBatch) -> Mapping[str, Heads]:
        return {"training majority": {HEAD: self.shares.expand(len(batch.label), -1)}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        photos = self.evaluated
        figures = PhotoOutcome(photos, "image", rows["file"], outcome).draw_classes(
            HEAD, self.heads[HEAD].classes, self.explain(self)
        )
        figures |= draw_net(self.net, self.pixels, photos[len(photos) // 2].image.to(self.device))
        if not self.trainer.testing and self.current_epoch == 0:
            figures["augmentation"] = draw_augmentation(
                self.training_split(), self.augment, self.seed
            )
        return figures


def _head(classes: Sequence[str]) -> Head:
    if len(classes) < 2:
        raise UserError(f"{len(classes)} classes ({', '.join(classes)}): it takes two or more")
    count = len(classes)
    metrics: dict[str, Any] = {"accuracy": MulticlassAccuracy(count, average="micro")}
    if count > MANY:
        metrics[f"top{TOP}"] = MulticlassAccuracy(count, top_k=TOP, average="micro")
    for average in ("macro", "weighted", "micro"):
        metrics |= {f"{n}_{average}": m(count, average=average) for n, m in SCORES.items()}
    per_class: dict[str, Any] = {n: m(count, average=None) for n, m in SCORES.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_class))
