"""Random views of photos, drawn for every image on its own and not once for the batch.

B: batch, C: channels, H: height, W: width
"""

from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from kindling.errors import UserError

Integer = TypeVar("Integer", int, Tensor)
Fill = Literal["black", "mirror"]
_32_BITS = 0xFFFFFFFF


class Augment(nn.Module):
    """Rotation, zoom, horizontal flip, autocontrast, brightness and contrast, in training only.

    Args:
        rotation: Largest angle in degrees, counterclockwise; it is uniform from 0 up to that.
        flip: Probability of a horizontal flip.
        autocontrast: Probability that each channel is stretched to the full range.
        zoom: Scaled by a factor from ``1 / (1 + zoom)`` to ``1 + zoom``, its logarithm uniform.
        light: As ``zoom``, for the factor that all pixels are multiplied by.
        contrast: As ``zoom``, for the distances of the pixels from their mean.
        fill: What comes into view where a rotation or a zoom reaches beyond the photo.

    Shape:
        ``(B, C, H, W)``, bytes or floats from 0 to 1, to the same.
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
    ) -> None:
        super().__init__()
        self.rotation = _within(360, "rotation", rotation)
        self.flip = _within(1, "flip", flip)
        self.autocontrast = _within(1, "autocontrast", autocontrast)
        self.zoom = _within(1, "zoom", zoom)
        self.light, self.contrast = _within(1, "light", light), _within(1, "contrast", contrast)
        self.fill = fill

    @torch.no_grad()
    def forward(self, images: Tensor, seeds: Tensor | None = None) -> Tensor:
        """Views that depend on ``seeds`` ``(B,)`` alone, which are random if absent."""
        if not self.training:
            return images
        if seeds is None:
            seeds = torch.randint(_32_BITS, (len(images),), device=images.device)
        angle, flip, full, zoom, light, contrast = (_uniform(seeds, draw) for draw in range(6))
        if self.rotation or self.zoom:
            images = rotate(images, angle * self.rotation, _factor(zoom, self.zoom), self.fill)
        if self.flip:
            images = hflip(images, flip < self.flip)
        if self.autocontrast:
            images = autocontrast(images, full < self.autocontrast)
        if self.light or self.contrast:
            factors = _factor(light, self.light), _factor(contrast, self.contrast)
            images = brightness(images, *factors)
        return images


def sample_seeds(seed: int, epoch: int, index: Tensor) -> Tensor:
    """One seed for each sample ``(B,)`` and epoch, so that a resumed run draws the same again."""
    return _mix(_mix(_mix(seed) + epoch) + index)


def rotate(images: Tensor, degrees: Tensor, zoom: Tensor, fill: Fill) -> Tensor:
    """Counterclockwise rotation about the center and zoom, ``(B,)`` each, bilinear."""
    height, width = images.shape[-2:]
    x, y = _centers(width, images.device), _centers(height, images.device) * (height / width)
    move = torch.polar(1 / zoom, degrees.deg2rad())[:, None, None]
    # A rotation is a product of complex numbers, which lie in memory as a grid of (x, y) does.
    grid = torch.view_as_real(torch.complex(*torch.meshgrid(x, y, indexing="xy")) * move)
    grid[..., 1] *= width / height
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


def _factor(uniform: Tensor, most: float) -> Tensor:
    return (1 + most) ** (2 * uniform - 1)


def _within(most: float, name: str, value: float) -> float:
    if not 0 <= value <= most:
        raise UserError(f"{name}={value}: choose a number from 0 to {most}")
    return value


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
        Chris Wellons, Prospecting for Hash Functions, 2018,
        https://github.com/skeeto/hash-prospector
    """
    number = number & _32_BITS
    number = (number ^ (number >> 16)) * 0x21F0AAAD & _32_BITS
    number = (number ^ (number >> 15)) * 0x735A2D97 & _32_BITS
    return number ^ (number >> 15)
