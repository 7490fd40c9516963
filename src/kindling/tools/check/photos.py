"""Finds photos that are in two splits, or squashed to another shape.

M: photos.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from kindling.data.datamodule import DataModule
from kindling.data.files import formats, image_suffixes
from kindling.images.read import silent
from kindling.tools.check.samples import Finding, Samples

MOST = 20_000  # photos that are looked at
SIZE = (64, 72)  # height and width to compare them at
CHUNK = 512  # photos that are compared with all others at a time
BITS = 10  # of 64, in which the difference hashes of two photos that are one may differ
SQUASHED = 1.5  # of width to height, above which a photo looks like something else
DETAIL = 0.8  # correlation of fine detail above which two photos are one


def repeated(samples: Samples) -> Iterator[Finding]:
    """Photos that are the same in two splits, or nearly."""
    if samples.photos is None or samples.images is None:
        return
    split, name = (np.repeat(of, samples.photos.shape[1]) for of in (samples.split, samples.names))
    listed = pd.DataFrame({"photo": samples.photos.flatten(), "split": split, "name": name})
    photos = listed.drop_duplicates(["photo", "split"])
    if len(photos) > MOST:
        text = f"{MOST:,} of {len(photos):,} photos were looked at, drawn by seed 0"
        yield Finding("note", text)
        photos = photos.sample(MOST, random_state=0)
    # The test photo first, as it is the one to remove.
    photos = photos.sort_values("split", key=lambda split: split == "train", kind="stable")
    parts = torch.split(torch.tensor(photos["photo"].to_list()), CHUNK)
    grey = (samples.images[part].float().mean(1, keepdim=True) for part in parts)
    small = [interpolate(p, SIZE, mode="bilinear", antialias=True)[:, 0] for p in grey]
    found: dict[str, dict[str, None]] = {}
    for pair in similar(torch.cat(small).numpy()):
        (one, other), names = photos["split"].iloc[pair], photos["name"].iloc[pair]
        if one != other:
            found.setdefault(f"{one} and {other}", {})[" = ".join(names)] = None
    for splits, pairs in found.items():
        yield Finding("warn", f"the same photo, or nearly, in {splits}", [*pairs])


def squashed(data: DataModule) -> Iterator[Finding]:
    """Photos that are stretched to a very different shape."""
    size, found = getattr(data, "size", None), []
    if size is None or getattr(data, "fit", "") != "stretch":
        return
    for file in data.files():
        if file.suffix.lower() not in image_suffixes():
            continue
        try:
            with silent(), Image.open(file, "r", formats()) as image:
                width, height = image.size
        except Exception:  # which is told of elsewhere
            continue
        ratio = width / height / (size[1] / size[0])
        if max(ratio, 1 / ratio) > SQUASHED:
            found.append(f"{file.name}: {width} x {height}")
    if found:
        text = "photos that are squashed; --data.fit=crop or pad keeps shapes"
        yield Finding("note", text, found, 5)


def similar(grey: NDArray[np.float32]) -> list[list[int]]:
    """Pairs of photos ``(M, 64, 72)`` with nearly the same difference hash and fine detail.

    Skies are smooth: by their shades alone, two that have nothing in common are alike. So for
    their detail, each block of 8x8 pixels goes without its mean and its slopes.

    References:
        Krawetz, Kind of Like That, 2013,
        https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html
    """
    blocks = grey.reshape(len(grey), 8, 8, 9, 8)
    means = blocks.mean((2, 4), keepdims=True)
    signs = np.where(np.diff(means, axis=3) > 0, 1, -1).reshape(len(grey), -1).astype(np.float32)
    blocks = blocks - blocks.mean(2, keepdims=True) - blocks.mean(4, keepdims=True) + means
    detail = blocks.reshape(len(grey), -1)
    detail = detail / np.maximum(np.linalg.norm(detail, axis=1, keepdims=True), 1e-3)
    found: list[list[int]] = []
    for start in range(0, len(grey), CHUNK):
        part = slice(start, start + CHUNK)
        alike = detail[part] @ detail[start:].T > DETAIL
        alike &= signs[part] @ signs[start:].T >= 64 - 2 * BITS
        found += (np.argwhere(np.triu(alike, 1)) + start).tolist()
    return found
