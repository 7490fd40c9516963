"""Random views of photos, drawn for every image on its own, and mixtures of a batch's photos.

B: batch, C: channels, H: height, W: width
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms.v2 import CutMix, MixUp, RandAugment, RandomResizedCrop

from kindling.data.numbers import at_least, positive
from kindling.errors import UserError

Integer = TypeVar("Integer", int, Tensor)
Fill = Literal["black", "mirror"]
_32_BITS = 0xFFFFFFFF
_CROP, _RANDAUGMENT, _MIX, _SHIFT = 6, 7, 8, 9  # numbers of draws, the last of two


class Augment(nn.Module):
    """Crop, rotation, zoom, shift, flip, contrast, brightness, RandAugment, in training only.

    A crop has a share of the photo's area from ``crop`` to 1 and sides of a ratio from 3:4 to 4:3,
    and is scaled to the photo's size. The angle is uniform from 0 to ``rotation`` degrees,
    counterclockwise. ``flip`` and ``autocontrast`` are probabilities. The factors of scale, pixels
    and their distances from their mean are from ``1 / (1 + v)`` to ``1 + v`` of ``zoom``, ``light``
    and ``contrast``, their logarithms uniform. ``shift`` is the most of both sides that a photo is
    moved by. ``fill`` comes into view beyond the photo.
    RandAugment draws two of its operations, of strength ``randaugment``; at 0, none.

    Shape:
        ``(B, C, H, W)``, bytes or floats from 0 to 1, to the same.

    References:
        Cubuk et al., RandAugment, 2020, arXiv:1909.13719
    """

    def __init__(
        self,
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
    ) -> None:
        super().__init__()
        self.crop, self.randaugment = crop, at_least("model.randaugment", randaugment, 0, 30)
        if not 0.01 <= crop <= 1:
            raise UserError(f"model.crop={crop}: choose a number from 0.01 to 1")
        self.rotation, self.flip, self.autocontrast = rotation, flip, autocontrast
        self.zoom, self.light, self.contrast, self.fill = zoom, light, contrast, fill
        self.shift = shift
        for name in ("rotation", "flip", "autocontrast", "zoom", "light", "contrast", "shift"):
            most = 360 if name == "rotation" else 1
            if not 0 <= (value := getattr(self, name)) <= most:
                raise UserError(f"model.{name}={value}: choose a number from 0 to {most}")

    @torch.no_grad()
    def forward(self, images: Tensor, seeds: Tensor | None = None) -> Tensor:
        """Views that depend on ``seeds`` ``(B,)`` alone, which are random if absent."""
        if not self.training:
            return images
        if seeds is None:
            seeds = torch.randint(_32_BITS, (len(images),), device=images.device)
        angle, flip, full, *others = (_uniform(seeds, draw) for draw in range(6))
        most = (self.zoom, self.light, self.contrast)
        zoom, light, contrast = ((1 + m) ** (2 * u - 1) for m, u in zip(most, others, strict=True))
        if self.crop < 1:
            sized = RandomResizedCrop(images.shape[-2:], (self.crop, 1.0))
            images = each(images, _mix(seeds + _CROP), sized)
        if self.rotation or self.zoom or self.shift:
            share = torch.stack([_uniform(seeds, _SHIFT + k) for k in range(2)], -1)
            shift = 2 * self.shift * (2 * share - 1)
            images = rotate(images, angle * self.rotation, zoom, self.fill, shift)
        if self.flip:
            images = hflip(images, flip < self.flip)
        if self.autocontrast:
            images = autocontrast(images, full < self.autocontrast)
        if self.light or self.contrast:
            images = brightness(images, light, contrast)
        if self.randaugment:
            strong = RandAugment(magnitude=self.randaugment)
            images = each(images, _mix(seeds + _RANDAUGMENT), strong)
        return images


class Mix:
    """Training photos mixed with one another, and their classes in the same shares.

    A batch is mixed by mixup, which blends whole photos, or by cutmix, which pastes a part of
    another photo; of both, by one of them at random.

    Args:
        mixup: Both parameters of the Beta distribution that the share is drawn from; 0 is off.
        cutmix: The same.

    References:
        Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018, arXiv:1710.09412
        Yun et al., CutMix, 2019, arXiv:1905.04899
    """

    def __init__(self, mixup: float, cutmix: float) -> None:
        self.alphas = {MixUp: positive("model.mixup", mixup, zero=True)}
        self.alphas |= {CutMix: positive("model.cutmix", cutmix, zero=True)}

    def __bool__(self) -> bool:
        return any(self.alphas.values())

    def __call__(
        self, images: Tensor, label: Tensor, classes: int, seeds: Tensor
    ) -> tuple[Tensor, Tensor]:
        """``(B, C, H, W)`` bytes and ``(B,)`` int64, or labels, to floats and ``(B, classes)``."""
        chosen = [kind(alpha=a, num_classes=classes) for kind, a in self.alphas.items() if a]
        with _seeded(int(_mix(seeds[0] + _MIX))):
            mix = chosen[int(torch.randint(len(chosen), ()))]
            mixed: tuple[Tensor, Tensor] = mix(images.float(), label)
        return mixed


def each(images: Tensor, seeds: Tensor, transform: Callable[[Tensor], Tensor]) -> Tensor:
    """Each image by a transform of torchvision's, which draws from torch's generator."""
    views = []
    for image, seed in zip(images, seeds.tolist(), strict=True):
        with _seeded(seed):
            views.append(transform(image))
    return torch.stack(views)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Transforms of torchvision's draw from torch's generator, which is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def sample_seeds(seed: int, epoch: int, index: Tensor) -> Tensor:
    """One seed for each sample ``(B,)`` and epoch, so that a resumed run draws the same again."""
    return _mix(_mix(_mix(seed) + epoch) + index)


def rotate(
    images: Tensor, degrees: Tensor, zoom: Tensor, fill: Fill, shift: Tensor | float = 0.0
) -> Tensor:
    """Counterclockwise rotation about the center and zoom, ``(B,)`` each, bilinear.

    Before that, ``shift`` ``(B, 2)`` moves images to the left and up, in halves of their sides.
    """
    height, width = images.shape[-2:]
    x, y = _centers(width, images.device), _centers(height, images.device) * (height / width)
    move = torch.polar(1 / zoom, degrees.deg2rad())[:, None, None]
    # A rotation is a product of complex numbers, which lie in memory as a grid of (x, y) does.
    grid = torch.view_as_real(torch.complex(*torch.meshgrid(x, y, indexing="xy")) * move)
    grid[..., 1] *= width / height
    if isinstance(shift, Tensor):
        grid += shift[:, None, None]
    padding = "reflection" if fill == "mirror" else "zeros"
    rotated = functional.grid_sample(images.float(), grid, "bilinear", padding, align_corners=False)
    return _of_type(rotated, images)


def hflip(images: Tensor, chosen: Tensor) -> Tensor:
    # To gather whole images takes a fraction of the time of a choice pixel by pixel.
    both = torch.cat((images, images.flip(-1)))
    index = torch.arange(len(images), device=images.device)
    return both.index_select(0, index + len(images) * chosen)


def autocontrast(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen images with each channel from black to full; a channel of one value stays."""
    full = 1 if images.is_floating_point() else 255
    low = images.amin((-2, -1), keepdim=True)
    span = images.amax((-2, -1), keepdim=True) - low
    kept = ~chosen[:, None, None, None] | (span == 0)
    low = low.masked_fill(kept, 0)
    scale = (span * (1 / full)).masked_fill(kept, 1)
    return images.sub(low).div(scale).clamp_(0, full).to(images.dtype)


