"""Photos decoded once, into a file that is mapped into memory from then on.

N: images, H: height, W: width
"""

import contextlib
import hashlib
import json
import logging
import math
import mmap
import os
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch
from torch import Tensor

from kindling.data.files import digests, printable
from kindling.errors import UserError
from kindling.images.read import STACK, BadFiles, Rendering, read_images

log = logging.getLogger(__name__)

_VERSION = 3  # of the keys: to be raised when the same file is read to other pixels than before
_ABANDONED_AFTER = 24 * 3600.0  # seconds
# Python names this flag from 3.13 on. Without it Linux refuses to map more than there is memory.
_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000 if sys.platform == "linux" else 0)


def load_images(
    files: Sequence[Path],
    size: tuple[int, int],
    cache: Path | None,
    limit: int = 20 * 2**30,
    rendering: Rendering = Rendering(),  # noqa: B008
    faults: dict[int, str] | None = None,
) -> Tensor:
    """All images in one tensor: ``images.index_select(0, index)`` is a batch.

    With a cache they are decoded once, and the tensor ``(N, 3, H, W)`` is a private mapping of the
    file that holds them: it may be larger than memory, and writing to it changes no file. Its key
    is the content of every file, in order, and the size: one changed photo decodes the set anew,
    whatever its time says, and a copy of the set does not. The data's fingerprint reads the files
    at every start as it is, and needs not read them again.

    Args:
        files: Images in any format that Pillow reads.
        size: Height and width.
        cache: Folder of decoded images; none decodes them into memory, at every start.
        limit: Bytes that the folder may hold. What was not used for longest makes way; a set that
            does not fit at all is held in memory, and the log says so.
        rendering: How a file becomes pixels.
        faults: Gets what is wrong with the images that cannot be read, by their index in
            ``files``; none is an error.

    Raises:
        UserError: An image cannot be read, or the set fits neither in the cache nor in memory.
    """
    if cache is None or not files:
        return _in_memory(files, size, rendering, faults)
    try:
        return _cached(files, size, cache, limit, rendering, faults)
    except OSError as error:
        log.warning("%s: photos are held in memory, not in this cache: %s", cache, error)
        return _in_memory(files, size, rendering, faults)


def _cached(
    files: Sequence[Path], size: tuple[int, int], cache: Path, limit: int,
    rendering: Rendering, faults: dict[int, str] | None,
) -> Tensor:  # fmt: skip
    content, shape = content_key(files), (len(files), 3, *size)
    key = hashlib.sha256(f"{content} {tuple(rendering)}".encode()).hexdigest()[:32]
    path = cache / f"{'x'.join(map(str, shape))}-{key}.u8"
    beside = path.with_suffix(".bad")  # what could not be read, and is black
    if path.is_file() and path.stat().st_size == math.prod(shape):
        with contextlib.suppress(OSError):  # in a folder that may only be read
            os.utime(path)
        if beside.is_file():
            found = {int(k): fault for k, fault in json.loads(beside.read_text()).items()}
            if faults is None:
                raise BadFiles(files, found)
            faults |= found
        return _mapped(path, shape)
    cache.mkdir(parents=True, exist_ok=True)
    _make_room(cache, math.prod(shape), limit)
    log.info("decoding %d photos into %s", len(files), path)
    # A name of its own for every run: of several that decode the same, the last to finish stays.
    part = path.with_suffix(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            for stack in read_images(files, size, rendering, faults):
                file.write(stack.numpy().data)
            file.flush()
            os.fsync(file.fileno())
        if content_key(files) != content:
            raise UserError(f"{printable(files[0].parent)}: photos changed while read; start again")
        images = _mapped(part, shape)
        if faults:
            beside.write_text(json.dumps(faults))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return images


def content_key(files: Sequence[Path]) -> str:
    """A name for these files' contents, in this order."""
    digest = hashlib.sha256(str(_VERSION).encode())
    for content in digests(files):
        digest.update(content)
    return digest.hexdigest()[:32]


def _mapped(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The file as a tensor that stays whole even when the file is removed or replaced."""
    private: dict[str, int] = {"access": mmap.ACCESS_COPY}
    if sys.platform != "win32":
        protection = mmap.PROT_READ | mmap.PROT_WRITE
        private = {"flags": mmap.MAP_PRIVATE | _NO_RESERVE, "prot": protection}
    with path.open("rb") as file:
        pages = mmap.mmap(file.fileno(), math.prod(shape), **private)
    return torch.frombuffer(pages, dtype=torch.uint8).view(shape)


def _make_room(cache: Path, need: int, limit: int) -> None:
    """Remove what crashed runs left behind, then the caches that were not used for longest."""
    for used, _, part in _entries(cache, "*.part"):
        if used < time.time() - _ABANDONED_AFTER:
            part.unlink(missing_ok=True)
    stored = _entries(cache, "*.u8")
    held = sum(length for _, length, _ in stored)
    room = min(limit, held + shutil.disk_usage(cache).free)
    if need > room:
        raise OSError(f"they need {need:,} bytes, and {room:,} are allowed or free")
    for _, length, path in stored:
        if held + need > room:
            path.unlink(missing_ok=True)  # who has it mapped keeps it
            path.with_suffix(".bad").unlink(missing_ok=True)
            held -= length


def _entries(cache: Path, pattern: str) -> list[tuple[float, int, Path]]:
    """Time of last use, length and path, oldest first."""
    entries = []
    for path in cache.glob(pattern):
        with contextlib.suppress(FileNotFoundError):  # another run makes room as well
            entries.append(((facts := path.stat()).st_mtime, facts.st_size, path))
    return sorted(entries)


def _in_memory(
    files: Sequence[Path],
    size: tuple[int, int],
    rendering: Rendering,
    faults: dict[int, str] | None,
) -> Tensor:
    shape = (len(files), 3, *size)
    if math.prod(shape) > psutil.virtual_memory().total / 2:
        what = f"{len(files):,} photos of {size[0]}x{size[1]} fill more than half of the memory"
        raise UserError(f"{what}: set a cache folder with room for them, or a smaller size")
    images = torch.empty(shape, dtype=torch.uint8)
    for k, stack in enumerate(read_images(files, size, rendering, faults)):
        images[k * STACK :][: len(stack)] = stack
    return images
