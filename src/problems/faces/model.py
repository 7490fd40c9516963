"""Predicts who is in a photo and how old: one trunk, two heads, one loss.

B: batch, H: height, W: width, C: people, K: outputs of a head.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.datamodule import DataModule
from kindling.data.dataset import FieldDataset
from kindling.data.numbers import below_one
from kindling.data.targets import target_mask
from kindling.errors import UserError
from kindling.evaluation.photo_figures import PhotoOutcome
from kindling.images import Backbone, ConvBlocks, ImageModule, ImageSize, Pixels, class_head
from kindling.images.backbone import fit_once
from kindling.training.metrics import Head, Heads, StepOutput
from kindling.training.module import EvalOutput
from problems.faces.data import FacesBatch
from problems.faces.heads import (
    AgeOutput,
    Classification,
    Identity,
    LossWeights,
    Regression,
    Weighting,
)
from problems.faces.net import FacesNet


class FacesModule(ImageModule):
    """Predicts identity and age from a photo as bytes.

    The checkpoint carries the names of the people, the channels' mean and deviation, and of the
    training photos' ages mean, deviation and median.

    Args:
        classes: Names of the people.
        ages: The youngest and the oldest in training.
        image_size: Pixels on a side.
        channels: Channels of each convolutional block.
        dropout: Share of the heads' inputs that is dropped in training.
        use_identity: Predict who it is.
        use_age: Predict how old.
        age_output: Age as a number, or as the expectation over whole years.
        weighting: "fixed" keeps the weights of the losses; "uncertainty" learns them.
        identity_weight: Weight of the identity's loss, a cross-entropy.
        age_weight: Weight of the age's loss, in squared deviations or as a cross-entropy.
        rotation: Largest rotation of a training photo in degrees.
    """

    def __init__(
        self,
        classes: Sequence[str] = (),
        ages: Sequence[float] = (),
        image_size: ImageSize = 64,
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
        objectives: dict[str, Identity | Regression] = {}
        heads, weighted = {}, {}
        if use_identity:
            objectives["identity"], weighted["identity"] = Identity(classes), identity_weight
            heads["identity"] = class_head(classes, averages=(), top=5, optional=True)
        if use_age:
            regression = age_output == "regression"
            objectives["age"] = Regression(ages) if regression else Classification(ages)
            heads["age"], weighted["age"] = _age_head(), age_weight
        super().__init__(heads, rotation, **settings)
        self.save_hyperparameters(logger=False)
        self.objectives, self.pixels = nn.ModuleDict(objectives), Pixels()
        outputs = {head: part.outputs for head, part in objectives.items()}
        trunk = self.make_backbone(image_size) or ConvBlocks(image_size, channels)
        self.net = FacesNet(trunk, dropout, outputs)
        self.weights = LossWeights(weighted, weighting)

    @property
    def backbone(self) -> nn.Module:
        """All but the heads, for callbacks such as BackboneFinetuning."""
        return self.net.trunk if self.timm_backbone is None else self.timm_backbone.trainable()

    @property
    def timm_backbone(self) -> Backbone | None:
        return self.net.trunk if isinstance(self.net.trunk, Backbone) else None

    def setup(self, stage: str) -> None:
        super().setup(stage)
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if stage == "fit" and isinstance(data, DataModule):
            held_out = data.splits["val"].fields  # type: ignore[attr-defined]
            if not any(target_mask(held_out[head]).any() for head in self.heads):
                raise UserError(
                    f"no validation photo has a known {' or '.join(self.heads)} to choose the "
                    f"epoch by (data.by={data.by}); cut by image, or use both heads"  # type: ignore[attr-defined]
                )

    def fit_features(self, features: Tensor) -> None:
        fit_once(self.net.pool[0], features)

    def fit_statistics(self, training: FieldDataset[FacesBatch]) -> None:
        """Compute the statistics of the training photos for normalization and baselines."""
        if self.timm_backbone is None:
            self.pixels.fit(training.shared["image"], training.fields["image"])
        for head, part in self._parts():
            target = training.fields[head]
            part.fit(target[target_mask(target)])

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits ``(B, C)`` of the identity, and what the age is made of.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(image if self.timm_backbone is not None else self.pixels(image))  # type: ignore[no-any-return]

    def step(self, batch: FacesBatch) -> StepOutput:
        pretrained = self.timm_backbone is not None
        output = self.net.read_out(self.extract(batch)) if pretrained else self(batch.image)
        targets = {head: getattr(batch, head) for head in self.heads}
        known = {head: target_mask(target).sum() for head, target in targets.items()}
        losses = {
            head: part.loss(output[head], targets[head]).sum() / known[head].clamp(min=1)
            for head, part in self._parts()
        }
        return StepOutput(self.weights(losses, known), self._predicted(output), targets, losses)

    def predict(self, batch: FacesBatch) -> Heads:
        return self._predicted(self(batch.image))

    def baselines(self, batch: FacesBatch) -> Mapping[str, Heads]:
        """The training shares as everybody's probabilities, and one age for all."""
        name = ", ".join(part.baseline_name for _, part in self._parts())
        size = len(batch.indices)
        return {name: {h: p.baseline.expand(size, *p.baseline.shape) for h, p in self._parts()}}

    def figures(self, rows: Mapping[str, Any], outcome: EvalOutput) -> Mapping[str, Figure]:
        photos = PhotoOutcome(self.evaluated, "image", rows["file"], outcome)
        figures: dict[str, Figure] = {}
        for name, head in self.heads.items():
            classes = head.classes
            drawn = (
                photos.draw_classes(name, classes, self.explain(lambda x: self(x)["identity"]))
                if classes
                else photos.draw_numbers(name, "age in years")
            )
            figures |= {f"{name}_{picture}": figure for picture, figure in drawn.items()}
        return figures

    def extra_metrics(self) -> Mapping[str, float]:
        """The learned weights."""
        weights = self.weights.by_head() if self.weights.learned else {}
        return {f"train/{self.named(head, 'weight')}": w for head, w in weights.items()}

    def _predicted(self, output: Mapping[str, Tensor]) -> Heads:
        return {head: part.predict(output[head]) for head, part in self._parts()}

    def _parts(self) -> Iterable[tuple[str, Identity | Regression]]:
        return self.objectives.items()  # type: ignore[return-value]


def _age_head() -> Head:
    metrics: dict[str, Any] = {"mae": MeanAbsoluteError(), "rmse": MeanSquaredError(squared=False)}
    return Head(MetricCollection(metrics), optional=True)
