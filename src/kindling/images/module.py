"""What models of photos share: augmentation in training, and a pretrained backbone.

B: batch, V: photos of a sample, H: height, W: width, D: features of the net.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from kindling.data.datamodule import DataModule
from kindling.data.numbers import at_least, positive
from kindling.errors import UserError
from kindling.images.augment import Augment, Fill, sample_seeds
from kindling.images.backbone import Backbone, Layers
from kindling.images.explain import Logits, overlay
from kindling.images.read import ImageSize
from kindling.training.metrics import MANY_CLASSES, Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module

TestTime = Literal["none", "flip"]
LIKELIEST = 5


class ImageModule(Module):
    """A module that augments each training photo anew in every epoch.

    With a frozen backbone, which a problem returns as ``timm_backbone``, the features of
    ``cached_views`` views of each training photo are computed once, before the first epoch.

    The augmentation depends on the run's seed, the epoch and the photo alone, so that a resumed
    run draws the same. A problem that does not offer a setting gives it to
    ``super().__init__`` by name, and the command line has no such flag then.

    Args:
        rotation: Largest rotation of a training photo in degrees.
        flip: Probability that a training photo is flipped horizontally.
        autocontrast: Probability that a training photo's channels are stretched to full range.
        zoom: A training photo is scaled by up to 1 + zoom, up or down.
        light: A training photo is made brighter or darker by up to 1 + light.
        contrast: A training photo's contrast is raised or lowered by up to 1 + contrast.
        fill: What fills the corners of a rotated or scaled photo.
        crop: Smallest share of a training photo's area that a random crop keeps; 1 crops nothing.
        randaugment: Strength of two random operations on a training photo, from 0 to 30.
        shift: A training photo is moved by up to this share of its sides.
        tta: "flip" averages the predictions for a photo and its mirror image, also in tests.
        backbone: A net of timm's, instead of the problem's own.
        weights: Weights of the backbone: "default", a file, or null to start from scratch.
        freeze: Keep the backbone's weights, so that its features are computed once and cached.
        backbone_lr: Learning rate of the backbone, as a multiple of the others'.
        cached_views: Augmented views of each training photo whose features are cached.
        layers: Features of the backbone's last layer, or the texture at each of its stages.
        all_probabilities: Predict the probability of every class also if there are more than 30,
            instead of the five likeliest.
    """

    image_field: ClassVar[str] = "image"
    """Of the batch: ``(B, 3, H, W)`` uint8, or ``(B, V, 3, H, W)`` of several photos a sample."""

    def __init__(
        self,
        heads: Mapping[str, Head],
        rotation: float = 45.0,
        flip: float = 0.5,
        autocontrast: float = 0.5,
        zoom: float = 0.0,
        light: float = 0.0,
        contrast: float = 0.0,
        fill: Fill = "black",
        crop: float = 1.0,
        randaugment: int = 0,
        shift: float = 0.0,
        tta: TestTime = "none",
        backbone: str | None = None,
        weights: str | None = "default",
        freeze: bool = True,
        backbone_lr: float = 1.0,
        cached_views: int = 1,
        layers: Layers = "last",
        all_probabilities: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(_listed(heads, all_probabilities), **settings)
        self.augment = Augment(
            rotation, flip, autocontrast, zoom, light, contrast, fill, crop, randaugment, shift
        )
        self.tta, self.backbone_weights = tta, weights
        self.backbone_lr = positive("model.backbone_lr", backbone_lr)
        self.cached_views = at_least("model.cached_views", cached_views, 1)
        self._repeats = False  # photos in an epoch
        self._backbone = (backbone, freeze, layers, freeze or weights is not None)

    def make_backbone(self, image_size: ImageSize) -> Backbone | None:
        """The net that is named by the settings, without its weights yet."""
        name, frozen, layers, pretrained = self._backbone
        if name is None:
            return None
        return Backbone(name, image_size, frozen, layers, pretrained)

    @property
    def has_frozen_backbone(self) -> bool:
        """By the settings, before there is one."""
        name, frozen, *_ = self._backbone
        return name is not None and frozen

    @property
    def timm_backbone(self) -> Backbone | None:
        """The net that ``make_backbone`` has made, if any."""
        return None

    def setup(self, stage: str) -> None:
        backbone = self.timm_backbone
        if (name := self._backbone[0]) is not None and backbone is None:
            fault = f"{type(self).__name__} takes none here; one that does calls make_backbone"
            raise UserError(f"model.backbone={name}: {fault}")
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        self._repeats = getattr(data, "sampling", "shuffled") == "balanced"
        several = getattr(data, "multilabel", False)
        if several and not any(head.multilabel for head in self.heads.values()):
            fault = "predicts one class of a photo, and these have several labels"
            raise UserError(f"{type(self).__name__}: {fault}; derive it from ImageClassifier")
        super().setup(stage)
        if stage == "fit" and backbone is not None and not self.resumed:
            backbone.load(self.backbone_weights)
            self.cache_features(backbone)  # now, since what looks for a learning rate is next

    def on_fit_start(self) -> None:
        backbone = self.timm_backbone  # a resumed run has its weights now
        if backbone is not None and backbone.frozen and backbone.cache is None:
            self.cache_features(backbone)

    def cache_features(self, backbone: Backbone) -> None:
        """Compute the features of the training photos, and of validation if they stay the same."""
        data, training = self.trainer.datamodule, self.training_split()  # type: ignore[attr-defined]
        if not backbone.pretrained or training is None:
            return
        # A loader may have others than one knows of.
        known = isinstance(data, DataModule) and backbone.frozen
        splits = {"train": training, **({"val": data.splits["val"]} if known else {})}
        self._index = {split: s.fields[self.image_field] for split, s in splits.items()}
        photos = torch.cat([index.flatten() for index in self._index.values()])
        backbone.to(self.trainer.strategy.root_device)
        views = self.cached_views if backbone.frozen else 1
        backbone.cache_features(training.shared[self.image_field], photos, self._view, views)
        self.fit_features(backbone.cached(self._index["train"]))
        if not known:
            backbone.cache = None

    def fit_features(self, features: Tensor) -> None:
        """Take statistics of a pretrained backbone's features of the training photos.

        Shape:
            ``(N, D)``, or ``(N, V, D)`` of several photos a sample.
        """

    def on_fit_end(self) -> None:
        if self.timm_backbone is not None:
            self.timm_backbone.cache = None

    def extract(self, batch: Any) -> Tensor:
        """The backbone's features of a batch's photos, ``(B, D)`` or ``(B, V, D)``."""
        images: Tensor = getattr(batch, self.image_field)
        backbone = self.timm_backbone
        assert backbone is not None
        if backbone.cache is None:
            features: Tensor = backbone(images.flatten(0, -4))
            return features.reshape(*images.shape[:-3], -1)
        training = self.trainer.training
        index = self._index["train" if training else "val"].to(batch.indices.device)[batch.indices]
        view = self.draws(index) % self.cached_views if training else 0
        return backbone.cached(index, view)

    def draws(self, index: Tensor) -> Tensor:
        """A seed for each training photo, ``(B,)``, another one in every epoch.

        Where an epoch may have a photo several times, it is another one in every step.
        """
        number = self.global_step if self._repeats else self.current_epoch
        return sample_seeds(self.seed, number, index)

    def _view(self, photos: Tensor, index: Tensor, number: int) -> Tensor:
        in_training = self.augment.training
        view: Tensor = self.augment.train()(photos, sample_seeds(self.seed, number, index))
        self.augment.train(in_training)
        return view

    def augmented(self, batch: Any) -> Any:
        """The training batch with its photos augmented, each by a draw of its own."""
        if self.has_frozen_backbone:
            return batch
        images: Tensor = getattr(batch, self.image_field)
        index = batch.indices
        if images.ndim == 5:
            views = images.shape[1]
            index = (index[:, None] * views + torch.arange(views, device=index.device)).flatten()
        seeds = self.draws(index)
        augmented = self.augment(images.flatten(0, -4), seeds).reshape(images.shape)
        return batch._replace(**{self.image_field: augmented})

    def training_step(self, batch: Any) -> Tensor:
        return super().training_step(self.augmented(batch))

    def evaluated_step(self, batch: Any) -> StepOutput:
        step = self.step(batch)
        # In training, epochs are chosen by the photos as they are, for half the time.
        if self.tta == "none" or self.trainer.state.fn == TrainerFn.FITTING:
            return step
        return step._replace(predictions=self._with_mirrored(step.predictions, batch))

    def predict_step(self, batch: Any) -> EvalOutput:
        output = super().predict_step(batch)
        if self.tta == "none":
            return output
        return output._replace(predictions=self._with_mirrored(output.predictions, batch))

    def _with_mirrored(self, predictions: Heads, batch: Any) -> Heads:
        """The mean of predictions and of those of the batch's mirrored photos."""
        images: Tensor = getattr(batch, self.image_field)
        mirrored = self.predict(batch._replace(**{self.image_field: images.flip(-1)}))
        return {head: (value + mirrored[head]) / 2 for head, value in predictions.items()}

    def explain(self, logits: Logits) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Pictures of the evidence for classes, in a test of a model that is not sharded."""
        whole = self.trainer.testing and self.device_mesh is None
        several = any(head.multilabel for head in self.heads.values())
        return partial(overlay, self, logits, multilabel=several) if whole else None

    def parameter_groups(self) -> list[dict[str, Any]]:
        groups = super().parameter_groups()
        if self.timm_backbone is None or self.backbone_lr == 1:
            return groups
        inside = {id(p) for p in self.timm_backbone.parameters()}
        [everything] = (group["params"] for group in groups)
        head = [p for p in everything if id(p) not in inside]
        body = [p for p in everything if id(p) in inside]
        return [{"params": head}, {"params": body, "lr": self.lr * self.backbone_lr}]


def _listed(heads: Mapping[str, Head], all_probabilities: bool) -> dict[str, Head]:
    """Heads of many classes, of which predictions list the likeliest."""
    many = {
        n
        for n, head in heads.items()
        if len(head.classes) > MANY_CLASSES and not (head.multilabel or all_probabilities)
    }
    return {n: replace(h, likeliest=LIKELIEST) if n in many else h for n, h in heads.items()}
