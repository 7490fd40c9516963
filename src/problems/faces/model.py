"""Tells who is in a photo and how old: one trunk, two heads, one loss.

B: batch, H: height, W: width, C: people.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

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

from kindling.data.datamodule import DataModule, SplitName, below_one
from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.errors import UserError
from kindling.images import Augment, Pixels, sample_seeds
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module, Schedule
from problems.faces.ages import age_head
from problems.faces.figures import draw
from problems.faces.net import FacesNet
from problems.faces.photos import Faces, FacesBatch
from problems.faces.weighting import LossWeights

TOP = 5
PER_PERSON = {"precision": MulticlassPrecision, "recall": MulticlassRecall, "f1": MulticlassF1Score}


class FacesModule(Module):
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
        rotation: Largest turn of a training photo in degrees; mirrored ones turn the other way.
        flip: Probability that a training photo is mirrored.
        autocontrast: Probability that a training photo's channels are stretched.
        lr: Learning rate.
        weight_decay: Decoupled weight decay.
        schedule: Learning rate over the epochs.
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
        age_output: Literal["regression", "classification"] = "regression",
        weighting: Literal["fixed", "uncertainty"] = "fixed",
        identity_weight: float = 1.0,
        age_weight: float = 1.0,
        rotation: float = 15.0,
        flip: float = 0.5,
        autocontrast: float = 0.5,
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
    ) -> None:
        if not (use_identity or use_age):
            raise UserError("model.use_identity=false and model.use_age=false: nothing to learn")
        below_one("model.dropout", dropout)
        heads, outputs, weights = {}, {}, {}
        if use_identity:
            heads["identity"], weights["identity"] = _identity_head(classes), identity_weight
            outputs["identity"] = len(classes)
        if use_age:
            heads["age"], weights["age"] = _age_head(), age_weight
        super().__init__(heads, lr, weight_decay, schedule)
        self.save_hyperparameters(logger=False)
        if use_age:
            self.age = age_head(age_output, ages)
            outputs["age"] = self.age.outputs
        self.augment, self.pixels = Augment(rotation, flip, autocontrast), Pixels()
        self.net = FacesNet(image_size, channels, dropout, outputs)
        self.weights = LossWeights(weights, weighting)
        self.shares: Tensor
        self.median: Tensor
        self.register_buffer("shares", torch.full((len(classes),), torch.nan))
        self.register_buffer("median", torch.full((), torch.nan))

    @property
    def backbone(self) -> nn.Module:
        """What sees the photo, for callbacks such as BackboneFinetuning."""
        return self.net.trunk

    def setup(self, stage: str) -> None:
        if stage != "fit":
            return
        if training := self.training_split(Faces):
            self.fit_statistics(training)
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        if isinstance(data, DataModule):
            self._check_held_out(data)

    def _check_held_out(self, data: Any) -> None:
        """That there is something to choose the epoch by."""
        held_out = data.photos("val")
        there = {
            "identity": target_mask(held_out.identity).any(),
            "age": target_mask(held_out.age).any(),
        }
        if not any(there[head] for head in self.heads):
            raise UserError(
                f"no validation photo has a known {' or '.join(self.heads)} to choose the epoch by "
                f"(data.by={data.by}); cut by image, or use both heads"
            )

    def fit_statistics(self, training: Faces) -> None:
        """Take from the training photos what normalization and baselines need."""
        self.pixels.fit(training.images, training.rows)
        if "identity" in self.heads:
            people = training.identity[target_mask(training.identity)]
            counts = torch.bincount(people, minlength=len(self.shares))
            self.shares.copy_(counts / counts.sum())
        if "age" in self.heads:
            age = training.age[target_mask(training.age)]
            self.age.fit(age)
            self.median.copy_(age.quantile(0.5))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits ``(B, C)`` of the identity, and what the age is made of.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(self.pixels(image))  # type: ignore[no-any-return]

    def training_step(self, batch: FacesBatch) -> Tensor:
        seeds = sample_seeds(self.seed, self.current_epoch, batch.indices)
        return super().training_step(batch._replace(image=self.augment(batch.image, seeds)))

    def step(self, batch: FacesBatch) -> StepOutput:
        output = self(batch.image)
        every = {"identity": batch.identity, "age": batch.age}
        targets = {head: every[head] for head in self.heads}
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
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        split: SplitName = "test" if self.trainer.testing else "val"
        people = self.heads["identity"].classes if "identity" in self.heads else ()
        return draw(people, data.photos(split), outcome)

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
    if len(classes) < 2:
        raise UserError(
            f"{len(classes)} people in training ({', '.join(classes)}): it takes two or more to "
            "tell apart (--data.identity), or --model.use_identity=false"
        )
    count = len(classes)
    metrics: dict[str, Any] = {
        "accuracy": MulticlassAccuracy(count, average="micro"),
        f"top{TOP}": MulticlassAccuracy(count, top_k=min(TOP, count), average="micro"),
    }
    per_person: dict[str, Any] = {n: m(count, average=None) for n, m in PER_PERSON.items()}
    return Head(MetricCollection(metrics), classes, MetricCollection(per_person), optional=True)


def _age_head() -> Head:
    metrics: dict[str, Any] = {"mae": MeanAbsoluteError(), "rmse": MeanSquaredError(squared=False)}
    return Head(MetricCollection(metrics), optional=True)
