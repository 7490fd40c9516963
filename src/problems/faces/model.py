"""Tells who is in a photo and how old: one trunk, two heads, one loss.

B: batch, H: height, W: width, C: people, K: outputs of a head.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from kindling.data.datamodule import DataModule, below_one
from kindling.data.dataset import FieldDataset
from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.errors import UserError
from kindling.images import ConvBlocks, ImageModule, Pixels
from kindling.images.outcome_figures import PhotoOutcome
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput
from problems.faces.data import FacesBatch
from problems.faces.heads import (
    AgeOutput,
    Classification,
    LossWeights,
    Regression,
    Weighting,
)

TOP = 5
PER_PERSON = {"precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score}


class FacesNet(nn.Module):
    """Convolutional blocks, the mean of each channel, and a linear layer for each head.

    Args:
        image_size: Pixels on a side.
        channels: Of each block.
        dropout: Share of the channels that the heads do not see, in training.
        outputs: Of each head.

    Shape:
        ``(B, 3, H, W)`` to ``(B, K)`` by head.

    References:
        Caruana, Multitask Learning, 1997, Machine Learning 28(1)
    """

    def __init__(
        self, image_size: int, channels: Sequence[int], dropout: float, outputs: Mapping[str, int]
    ) -> None:
        super().__init__()
        self.trunk = ConvBlocks(image_size, channels)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        width = self.trunk.out_channels
        self.heads = nn.ModuleDict({head: nn.Linear(width, k) for head, k in outputs.items()})
        self.to(memory_format=torch.channels_last)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.pool(self.trunk(x))
        return {head: layer(features) for head, layer in self.heads.items()}


class FacesModule(ImageModule):
    """Tells identity and age from a photo as bytes.

    The checkpoint carries the names of the people, the channels' mean and deviation, and of the
    training photos' ages mean, deviation and median.

    Args:
        classes: Names of the people.
        ages: The youngest and the oldest in training.
        image_size: Pixels on a side.
        channels: Of each convolutional block.
        dropout: Share of the last block's channels that is dropped in training.
        use_identity: Tell who it is.
        use_age: Tell how old.
        age_output: Age as a number, or as the expectation over whole years.
        weighting: Leave the weights of the losses as set, or learn them from there.
        identity_weight: Weight of the identity's loss, a cross-entropy.
        age_weight: Weight of the age's loss, in squared deviations or as a cross-entropy.
        rotation: Largest rotation of a training photo in degrees.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        ages: Sequence[float] = (),
        image_size: int = 64,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        dropout: float = 0.0,
        use_identity: bool = True,
        use_age: bool = True,
        age_output: AgeOutput = "regression",
        weighting: Weighting = "fixed",
        identity_weight: float = 1.0,
        age_weight: float = 1.0,
        rotation: float = 15.0,
        **settings: Any,
    ) -> None:
        if not (use_identity or use_age):
            raise UserError("model.use_identity=false and model.use_age=false: nothing to learn")
        below_one("model.dropout", dropout)
        heads: dict[str, Head] = {}
        outputs: dict[str, int] = {}
        if use_identity:
            heads["identity"], outputs["identity"] = _identity_head(classes), len(classes)
        if use_age:
            heads["age"] = _age_head(ages)
        super().__init__(heads, rotation, **settings)
        self.save_hyperparameters(logger=False)
        if use_age:
            self.age = Regression() if age_output == "regression" else Classification(ages)
            outputs["age"] = self.age.outputs
        self.pixels, self.net = Pixels(), FacesNet(image_size, channels, dropout, outputs)
        weights = {"identity": identity_weight, "age": age_weight}
        self.weights = LossWeights({head: weights[head] for head in heads}, weighting)
        self.shares: Tensor
        self.median: Tensor
        self.register_buffer("shares", torch.full((len(classes),), torch.nan))
        self.register_buffer("median", torch.full((), torch.nan))

    @property
    def backbone(self) -> nn.Module:
        """What sees the photo, for callbacks such as BackboneFinetuning."""
        return self.net.trunk

    def setup(self, stage: str) -> None:
        super().setup(stage)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and isinstance(data, DataModule):
            held_out = data.splits["val"].fields  # type: ignore[attr-defined]
            if not any(target_mask(held_out[head]).any() for head in self.heads):
                raise UserError(
                    f"no validation photo has a known {' or '.join(self.heads)} to choose the "
                    f"epoch by (data.by={data.by}); cut by image, or use both heads"  # type: ignore[attr-defined]
                )

    def fit_statistics(self, training: FieldDataset[FacesBatch]) -> None:
        """Take from the training photos what normalization and baselines need."""
        self.pixels.fit(training.shared["image"], training.fields["image"])
        known = {head: training.fields[head] for head in self.heads}
        known = {head: target[target_mask(target)] for head, target in known.items()}
        if "identity" in known:
            counts = torch.bincount(known["identity"], minlength=len(self.shares))
            self.shares.copy_(counts / counts.sum())
        if "age" in known:
            self.age.fit(known["age"])
            self.median.copy_(known["age"].quantile(0.5))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits ``(B, C)`` of the identity, and what the age is made of.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(self.pixels(image))  # type: ignore[no-any-return]

    def step(self, batch: FacesBatch) -> StepOutput:
        output = self(batch.image)
        targets = {head: getattr(batch, head) for head in self.heads}
        count = {head: target_mask(target).sum() for head, target in targets.items()}
        losses = {
            head: self._errors(head, output[head], target).sum() / count[head].clamp(min=1)
            for head, target in targets.items()
        }
        return StepOutput(self.weights(losses, count), self._predicted(output), targets, losses)

    def predict(self, batch: FacesBatch) -> Heads:
        return self._predicted(self(batch.image))

    def baselines(self, batch: FacesBatch) -> Mapping[str, Heads]:
        """The training shares as everybody's probabilities, and one age for all."""
        predicted = {
            "commonest identity": ("identity", self.shares.expand(len(batch.indices), -1)),
            "median age": ("age", self.median.expand(len(batch.indices))),
        }
        active = {name: pair for name, pair in predicted.items() if pair[0] in self.heads}
        return {", ".join(active): dict(active.values())}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        splits = self.trainer.datamodule.splits  # type: ignore[attr-defined]
        dataset = splits["test" if self.trainer.testing else "val"]
        photos = PhotoOutcome(dataset, "image", rows["file"], outcome)
        return {
            f"{name}_{picture}": figure
            for name, head in self.heads.items()
            for picture, figure in (
                photos.draw_classes(name, head.classes)
                if head.classes
                else photos.draw_numbers(name, "age in years")
            ).items()
        }

    def extra_metrics(self) -> Mapping[str, float]:
        """The learned weights."""
        weights = self.weights.by_head() if self.weights.learned else {}
        return {f"train/{self.named(head, 'weight')}": w for head, w in weights.items()}

    def _errors(self, head: str, output: Tensor, target: Tensor) -> Tensor:
        """Loss of each photo, ``(B,)``, 0 where the target is not known."""
        if head == "identity":
            return nn.functional.cross_entropy(
                output, target, ignore_index=IGNORE_INDEX, reduction="none"
            )
        # In the place of an unknown age any known one, since NaN times 0 would be NaN.
        there = target_mask(target)
        return self.age.loss(output, torch.where(there, target, self.median)) * there

    def _predicted(self, output: Mapping[str, Tensor]) -> Heads:
        """What each head says: probabilities of people, years."""
        predicted = {}
        if "identity" in output:
            predicted["identity"] = output["identity"].softmax(-1)
        if "age" in output:
            predicted["age"] = self.age.years(output["age"])
        return predicted


def _identity_head(classes: Sequence[str]) -> Head:
    count = len(classes)
    if count < 2:
        raise UserError(
            f"{count} people in training ({', '.join(classes)}): it takes two or more to "
            "tell apart (--data.identity), or --model.use_identity=false"
        )
    metrics: dict[str, Any] = {
        "accuracy": MulticlassAccuracy(count, average="micro"),
        f"top{TOP}": MulticlassAccuracy(count, top_k=min(TOP, count), average="micro"),
    }
    per_person: dict[str, Any] = {n: m(count, average=None) for n, m in PER_PERSON.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_person), optional=True)


def _age_head(ages: Sequence[float]) -> Head:
    if not ages:
        raise UserError(
            "no training photo has an age (--data.age): add some, or --model.use_age=false"
        )
    metrics: dict[str, Any] = {"mae": MeanAbsoluteError(), "rmse": MeanSquaredError(squared=False)}
    return Head(MetricCollection(metrics), optional=True)