def brightness(images: Tensor, light: Tensor, contrast: Tensor) -> Tensor:
    """All pixels times ``light``, after their distances from their mean times ``contrast``."""
    pixels = images.float()
    mean = pixels.mean((1, 2, 3), keepdim=True)
    light, contrast = light[:, None, None, None], contrast[:, None, None, None]
    lit = mean.lerp(pixels, contrast) * light
    return _of_type(lit.clamp_(0, 1 if images.is_floating_point() else 255), images)


def _of_type(pixels: Tensor, images: Tensor) -> Tensor:
    """Floats as bytes again, if the images are."""
    return (pixels if images.is_floating_point() else pixels.round_()).to(images.dtype)


def _centers(pixels: int, device: torch.device) -> Tensor:
    """Centers of pixels on a side that runs from -1 to 1."""
    return (2 * torch.arange(pixels, device=device) + 1).float() / pixels - 1


def _uniform(seeds: Tensor, draw: int) -> Tensor:
    """Numbers in [0, 1) that are independent for different draws."""
    # Single, whatever precision the net has: half has no such fine numbers.
    return (_mix(seeds + _mix(draw + 1)) >> 8).float() * 2.0**-24


def _mix(number: Integer) -> Integer:
    """Hash to 32 bits; no product reaches 2**63, so int64 never overflows and all devices agree.

    References:
        Chris Wellons, Hash Prospector, 2018, https://github.com/skeeto/hash-prospector
    """
    number = number & _32_BITS
    number = (number ^ (number >> 16)) * 0x21F0AAAD & _32_BITS
    number = (number ^ (number >> 15)) * 0x735A2D97 & _32_BITS
    return number ^ (number >> 15)
