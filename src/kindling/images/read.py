"""Any image that Pillow reads, as upright RGB bytes of one size.

N: images, H: height, W: width
"""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from kindling.data.files import cores, formats, printable
from kindling.errors import UserError

STACK = 256
"""Images that are decoded at a time."""

PHOTO = {
    "meaning": "upright RGB photos, resized by Pillow's bilinear filter with reducing_gap=2",
    "unit": "brightness as bytes, 0 to 255",
}
"""What a net takes, for whoever feeds it without this code."""


def read_image(path: Path, size: tuple[int, int]) -> Tensor:
    """One image, ``(3, H, W)`` bytes, as :func:`read_images` has it."""
    return next(read_images([path], size))[0]


def read_images(paths: Sequence[Path], size: tuple[int, int]) -> Iterator[Tensor]:
    """Images upright, transparent pixels on white, resized with antialiasing, on all cores.

    Not for several threads at once, since it silences Pillow's warnings for the whole process.

    Args:
        paths: Any formats that Pillow decodes; of a moving picture, the first.
        size: Height and width.

    Shape:
        Stacks of ``(N, 3, H, W)``, bytes, in order.

    Raises:
        UserError: Some are missing, empty, broken, too large or no images. All are tried first,
            and the message names them.
    """
    faults: list[UserError] = []
    for tried in attempts(paths, size):
        faults += [pixels for pixels in tried if isinstance(pixels, UserError)]
        if not faults:
            yield torch.from_numpy(np.stack([p for p in tried if not isinstance(p, UserError)]))
    if len(faults) == 1:
        raise faults[0]
    if faults:
        named = "; ".join(map(str, faults[:5])) + ("; ..." if len(faults) > 5 else "")
        raise UserError(f"{len(faults)} images cannot be read: {named}")


def attempts(
    paths: Sequence[Path], size: tuple[int, int]
) -> Iterator[list[NDArray[np.uint8] | UserError]]:
    """The same stacks as lists, with the error in the place of an image that cannot be read."""
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(paths), STACK):
            with warnings.catch_warnings(action="ignore"):
                tried = list(pool.map(lambda p: _attempt(p, size), paths[start : start + STACK]))
            yield tried


def _attempt(path: Path, size: tuple[int, int]) -> NDArray[np.uint8] | UserError:
    try:
        # A pipe or a device is no file: opening one would wait for ever.
        return _decode(path, size) if path.is_file() else _fault(path, FileNotFoundError())
    except Exception as error:  # Pillow lets through whatever a broken file makes its decoders do
        return _fault(path, error)


def _fault(path: Path, error: Exception) -> UserError:
    match error:
        case FileNotFoundError():
            fault = "no such image file; check the path"
        case PermissionError():
            fault = "may not be read; change its permissions"
        case Image.DecompressionBombError():
            fault = "too many pixels to be a photo; scale it down or remove it"
        case UnidentifiedImageError() if not path.stat().st_size:
            fault = "the file is empty; replace or remove it"
        case UnidentifiedImageError():
            fault = "not an image that Pillow reads; replace or remove it"
        case _:
            detail = " ".join(str(error).split()) or type(error).__name__
            fault = f"broken image ({detail}); replace or remove it"
    return UserError(f"{printable(path)}: {fault}")


def _decode(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = size
    with Image.open(path, formats=formats()) as image:
        # JPEG decodes at a half, a quarter or an eighth for less; twice the need keeps it sharp.
        image.draft(None, (2 * max(size), 2 * max(size)))
        image.load()
        rgb = _rgb(_upright(image))
    small = rgb.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(small).transpose(2, 0, 1).copy()


def _upright(image: Image.Image) -> Image.Image:
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:
        return image  # broken EXIF data around a sound picture does not say which way is up
    return image


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits has a white point; wider numbers span what the image itself holds."""
    grey = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
    low, high = (0, 65535) if image.mode.startswith("I;16") else (grey.min(), grey.max())
    return Image.fromarray((255 * (grey - low) / max(high - low, 1e-9)).round().astype(np.uint8))
