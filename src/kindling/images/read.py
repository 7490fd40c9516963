"""Any image that Pillow reads, as upright RGB bytes of one size.

N: images, H: height, W: width
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from kindling.data.files import UNREAD, cores, formats, printable
from kindling.data.numbers import at_least
from kindling.errors import UserError

STACK = 256  # images that are decoded at a time
NAMED = 20  # images that an error names

Fit = Literal["stretch", "crop", "pad"]
BadFilesAre = Literal["error", "skip"]
ImageSize = int | tuple[int, int]

PHOTO = {
    "meaning": "upright RGB photos, resized by Pillow's bilinear filter with reducing_gap=2",
    "unit": "brightness as bytes, 0 to 255",
}
"""The input of a net, described for those who use it without this code."""


SAMPLES_PER_PIXEL = 277  # TIFF's tag

# Of these files the fourth byte of a pixel is often unused, or a band beside the colours.
_FOUR_BYTES = {"BMP", "TGA", "TIFF"}


class Rendering(NamedTuple):
    """How a file becomes pixels, the same for all of a data set.

    Args:
        fit: An image of another shape is stretched, cut at its longer sides, or black is added.
        levels: Values that are black and white in images of more than eight bits.
        bands: One or three of an image's bands, counted from 1; none takes it as it is.
    """

    fit: Fit = "stretch"
    levels: tuple[float, float] | None = None
    bands: tuple[int, ...] | None = None


class BadFiles(UserError):
    """Images that cannot be read, each with its fault."""

    def __init__(self, files: Sequence[Path], faults: Mapping[int, str]) -> None:
        self.faults = {printable(files[k]): fault for k, fault in faults.items()}
        first = dict([*self.faults.items()][:NAMED])
        named = [
            f"{', '.join(file for file in first if first[file] == fault)}: {fault}"
            for fault in dict.fromkeys(first.values())
        ] + ["..."] * (len(faults) > NAMED)
        count = f"{len(faults)} images cannot be read: " if len(faults) > 1 else ""
        super().__init__(count + "; ".join(named))


def sides(image_size: ImageSize) -> tuple[int, int]:
    """Height and width, of a square by its side alone."""
    return (image_size, image_size) if isinstance(image_size, int) else image_size


def check_sides(image_size: ImageSize) -> tuple[int, int]:
    """Height and width, once they are known to be sizes of photos."""
    height, width = sides(image_size)
    return tuple(at_least("data.image_size", side, 8, 10_000) for side in (height, width))  # type: ignore[return-value]


def check_bands(bands: Sequence[int] | None) -> tuple[int, ...] | None:
    """The setting, once it is known to be one band or three."""
    if bands is not None and (len(bands) not in (1, 3) or min(bands) < 1):
        raise UserError(f"data.bands={list(bands)}: one band or three, counted from 1")
    return None if bands is None else tuple(bands)


def described(rendering: Rendering) -> dict[str, Any]:
    """:data:`PHOTO`, with what is not as usual."""
    fit, levels, bands = rendering
    more = {
        "fit": fit if fit != "stretch" else None,
        "levels": levels and list(levels),
        "bands": bands and list(bands),
    }
    return PHOTO | {name: value for name, value in more.items() if value is not None}


def read_image(path: Path, size: tuple[int, int], rendering: Rendering = Rendering()) -> Tensor:  # noqa: B008
    """One image, ``(3, H, W)`` bytes, as :func:`read_images` has it."""
    return next(read_images([path], size, rendering))[0]


def read_images(
    paths: Sequence[Path],
    size: tuple[int, int],
    rendering: Rendering = Rendering(),  # noqa: B008
    faults: dict[int, str] | None = None,
) -> Iterator[Tensor]:
    """Images upright, transparent pixels on white, resized with antialiasing, on all cores.

    Not for several threads at once, since it silences Pillow's warnings for the whole process.

    Args:
        paths: Any formats that Pillow decodes; of a moving picture, the first.
        size: Height and width.
        rendering: How a file becomes pixels.
        faults: Gets what is wrong with an image that cannot be read, which is black then, by its
            index in ``paths``; none is an error at the end.

    Yields:
        Stacks of ``STACK`` images, ``(N, 3, H, W)`` bytes, in order; the last may be smaller.

    Raises:
        BadFiles: Some are missing, empty, broken, too large or no images. All are tried first.
    """
    found: dict[int, str] = {} if faults is None else faults
    black = np.zeros((3, *size), np.uint8)
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(paths), STACK):
            with silent():
                part = paths[start : start + STACK]
                tried = list(pool.map(lambda path: _attempt(path, size, rendering), part))
            found |= {start + k: t for k, t in enumerate(tried) if isinstance(t, str)}
            if faults is not None or not found:
                stack = [black if isinstance(pixels, str) else pixels for pixels in tried]
                yield torch.from_numpy(np.stack(stack))
    if found and faults is None:
        raise BadFiles(paths, found)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Without Pillow's warnings and log: a file's fault is reported by us."""
    log = logging.getLogger("PIL.TiffImagePlugin")
    before, log.disabled = log.disabled, True
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        log.disabled = before


def _attempt(path: Path, size: tuple[int, int], rendering: Rendering) -> NDArray[np.uint8] | str:
    try:
        if not path.is_file():
            raise FileNotFoundError  # also a pipe: opening one would wait for ever
        return _decode(path, size, rendering)
    except Exception as error:  # Pillow lets through whatever a broken file makes its decoders do
        return _fault(path, error)


