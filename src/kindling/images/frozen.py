"""Features of a frozen pretrained net, reduced to a few numbers of each photo.

N: samples of a split, B: batch, V: photos of a sample, H: height, W: width, D: features of the net,
K: components.
"""

import torch
from torch import Tensor, nn

from kindling.data.numbers import at_least
from kindling.errors import UserError
from kindling.images.backbone import Backbone


class FrozenFeatures(nn.Module):
    """The principal components of a frozen backbone's features.

    Some hundred samples cannot train a net on photos. A pretrained one gives D features of a
    photo; of those, the K directions in which the training photos of a column differ most are kept.

    Args:
        backbone: The net, frozen.
        views: Photos of a sample, V.
        components: Kept of each photo, K.
        dropout: Share of the components that is dropped in training.

    Shape:
        ``(B, V, 3, H, W)`` uint8 to ``(B, V * K)``.
    """

    center: Tensor
    axes: Tensor

    def __init__(self, backbone: Backbone, views: int, components: int, dropout: float) -> None:
        super().__init__()
        self.backbone, size = backbone, backbone.features
        self.width, self.dropout = views * components, nn.Dropout(dropout)
        at_least("model.components", components, 1)
        if components > size:
            raise UserError(f"model.components={components}: {backbone.name} has {size} features")
        self.register_buffer("center", torch.full((views, size), torch.nan))
        self.register_buffer("axes", torch.full((views, size, components), torch.nan))

    def fit(self, features: Tensor) -> None:
        """Compute each column's components, unless a checkpoint has brought them.

        They are scaled together: the first has a deviation of 1 over the training samples.

        Shape:
            ``(N, V, D)``: the training samples' features.

        Raises:
            UserError: There are fewer samples than components.
        """
        if not self.center.isnan().any():
            return
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
        features = self.backbone.embed(image.flatten(0, 1))
        return self.reduce(features.reshape(*image.shape[:2], -1))
