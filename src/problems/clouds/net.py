"""Networks from a photo to one logit a class: linear, convolutional, or torchvision's.

B: batch, H: height, W: width, C: classes.
"""

from collections.abc import Sequence
from typing import Any, Literal
from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn

from kindling.errors import UserError, did_you_mean
from kindling.images import ConvBlocks, check_size

Pool = Literal["flatten", "average"]

HEADED = 1000
"""Outputs of torchvision's classifiers, which are for ImageNet."""


class LinearNet(nn.Sequential):
    """One weight for each pixel and class: what convolution has to beat.

    Args:
        image_size: Pixels on a side.
        classes: Number of classes.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.
    """

    def __init__(self, image_size: int, classes: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3 * image_size**2, classes))
        # From zero, or the noise of 50,000 random weights outweighs what there is to learn.
        nn.init.zeros_(self[1].weight)  # type: ignore[arg-type]


class ConvNet(nn.Module):
    """Convolutional blocks, then one linear classifier.

    Args:
        image_size: Pixels on a side.
        classes: Number of classes.
        channels: Of each block.
        batch_norm: Normalize after each convolution.
        pool: What the classifier sees: each place of the last block, or each channel's mean.
        dropout: Share of the classifier's inputs that is dropped in training.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.

    References:
        Lin et al., Network In Network (mean of each channel), 2014, arXiv:1312.4400
    """

    def __init__(
        self,
        image_size: int,
        classes: int,
        channels: Sequence[int],
        batch_norm: bool,
        pool: Pool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = ConvBlocks(image_size, channels, batch_norm)
        places = self.blocks.side**2 if pool == "flatten" else 1
        squeeze = nn.Identity() if pool == "flatten" else nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            squeeze, nn.Flatten(), nn.Dropout(dropout), nn.Linear(places * channels[-1], classes)
        )

    @property
    def backbone(self) -> nn.Module:
        """All but the classifier."""
        return self.blocks

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.blocks(x))  # type: ignore[no-any-return]


class Backbone(nn.Module):
    """A classification network of torchvision's, its last layer made anew for our classes.

    Args:
        name: As torchvision has it, such as ``resnet18``.
        weights: Name of pretrained weights, such as ``DEFAULT``; none is a net that starts afresh.
        image_size: Pixels on a side.
        classes: Number of classes.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.
    """

    def __init__(self, name: str, weights: str | None, image_size: int, classes: int) -> None:
        super().__init__()
        self.name, self.weights = name, _find_weights(name, weights)
        # No download here: a checkpoint brings its own weights.
        self.body: nn.Module = torchvision.models.get_model(name, weights=None)
        if self.weights is not None and hasattr(self.body, "transform_input"):
            self.body.transform_input = True  # Inception's are of a normalization of its own
        self.last = _replace_last(self.body, classes)
        check_size(self.body, f"model.net={name}", image_size)

    @property
    def normalization(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Mean and deviation by channel that the pretrained weights expect."""
        if self.weights is None:
            return None
        preset = self.weights.transforms()
        return preset.mean, preset.std

    @property
    def backbone(self) -> nn.Module:
        """The parts of the body, but for the one that the last layer is in."""
        last = self.last.partition(".")[0]
        return nn.ModuleList(part for k, part in self.body.named_children() if k != last)

    def load_pretrained(self) -> None:
        """Fetch the pretrained weights, all but the last layer's.

        Raises:
            UserError: They are not on this machine, and cannot be downloaded.
        """
        if self.weights is None:
            return
        try:
            source = torchvision.models.get_model(self.name, weights=self.weights).state_dict()
        except (URLError, OSError, RuntimeError) as error:
            raise UserError(
                f"model.weights={self.weights.name}: cannot be downloaded "
                f"({getattr(error, 'reason', error)}); put {self.weights.url} into "
                f"{torch.hub.get_dir()}/checkpoints, or --model.weights=null"
            ) from error
        own = self.body.state_dict()
        fitting = {k: v for k, v in source.items() if k in own and v.shape == own[k].shape}
        self.body.load_state_dict(fitting, strict=False)

    def forward(self, x: Tensor) -> Tensor:
        output = self.body(x)
        # GoogLeNet and Inception give more in training.
        return getattr(output, "logits", output)  # type: ignore[no-any-return]


def first_filters(net: nn.Module, image_size: int) -> Tensor | None:
    """What the first layer looks for, as pictures ``(N, 3, h, w)``, if it looks at colours."""
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.weight.detach() if layer.weight.shape[1] == 3 else None
        if isinstance(layer, nn.Linear):
            return layer.weight.detach().reshape(-1, 3, image_size, image_size)
    return None


def _find_weights(name: str, weights: str | None) -> Any:
    """The entry of torchvision's list of weights, if there are such a net and such weights."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        meant = did_you_mean(name, ["conv", "linear", *known])
        raise UserError(f"model.net={name}: neither conv, linear nor a net of torchvision's{meant}")
    if weights is None:
        return None
    choices = torchvision.models.get_model_weights(name)
    if weights not in choices.__members__:
        there = ", ".join(choices.__members__)
        raise UserError(f"model.weights={weights}: {name} has {there}")
    return choices[weights]


def _replace_last(body: nn.Module, classes: int) -> str:
    """Put a fresh layer in the place of the last one that has ImageNet's classes, and name it."""
    path: str
    for path, layer in reversed(list(body.named_modules())):
        if isinstance(layer, nn.Linear) and layer.out_features == HEADED:
            body.set_submodule(path, nn.Linear(layer.in_features, classes))
            return path
        if isinstance(layer, nn.Conv2d) and layer.out_channels == HEADED:
            body.set_submodule(path, nn.Conv2d(layer.in_channels, classes, layer.kernel_size))  # type: ignore[arg-type]
            return path
    return ""