def _fault(path: Path, error: Exception) -> str:
    match error:
        case UserError():
            return str(error)
        case FileNotFoundError():
            return "no such image file; check the path"
        case PermissionError():
            return "may not be read; change its permissions"
        case Image.DecompressionBombError():
            return "too many pixels to be a photo; scale it down or remove it"
        case UnidentifiedImageError() if not path.stat().st_size:
            return "the file is empty; replace or remove it"
        case UnidentifiedImageError() if path.suffix.lower() in UNREAD:
            return f"cannot be read here: {UNREAD[path.suffix.lower()]}"
        case UnidentifiedImageError() if _is_tiff(path):
            return "a kind of TIFF that Pillow does not read; save its bands as pages of one TIFF"
        case UnidentifiedImageError():
            return "not an image that Pillow reads; replace or remove it"
    detail = " ".join(str(error).split()) or type(error).__name__
    return f"broken image ({detail}); replace or remove it"


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _decode(path: Path, size: tuple[int, int], rendering: Rendering) -> NDArray[np.uint8]:
    height, width = size
    with Image.open(path, formats=formats()) as image:
        # JPEG decodes at a half, a quarter or an eighth for less; twice the need keeps it sharp.
        image.draft(None, (2 * max(size), 2 * max(size)))
        image.load()
        with contextlib.suppress(Exception):  # broken EXIF data around a sound picture
            if rendering.bands is None or getattr(image, "n_frames", 1) == 1:
                ImageOps.exif_transpose(image, in_place=True)
        if rendering.bands is None:
            rgb = _rgb(image, rendering.levels)
        else:
            parts = [_rgb(band, rendering.levels) for band in pick(image, rendering.bands)]
            grey = [part.getchannel(0) for part in parts]
            rgb = Image.merge("RGB", grey if len(grey) == 3 else grey * 3)
    small = _fitted(rgb, (width, height), rendering.fit)
    return np.asarray(small).transpose(2, 0, 1).copy()


def _fitted(image: Image.Image, size: tuple[int, int], fit: Fit) -> Image.Image:
    """The image in this width and height."""
    ratios = [wanted / have for wanted, have in zip(size, image.size, strict=True)]
    box, inner = None, size
    if fit == "crop":
        (width, height), scale = image.size, max(ratios)
        left, top = (width - size[0] / scale) / 2, (height - size[1] / scale) / 2
        box = (max(left, 0), max(top, 0), min(width - left, width), min(height - top, height))
    elif fit == "pad":
        inner = tuple(max(1, round(side * min(ratios))) for side in image.size)  # type: ignore[assignment]
    small = image.resize(inner, Image.Resampling.BILINEAR, box, reducing_gap=2.0)
    if inner == size:
        return small
    padded = Image.new("RGB", size)
    padded.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return padded


def _rgb(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    if deep(image):
        image = _eight_bits(image, levels)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        if image.format not in _FOUR_BYTES or _is_alpha(colours.getchannel("A")):
            white = Image.new("RGBA", image.size, "white")
            return Image.alpha_composite(white, colours).convert("RGB")
    return image.convert("RGB")


def pick(image: Image.Image, bands: Sequence[int] | None) -> list[Image.Image]:
    """These bands of an image, each as an image, or it alone if there is nothing to choose.

    They are its pages, or the bands of its only page.

    Raises:
        UserError: There is no such band, or Pillow does not read it.
    """
    if bands is None:
        return [image]
    pages = getattr(image, "n_frames", 1)
    has = pages if pages > 1 else len(image.getbands())
    if max(bands) > has:
        samples = getattr(image, "tag_v2", {}).get(SAMPLES_PER_PIXEL, 1)
        read = f", of which Pillow reads {has}: save them as pages" if samples > has else ""
        raise UserError(f"has no band {max(bands)} (data.bands) but {max(has, samples)}{read}")
    if pages == 1:
        return [image.getchannel(band - 1) for band in bands] if has > 1 else [image]
    found = []
    for band in bands:
        image.seek(band - 1)
        found.append(image.copy())
    if any(len(page.getbands()) > 1 or page.size != found[0].size for page in found):
        raise UserError("its pages are not bands of one image (data.bands): not all grey, one size")
    return found


def _is_alpha(band: Image.Image) -> bool:
    """Whether something is opaque, and most is that or transparent: so is no band of light."""
    count = band.histogram()
    return count[255] > 0 and 2 * (count[0] + count[255]) >= sum(count)


def deep(image: Image.Image) -> bool:
    """Whether a pixel is one number of more than eight bits."""
    return image.mode.startswith(("I", "F"))


def _eight_bits(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    if levels is None:
        least, most = value_range(image)
        what = (
            f"values from {least:g} to {most:g}, of more than eight bits, as no training photo has"
        )
        raise UserError(
            f"{what}; say which are black and white, --data.levels=[{least:g},{most:g}]"
        )
    low, high = levels
    scaled = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / (high - low)
    return Image.fromarray((255 * scaled.clip(0, 1)).round().astype(np.uint8))


def value_range(*images: Image.Image) -> tuple[float, float]:
    """The least and the largest value that is finite, 0 if none is."""
    values = np.concatenate([np.asarray(image, dtype=np.float64).ravel() for image in images])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
