"""What a pretrained net tells of photos, in a few numbers.

M: photos, N: samples of a split, B: batch, V: photos of a sample, H: height, W: width,
D: features of the net, K: components.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from kindling.data.numbers import at_least
from kindling.errors import UserError, did_you_mean, require_package
from kindling.images import Pixels, check_size

CHUNK = 16
"""Photos that go through the net at a time: more are slower on a CPU, and take more memory."""


class FrozenFeatures(nn.Module):
    """A net of timm's that has learned from other photos, frozen, and its principal components.

    Some hundred samples cannot teach a net to see. One that can already gives D features of a
    photo; of those, the K directions in which the training photos of a column differ most are kept.

    Args:
        name: As timm has it, such as ``resnet18``.
        views: Photos of a sample, V.
        image_size: Pixels on a side.
        components: Kept of each photo, K.
        dropout: Share of the components that is dropped in training.

    Shape:
        ``(B, V, 3, H, W)`` uint8 to ``(B, V * K)``.

    Raises:
        UserError: There is no timm, no such net in it, or none for photos of this size.

    References:
        Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861
    """

    center: Tensor
    axes: Tensor

    def __init__(
        self, name: str, views: int, image_size: int, components: int, dropout: float
    ) -> None:
        super().__init__()
        timm = _timm(name)
        if not timm.is_model(name):
            meant = did_you_mean(name, timm.list_models())
            raise UserError(f"model.backbone={name}: not a net of timm's{meant}")
        self.name, self.width = name, views * components
        # No download: a checkpoint brings its own weights.
        self.net = timm.create_model(name, pretrained=False, num_classes=0)
        check_size(self.net, f"model.backbone={name}", image_size)
        self.net.requires_grad_(False).to(memory_format=torch.channels_last)
        self.pixels, self.dropout = Pixels(), nn.Dropout(dropout)
        self.pixels.set(*(torch.tensor(self.net.pretrained_cfg[k]) for k in ("mean", "std")))
        size = self.net.num_features
        at_least("model.components", components, 1)
        if components > size:
            raise UserError(f"model.components={components}: {name} has {size} features")
        self.seen: Tensor | None = None  # features of all photos, while there is training
        self.register_buffer("center", torch.full((views, size), torch.nan))
        self.register_buffer("axes", torch.full((views, size, components), torch.nan))

    def load(self, weights: str | None) -> None:
        """Take pretrained weights, from a file in timm's format or, if none is given, by download.

        Raises:
            UserError: They are not there, are another net's, or cannot be downloaded.
        """
        if weights is not None and not Path(weights).is_file():
            raise UserError(f"model.weights={weights}: no such file")
        found, own = _pretrained(self.name, weights), self.net.state_dict()
        fitting = {k: v for k, v in found.items() if k in own and v.shape == own[k].shape}
        if len(fitting) < len(own):  # beside them, there is the classifier
            raise UserError(f"model.weights={weights}: not those of timm's {self.name}")
        self.net.load_state_dict(fitting)

    def remember(self, images: Tensor, training: Tensor, others: Tensor) -> None:
        """Look at photos once, since a frozen net sees the same in them in every epoch.

        Unless a checkpoint brought them, the components are found too.

        Args:
            images: ``(M, 3, H, W)`` uint8.
            training: ``(N, V)`` int64: where the training samples' photos lie in ``images``.
            others: ``(..., V)`` int64: where others that are asked for in training lie.
        """
        in_training, device = self.net.training, self.center.device
        self.net.eval()
        self.seen = self.center.new_full((len(images), self.center.shape[1]), torch.nan)
        shown = torch.cat([training.flatten(), others.flatten()]).unique()  # type: ignore[no-untyped-call]
        for chunk in torch.split(shown, CHUNK):
            self.seen[chunk] = self._embed(images[chunk].to(device))
        self.net.train(in_training)
        if self.center.isnan().any():
            self.fit(self.recall(training))

    def recall(self, index: Tensor) -> Tensor:
        """Features of photos that were looked at, ``(B, V)`` int64 to ``(B, V, D)``."""
        assert self.seen is not None
        self.seen = self.seen.to(index.device)
        return self.seen[index]

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

    def forward(self, photos: Tensor) -> Tensor:
        features = self._embed(photos.flatten(0, 1))
        return self.reduce(features.reshape(*photos.shape[:2], -1))

    def _embed(self, images: Tensor) -> Tensor:
        # An exported graph has one path for any number of photos.
        chunks = (images,) if torch.compiler.is_exporting() else torch.split(images, CHUNK)
        with torch.no_grad():
            return torch.cat([self.net(self.pixels(chunk)) for chunk in chunks])


def _timm(name: str) -> Any:
    require_package(f"model.backbone={name}", "timm", "timm", "timm")
    import timm  # here: it takes seconds, and few runs need it

    return timm


def _pretrained(name: str, weights: str | None) -> Mapping[str, Tensor]:
    timm = _timm(name)
    try:
        if weights is not None:
            # timm's own default was once to run what a pickle holds.
            return timm.models.load_state_dict(weights, weights_only=True)  # type: ignore[no-any-return]
        return timm.create_model(name, pretrained=True).state_dict()  # type: ignore[no-any-return]
    except Exception as error:  # whatever a file's reader or the hub's client has to say
        why = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        if weights is not None:
            raise UserError(f"model.weights={weights}: cannot be read ({why})") from error
        raise UserError(
            f"model.backbone={name}: its weights cannot be downloaded ({why}); "
            "name a file that has them, --model.weights=FILE"
        ) from error
