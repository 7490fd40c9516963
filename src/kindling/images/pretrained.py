"""Classification networks of torchvision's, pretrained or not, for classes of our own.

B: batch, H: height, W: width, C: classes.
"""

from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import Tensor, nn

from kindling.errors import UserError, did_you_mean
from kindling.images.blocks import check_size
from kindling.images.read import ImageSize

HEADED = 1000  # outputs of torchvision's classifiers, which are for ImageNet


class TorchvisionNet(nn.Module):
    """A network of torchvision's, its last layer made anew.

    Args:
        name: As torchvision has it, such as ``resnet18``.
        weights: Name of pretrained weights, such as ``DEFAULT``; none is a net that starts afresh.

    Shape:
        ``(B, 3, H, W)`` to ``(B, C)``.

    Raises:
        UserError: There is no such net, no such weights, or none for photos of this size.
    """

    def __init__(self, name: str, weights: str | None, image_size: ImageSize, classes: int) -> None:
        super().__init__()
        self.name, self.weights = name, _find_weights(name, weights)
        # No download here: a checkpoint brings its own weights.
        self.body: nn.Module = torchvision.models.get_model(name, weights=None)
        if self.weights is not None and hasattr(self.body, "transform_input"):
            self.body.transform_input = True  # Inception's are of a normalization of its own
        self.last = _replace_last(self.body, classes)
        check_size(self.body, f"model.net={name}", image_size)

    @property
    def normalization(self) -> tuple[Tensor, Tensor] | None:
        """Mean and deviation by channel that the pretrained weights expect, ``(3,)`` each."""
        if self.weights is None:
            return None
        preset = self.weights.transforms()
        return torch.tensor(preset.mean), torch.tensor(preset.std)

    @property
    def backbone(self) -> nn.Module:
        """The parts of the body, but for the one that the last layer is in."""
        last = self.last.partition(".")[0]
        return nn.ModuleList(part for k, part in self.body.named_children() if k != last)

    def load_pretrained(self) -> None:
        """Fetch the pretrained weights, if any, all but the last layer's; by download at need."""
        if self.weights is None:
            return
        try:
            source = torchvision.models.get_model(self.name, weights=self.weights).state_dict()
        except (URLError, OSError, RuntimeError) as error:
            fault = f"cannot be downloaded ({getattr(error, 'reason', error)})"
            cure = f"put {self.weights.url} into {torch.hub.get_dir()}/checkpoints"
            name = f"model.weights={self.weights.name}"
            raise UserError(f"{name}: {fault}; {cure}, or --model.weights=null") from error
        own = self.body.state_dict()
        fitting = {k: v for k, v in source.items() if k in own and v.shape == own[k].shape}
        self.body.load_state_dict(fitting, strict=False)

    def forward(self, x: Tensor) -> Tensor:
        output = self.body(x)
        # GoogLeNet and Inception give more in training.
        return getattr(output, "logits", output)  # type: ignore[no-any-return]


def _find_weights(name: str, weights: str | None) -> Any:
    """The entry of torchvision's list of weights, if there are such a net and such weights."""
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        meant = did_you_mean(name, known)
        raise UserError(f"model.net={name}: neither a net of ours nor one of torchvision's{meant}")
    if weights is None:
        return None
    choices = torchvision.models.get_model_weights(name).__members__
    if weights not in choices:
        raise UserError(f"model.weights={weights}: {name} has {', '.join(choices)}")
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
