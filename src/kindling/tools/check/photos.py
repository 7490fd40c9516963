"""Photos: which cannot be read, and which are the same in two splits."""

import random
from collections.abc import Sequence
from itertools import chain, combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import identical, printable
from kindling.errors import UserError
from kindling.images.read import attempts
from kindling.tools.check.report import Report

MOST = 20_000  # photos that are looked at
SIZE = (64, 72)  # height and width to compare them at
CHUNK = 512  # photos that are compared with all others at a time
ORDER = ("test", "val", "train", "")

BITS = 10  # of 64, in which the difference hashes of two photos that are one may differ
DETAIL = 0.8  # correlation of fine detail above which two photos are one


class Photo(NamedTuple):
    """A file, its split and its class, each "" if it has none."""

    file: Path
    split: str
    label: str


def check_photos(images: Sequence[Photo], root: Path, refused: bool, report: Report) -> None:
    """Add the photos that cannot be read, a reason if training is refused, and those alike.

    Each file is given once; below ``root`` they are named from there.
    """
    if len(images) > MOST:
        report.add("note", f"{MOST:,} of {len(images):,} photos were looked at, drawn by seed 0")
        images = random.Random(0).sample(images, MOST)
    grey: dict[Photo, NDArray[np.uint8]] = {}
    stacks = attempts([photo.file for photo in images], SIZE)
    for photo, pixels in zip(images, chain.from_iterable(stacks), strict=True):
        if isinstance(pixels, UserError):
            report.add("stop" if refused else "warn", "photos that cannot be read", str(pixels))
        else:
            grey[photo] = pixels.mean(0, dtype=np.float32).round().astype(np.uint8)
    sound = list(grey)
    place = {photo.file: k for k, photo in enumerate(sound)}
    groups = (sorted(place[file] for file in files) for files in identical(place))
    same = {pair for group in groups for pair in combinations(group, 2)}
    near = similar(np.stack(list(grey.values()))) - same if sound else set()
    for what, pairs in (("the same photo, byte for byte,", same), ("nearly the same photo", near)):
        for pair in sorted(pairs):
            a, b = sorted((sound[k] for k in pair), key=lambda photo: ORDER.index(photo.split))
            _add_pair(what, a, b, root, report)


def _add_pair(what: str, a: Photo, b: Photo, root: Path, report: Report) -> None:
    """Add two photos that are the same, the one in the later split first."""
    files = (p.file.relative_to(root) if p.file.is_relative_to(root) else p.file for p in (a, b))
    line = "\n = ".join(map(printable, files))
    if a.split == b.split:
        report.add("note", f"{what} twice in one split" if a.split else f"{what} twice", line)
    elif b.split:
        report.add("warn", f"{what} in {a.split} and {b.split}", line)
    else:  # training leaves it out itself
        report.add("note", f"{what} in {a.split}, and left out of the others", line)
    if a.label != b.label:
        report.add("warn", f"{what} in two classes", line)


def similar(grey: NDArray[np.uint8]) -> set[tuple[int, int]]:
    """Pairs, of ``(photos, 64, 72)``, with nearly the same difference hash and fine detail.

    Skies are smooth: by their shades alone, two that have nothing in common are alike. So for
    their detail, each block of 8x8 pixels goes without its mean and its slopes.

    References:
        Krawetz, Kind of Like That, 2013,
        https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html
    """
    blocks = grey.reshape(len(grey), 8, 8, 9, 8).astype(np.float32)
    means = blocks.mean((2, 4), keepdims=True)
    signs = np.where(np.diff(means, axis=3) > 0, 1, -1).reshape(len(grey), -1).astype(np.float32)
    blocks -= blocks.mean(2, keepdims=True) + blocks.mean(4, keepdims=True) - means
    detail = blocks.reshape(len(grey), -1)
    detail /= np.maximum(np.linalg.norm(detail, axis=1, keepdims=True), 1e-6)
    found: set[tuple[int, int]] = set()
    for start in range(0, len(grey), CHUNK):
        part = slice(start, start + CHUNK)
        alike = detail[part] @ detail[start:].T > DETAIL
        alike &= signs[part] @ signs[start:].T >= 64 - 2 * BITS
        found |= {(a + start, b + start) for a, b in np.argwhere(np.triu(alike, 1)).tolist()}
    return found
