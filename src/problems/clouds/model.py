"""Predicts the kind of cloud: normalization and net, from bytes to logits.

B: batch, H: height, W: width, C: classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from kindling.data.dataset import FieldDataset
from kindling.data.numbers import at_least, below_one
from kindling.errors import UserError
from kindling.evaluation.photo_figures import PhotoOutcome
from kindling.images import Backbone, ImageBatch, ImageClassifier, ImageSize, Pixels
from kindling.images.backbone import fit_once
from kindling.images.pretrained import TorchvisionNet
from kindling.training.module import EvalOutput
from problems.clouds.figures import draw_augmentation, draw_net
from problems.clouds.net import BackboneNet, ConvNet, LinearNet, Pool

HEAD = "cloud"


class CloudsModule(ImageClassifier):
    """Predicts the kind of cloud from a photo as bytes.

    The checkpoint carries the names of the classes, the channels' mean and deviation over the
    training photos (of pretrained weights, their own) and the training share of each class.

    Args:
        image_size: Pixels on a side.
        net: "conv", "linear" (one weight a pixel), or a torchvision net such as "resnet18".
        weights: Weights of the backbone ("default" or a file) or of a torchvision net (such as
            "DEFAULT"); null starts from scratch.
        backbone: A net of timm's, instead of these.
        channels: Channels of each block of "conv".
        batch_norm: Normalize after each convolution of "conv".
        pool: Input of the classifier of "conv": each position ("flatten") or each channel's mean.
        dropout: Share of the classifier's inputs that is dropped in training.
        random_features: Random directions through which a backbone's classifier compares photos,
            as a Gaussian kernel does; 0 is a linear classifier.
    """

    head = HEAD

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
        random_features: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(classes, weights=weights, backbone=backbone, **settings)
        self.save_hyperparameters(logger=False)
        below_one("model.dropout", dropout)
        at_least("model.random_features", random_features, 0)
        if weights is not None and backbone is None and net in ("conv", "linear"):
            raise UserError(f"model.weights={weights}: {net} has none; they are of torchvision's")
        self.net: LinearNet | ConvNet | TorchvisionNet | BackboneNet
        if (encoder := self.make_backbone(image_size)) is not None:
            self.net = BackboneNet(encoder, len(classes), dropout, random_features)
        elif net == "linear":
            self.net = LinearNet(image_size, len(classes))
        elif net == "conv":
            self.net = ConvNet(image_size, len(classes), channels, batch_norm, pool, dropout)
        else:
            self.net = TorchvisionNet(net, weights, image_size, len(classes))
        self.net.to(memory_format=torch.channels_last)
        self.pixels = Pixels()

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier, for callbacks such as BackboneFinetuning."""
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
        """Compute the statistics of the training photos for normalization and baseline."""
        super().fit_statistics(training)
        if isinstance(self.net, TorchvisionNet) and self.net.normalization is not None:
            self.pixels.set(*self.net.normalization)
        elif self.timm_backbone is None:
            self.pixels.fit(training.shared["image"], training.fields["image"])

    def forward(self, image: Tensor) -> Tensor:
        """Logits ``(B, C)``.

        Shape:
            ``image`` ``(B, 3, H, W)`` uint8.
        """
        return self.net(image if self.timm_backbone is not None else self.pixels(image))  # type: ignore[no-any-return]

    def logits(self, batch: ImageBatch) -> Tensor:
        """Those of ``forward``, by cached features if the backbone is frozen."""
        if isinstance(self.net, BackboneNet):
            return self.net.classifier(self.extract(batch))  # type: ignore[no-any-return]
        return self(batch.image)  # type: ignore[no-any-return]

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
