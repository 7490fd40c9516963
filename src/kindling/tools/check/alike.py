"""Photos that are the same in two splits: byte for byte, or nearly, to the eye.

N: photos, P: pairs.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import identical, printable
from kindling.tools.check.finding import Level, Section, limited
from kindling.tools.check.photos import Album

Pair = tuple[int, int]
Pairs = NDArray[np.int64]

BITS = 10
"""Of 64, in which the hashes of two photos may differ that are looked at more closely."""

DETAIL = 0.8
"""Correlation of the fine detail of two photos above which they are one.

Of the real clouds' 4,560 pairs with such hashes, 14 that are one have 0.96 or more, the others
0.57 or less.
"""

CHUNK = 1024
"""Hashes that are compared with all others at a time."""


def check_alike(album: Album, root: Path, section: Section) -> None:
    """Name the pairs of which one photo is in a later split than the other."""
    identical_ones = _identical(album)
    same = sorted(identical_ones)
    near = [(a, b) for a, b in _near(album).tolist() if (a, b) not in identical_ones]
    _report(album, root, same, "the same photo, byte for byte,", section)
    _report(album, root, near, "nearly the same photo", section)


def _report(album: Album, root: Path, pairs: list[Pair], what: str, section: Section) -> None:
    """Pairs in two splits, then those that training resolves by itself, and those in one split."""
    rest = []
    found: dict[str, list[str]] = {}
    for pair in pairs:
        a, b = _ordered(album, pair)
        line = f"{_named(album, root, a)}\n = {_named(album, root, b)}"
        if _across(album, a, b):
            found.setdefault(f"in {album.split[a]} and {album.split[b]}", []).append(line)
        elif album.split[a] and not album.split[b]:
            found.setdefault(f"in {album.split[a]}, and left out of the others", []).append(line)
        else:
            rest.append(pair)
        if album.label[a] != album.label[b]:
            found.setdefault("in two classes", []).append(line)
    for where, lines in found.items():
        level: Level = "note" if "left out" in where else "warn"
        section.add(level, f"{what} {where}: {len(lines):,}", limited(lines))
    if rest:
        where = "twice in one split" if any(album.split) else "twice"
        section.add("note", f"{what} {where}: {len(rest):,}")


def _splits(album: Album, pair: Pair) -> tuple[str, str]:
    return album.split[pair[0]], album.split[pair[1]]


def _across(album: Album, a: int, b: int) -> bool:
    first, second = _splits(album, (a, b))
    return first != second and "" not in (first, second)


def _ordered(album: Album, pair: Pair) -> list[int]:
    """The photo of the later split first."""
    order = {"test": 0, "val": 1, "train": 2, "": 3}
    return sorted(pair, key=lambda k: order[album.split[k]])


def _named(album: Album, root: Path, k: int) -> str:
    file = album.files[k]
    return printable(file.relative_to(root) if file.is_relative_to(root) else file)


def _identical(album: Album) -> set[Pair]:
    """Pairs of files that are the same; of a set of several, each with the first of each split."""
    place = {album.files[k]: int(k) for k in album.sound}
    found: set[Pair] = set()
    for alike in identical(place):
        places = sorted(place[file] for file in alike)
        found |= {(places[0], k) for k in places[1:]}
        found |= {(a, b) for a in places for b in places if a < b and _across(album, a, b)}
    return found


def _near(album: Album) -> Pairs:
    """Pairs of photos that are alike to the eye, ``(P, 2)``."""
    sound = album.sound
    found = [np.empty((0, 2), np.int64)]
    for pairs in _candidates(difference_hash(album.pixels[sound])):
        for start in range(0, len(pairs), CHUNK):
            some = sound[pairs[start : start + CHUNK]]
            found.append(some[likeness(album.pixels, some) > DETAIL])
    return np.concatenate(found)


def difference_hash(grey: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where a photo gets brighter from one of 9 cells to the next, in 8 rows, ``(N, 64)``.

    References:
        Krawetz, Kind of Like That, 2013,
        https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html
    """
    count, height, width = grey.shape
    cells = grey.reshape(count, 8, height // 8, 9, width // 9).mean((2, 4))
    bits: NDArray[np.bool_] = (cells[:, :, 1:] > cells[:, :, :-1]).reshape(count, 64)
    return bits


def _candidates(bits: NDArray[np.bool_]) -> Iterator[Pairs]:
    """Pairs of photos whose hashes differ in few bits."""
    # The product of signs counts equal bits less different ones.
    signs = np.where(bits, np.float32(1), np.float32(-1))
    for start in range(0, len(bits), CHUNK):
        equal = signs[start : start + CHUNK] @ signs[start:].T
        a, b = np.nonzero(equal >= bits.shape[1] - 2 * BITS)
        yield np.stack([a, b], 1)[a < b] + start


def likeness(grey: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.float32]:
    """Correlation of the fine detail of two photos, ``(P,)``.

    Skies are smooth: by their shades alone, two of them are alike that have nothing in common.
    """
    one, other = _detail(grey[pairs[:, 0]]), _detail(grey[pairs[:, 1]])
    products: NDArray[np.float32] = np.einsum("pk,pk->p", one, other)
    return products


def _detail(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What is left without each 8x8 pixels' mean and slopes, of length 1, ``(N, pixels)``."""
    count, height, width = grey.shape
    blocks = grey.reshape(count, height // 8, 8, width // 8, 8).astype(np.float32)
    rows, columns = blocks.mean(4, keepdims=True), blocks.mean(2, keepdims=True)
    fine: NDArray[np.float32] = blocks - rows - columns + blocks.mean((2, 4), keepdims=True)
    fine = fine.reshape(count, -1)
    fine /= np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)
    return fine
