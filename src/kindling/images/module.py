"""What models of photos share: augmentation in training, and a net that sees photos already.

B: batch, V: photos of a sample, H: height, W: width, D: features of the net.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from kindling.data.datamodule import DataModule
from kindling.images.augment import Augment, Fill, sample_seeds
from kindling.images.backbone import Backbone
from kindling.training.metrics import Head
from kindling.training.module import Module


class ImageModule(Module):
    """A module that sees training photos in a new view in every epoch.

    With a frozen backbone, which a problem names as ``sight``, the views are made before the first
    epoch, ``cached_views`` of each training photo, and the backbone looks at each of them once.

    What is drawn depends on the run's seed, the epoch and the photo alone, so that a resumed run
    draws what it would have drawn. A problem that does not offer a setting gives it to
    ``super().__init__`` by name, and the command line has no such flag then.

    Args:
        rotation: Largest rotation of a training photo in degrees.
        flip: Probability that a training photo is flipped horizontally.
        autocontrast: Probability that a training photo's channels are stretched to full range.
        zoom: A training photo is scaled by up to 1 + zoom, up or down.
        light: A training photo is made brighter or darker by up to 1 + light.
        contrast: A training photo's contrast is raised or lowered by up to 1 + contrast.
        fill: What comes into view at the edges of a rotated or scaled photo.
    """

    backbone_weights: str | None = None
    cached_views: int = 1

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
        **settings: Any,
    ) -> None:
        super().__init__(heads, **settings)
        self.augment = Augment(rotation, flip, autocontrast, zoom, light, contrast, fill)

    @property
    def sight(self) -> Backbone | None:
        """The net that sees already, if there is one."""
        return None

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if stage == "fit" and self.sight is not None and not self.resumed:
            self.sight.load(self.backbone_weights)
            self.look_once(self.sight)  # now, since what looks for a learning rate is next

    def on_fit_start(self) -> None:
        if self.sight is not None and self.sight.seen is None:  # a resumed run has its weights now
            self.look_once(self.sight)

    def look_once(self, sight: Backbone) -> None:
        """Look at the photos of training and validation, where the backbone is frozen."""
        data, training = self.trainer.datamodule, self.training_split()  # type: ignore[attr-defined]
        if not sight.frozen or training is None:
            return
        known = isinstance(data, DataModule)  # a loader may have others than one knows of
        splits = {"train": training, **({"val": data.splits["val"]} if known else {})}
        self._index = {split: s.fields[self.image_field] for split, s in splits.items()}
        shown = torch.cat([index.flatten() for index in self._index.values()])
        sight.to(self.trainer.strategy.root_device)
        sight.remember(training.shared[self.image_field], shown, self._view, self.cached_views)
        self.fit_features(sight.recall(self._index["train"]))
        if not known:
            sight.seen = None

    def fit_features(self, features: Tensor) -> None:
        """Take statistics of what a frozen backbone tells of the training photos.

        Shape:
            ``(N, D)``, or ``(N, V, D)`` of several photos a sample.
        """

    def on_fit_end(self) -> None:
        if self.sight is not None:
            self.sight.seen = None

    def look(self, batch: Any) -> Tensor:
        """What the backbone tells of a batch's photos, ``(B, D)`` or ``(B, V, D)``."""
        images: Tensor = getattr(batch, self.image_field)
        assert self.sight is not None
        if self.sight.seen is None:
            return self.sight.see(images.flatten(0, -4)).reshape(*images.shape[:-3], -1)
        training = self.trainer.training
        index = self._index["train" if training else "val"].to(batch.indices.device)[batch.indices]
        seeds = sample_seeds(self.seed, self.current_epoch, index)
        return self.sight.recall(index, seeds % self.cached_views if training else 0)

    def _view(self, photos: Tensor, index: Tensor, number: int) -> Tensor:
        in_training = self.augment.training
        view: Tensor = self.augment.train()(photos, sample_seeds(self.seed, number, index))
        self.augment.train(in_training)
        return view

    def augmented(self, batch: Any) -> Any:
        """The training batch with its photos augmented, each by a draw of its own."""
        if self.sight is not None and self.sight.frozen:
            return batch
        images: Tensor = getattr(batch, self.image_field)
        index = batch.indices
        if images.ndim == 5:
            views = images.shape[1]
            index = (index[:, None] * views + torch.arange(views, device=index.device)).flatten()
        seeds = sample_seeds(self.seed, self.current_epoch, index)
        augmented = self.augment(images.flatten(0, -4), seeds).reshape(images.shape)
        return batch._replace(**{self.image_field: augmented})

    def training_step(self, batch: Any) -> Tensor:
        return super().training_step(self.augmented(batch))
