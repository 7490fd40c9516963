"""What a pretrained net tells of photos, in a few numbers.

N: samples of a split, B: batch, V: photos of a sample, H: height, W: width, D: features of the net,
K: components.
"""

import torch
from torch import Tensor, nn

from kindling.data.numbers import at_least
from kindling.errors import UserError
from kindling.images.backbone import Backbone
from kindling.images.read import ImageSize


class FrozenFeatures(Backbone):
    """A frozen backbone, and the principal components of what it tells.

    Some hundred samples cannot teach a net to see. One that can already gives D features of a
    photo; of those, the K directions in which the training photos of a column differ most are kept.

    Args:
        name: As timm has it, such as ``resnet18``.
        views: Photos of a sample, V.
        image_size: Pixels on a side, or height and width.
        components: Kept of each photo, K.
        dropout: Share of the components that is dropped in training.

    Shape:
        ``(B, V, 3, H, W)`` uint8 to ``(B, V * K)``.

    Raises:
        UserError: There is no timm, no such net in it, or none for photos of this size.
    """

    center: Tensor
    axes: Tensor

    def __init__(
        self, name: str, views: int, image_size: ImageSize, components: int, dropout: float
    ) -> None:
        super().__init__(name, image_size)
        self.width, self.dropout, size = views * components, nn.Dropout(dropout), self.features
        at_least("model.components", components, 1)
        if components > size:
            raise UserError(f"model.components={components}: {name} has {size} features")
        self.register_buffer("center", torch.full((views, size), torch.nan))
        self.register_buffer("axes", torch.full((views, size, components), torch.nan))

    def fit(self, features: Tensor) -> None:
        """Find each column's components in the training samples' features, ``(N, V, D)``.

        They are scaled together: the first has a deviation of 1 over the training samples.

        Raises:
            UserError: There are fewer samples than components.
        """
        count = self.axes.shape[2]
        if len(features) <= count:
            raise UserError(f"model.components={count}: more than {count} training rows needed")
        rows = features.double()
        self.center.copy_(rows.mean(0))
        for view, gaps in enumerate((rows - rows.mean(0)).unbind(1)):
            _, spread, axes = torch.linalg.svd(gaps, full_matrices=False)
            deviation = spread[0] / len(rows) ** 0.5
            self.axes[view] = axes[:count].T / (deviation if deviation > 0 else 1)

    def reduce(self, features: Tensor) -> Tensor:
        """Their components, ``(B, V, D)`` to ``(B, V * K)``."""
        components = torch.einsum("bvd,vdk->bvk", features - self.center, self.axes)
        return self.dropout(components.flatten(1))  # type: ignore[no-any-return]

    def forward(self, image: Tensor) -> Tensor:
        features = self.embed(image.flatten(0, 1))
        return self.reduce(features.reshape(*image.shape[:2], -1))
