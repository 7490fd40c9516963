"""Photos one by one: whether they can be read, how large they are, and in what format."""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kindling.data.files import formats, printable
from kindling.errors import UserError
from kindling.images.read import attempts
from kindling.tools.check.finding import Section, drawn, examples, limited

MOST = 20_000
"""Photos that are looked at; of more, as many are drawn."""

SMALL = (64, 72)
"""Height and width to look at: whole parts of it are the cells of a difference hash."""


@dataclass
class Album:
    """Photos, each once, with what is known of them.

    Args:
        files: The photos, N.
        split: Of each, "" where it is in none.
        label: Class of each, "" where there is none.
        pixels: ``(N, 64, 72)``, grey bytes; 0 where a photo cannot be read.
        sound: Places of the photos that can be read.
        faults: What is wrong with the others.
    """

    files: list[Path]
    split: list[str]
    label: list[str]
    pixels: NDArray[np.uint8] = field(default_factory=lambda: np.empty((0, *SMALL), np.uint8))
    sound: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    faults: list[str] = field(default_factory=list)


def look(album: Album, refused: bool, image_size: int | None, section: Section) -> Album:
    """Read the photos, and add what they are.

    Args:
        album: Files, splits and labels.
        refused: Whether training is: then by those that cannot be read, too.
        image_size: To which training resizes them.
        section: Where findings go.

    Returns:
        The album with its pixels, of a part of the photos where they are many.
    """
    chosen = drawn(len(album.files), MOST, "photos", section)
    parts = (album.files, album.split, album.label)
    album = Album(*([part[k] for k in chosen] for part in parts))  # type: ignore[arg-type]
    _read(album)
    if album.faults:
        count = f"photos that cannot be read: {len(album.faults):,} of {len(album.files):,}"
        section.add("stop" if refused else "warn", count, limited(album.faults))
    sound = [album.files[k] for k in album.sound]
    with warnings.catch_warnings(action="ignore"):  # of large photos and odd headers
        facts = [_facts(file) for file in sound]
    if facts:
        _describe(facts, sound, image_size, section)
    return album


def _read(album: Album) -> None:
    album.pixels = np.zeros((len(album.files), *SMALL), np.uint8)
    sound = []
    tried = (each for stack in attempts(album.files, SMALL) for each in stack)
    for place, image in enumerate(tried):
        if isinstance(image, UserError):
            album.faults.append(str(image))
        else:
            album.pixels[place] = image.mean(0, dtype=np.float32).round()
            sound.append(place)
    album.sound = np.array(sound, np.int64)


def _facts(file: Path) -> tuple[str, str, tuple[int, int]]:
    """Format, mode, and width and height; the file is known to be readable."""
    with Image.open(file, formats=formats()) as image:
        return image.format or "?", image.mode, image.size


def _describe(
    facts: Sequence[tuple[str, str, tuple[int, int]]],
    files: Sequence[Path],
    image_size: int | None,
    section: Section,
) -> None:
    kinds = Counter(f"{form} {mode}" for form, mode, _ in facts)
    named = [f"{kind} ({count:,})" for kind, count in kinds.most_common()]
    section.add("note", f"photos: {examples(named, 5)}")
    sizes = np.array([size for *_, size in facts])
    different, counts = np.unique(sizes, axis=0, return_counts=True)
    if len(different) == 1:
        section.add("note", f"photos of one size: {_times(different[0])}")
    else:
        least, most = sizes[sizes.prod(1).argmin()], sizes[sizes.prod(1).argmax()]
        section.add(
            "note",
            f"photos of {len(different):,} sizes, from {_times(least)} to {_times(most)}, "
            f"mostly {_times(different[counts.argmax()])}",
        )
    small = np.flatnonzero(sizes.max(1) < (image_size or 0)).tolist()
    if small:
        named = [f"{printable(Path(files[k].name))}, {_times(sizes[k])}" for k in small]
        section.add(
            "note",
            f"photos smaller than the {image_size} pixels that training resizes them to: "
            f"{len(small):,} ({examples(named)})",
        )
    flat = sum(mode in ("1", "L", "LA", "I", "F") or mode.startswith("I;") for _, mode, _ in facts)
    if 0 < flat < len(facts):
        section.add("note", f"grey photos among coloured ones: {flat:,}")


def _times(size: NDArray[np.int64]) -> str:
    return f"{size[0]}x{size[1]}"
