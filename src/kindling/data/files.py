"""Files: readable image formats, equal files, fingerprints."""

import functools
import hashlib
import importlib.util
import os
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from PIL import Image

from kindling.errors import UserError

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zip", ".parquet", ".xlsx")
"""Suffixes of tables."""

K = TypeVar("K")

TICK = 100_000_000
"""Nanoseconds within which two changes of a file may have the same time; kernels need 10 ms."""

# Pillow reads only the header of these, or calls another program.
_NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


@functools.cache
def formats() -> tuple[str, ...]:
    """Formats that Pillow and its installed plugins decode."""
    Image.init()
    if importlib.util.find_spec("pillow_heif"):
        importlib.import_module("pillow_heif").register_heif_opener()
    if importlib.util.find_spec("pillow_jxl"):
        importlib.import_module("pillow_jxl")  # which registers itself
    return tuple(name for name in Image.ID if name not in _NOT_DECODED)


@functools.cache
def image_suffixes() -> frozenset[str]:
    """Suffixes of image files that can be read, in lower case."""
    readable = set(formats())
    return frozenset(s for s, name in Image.registered_extensions().items() if name in readable)


UNREAD = {
    **dict.fromkeys((".heic", ".heif", ".hif"), "pip install -e '.[heic]' reads it"),
    ".jxl": "pip install pillow-jxl-plugin reads it",
    **dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".orf", ".rw2", ".raf"), "export it"),
    **dict.fromkeys((".dcm", ".nii"), "convert it to PNG or TIFF of 16 bits"),
}
"""Suffixes of photos that Pillow does not read by itself, and what to do."""


def photo_suffixes() -> frozenset[str]:
    """Suffixes of photos, whether or not they can be read here."""
    return image_suffixes().union(UNREAD)


def printable(path: Path) -> str:
    """The path on one line, also if its name has line breaks or is no valid text."""
    return str(path) if str(path).isprintable() else ascii(str(path))


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def identical(files: Iterable[Path]) -> list[list[Path]]:
    """Sets of two or more files with the same bytes."""
    alike = [list(files)]
    # Only files of the same length are read.
    facts: tuple[Callable[[Path], Hashable], ...] = (_length, _digest)
    for fact in facts:
        suspects = [file for several in alike for file in several]
        groups: dict[Hashable, list[Path]] = defaultdict(list)
        for file, key in zip(suspects, _each(fact, suspects), strict=True):
            groups[key].append(file)
        alike = [group for group in groups.values() if len(group) > 1]
    return alike


def duplicates(groups: Mapping[str, Sequence[Path]]) -> list[dict[str, list[Path]]]:
    """Files with the same bytes in two groups, such as splits: by group, for each content."""
    members = {name: set(files) for name, files in groups.items()}
    found = []
    for alike in identical(file for files in groups.values() for file in files):
        files = dict.fromkeys(alike)
        shared = {name: [f for f in files if f in group] for name, group in members.items()}
        shared = {name: of_group for name, of_group in shared.items() if of_group}
        if len(shared) > 1:
            found.append(shared)
    return found


def fingerprint(files: Sequence[Path], root: Path) -> str:
    """SHA-256 over the names, as seen from ``root``, and the contents, given in any order."""
    # A table may list photos outside of its folder.
    names = [os.fsencode(Path(os.path.relpath(file, root)).as_posix()) for file in files]
    whole = hashlib.sha256()
    for name, digest in sorted(zip(names, digests(files), strict=True)):
        whole.update(name + b"\0" + digest)
    return whole.hexdigest()


def digests(files: Iterable[Path]) -> list[bytes]:
    """SHA-256 of each file's content."""
    return _each(_digest, files)


def _each(fact: Callable[[Path], K], files: Iterable[Path]) -> list[K]:
    def named(file: Path) -> K:
        try:
            return fact(file)
        except OSError as error:
            unreadable = f"{printable(file)}: cannot be read ({error.strerror}); check it"
            raise UserError(unreadable) from error

    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(named, files))


def _length(file: Path) -> int:
    return file.stat().st_size


def _digest(file: Path) -> bytes:
    # A process reads a file once. A program that changes it can set its modification time back, but
    # not, on POSIX, the time of the last change.
    facts = file.stat()
    changed = max(facts.st_mtime_ns, facts.st_ctime_ns)
    # Two changes within a tick of the file system's clock have the same time.
    read = _content if time.time_ns() - changed > TICK else _content.__wrapped__
    return read(file, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


@functools.cache
def _content(file: Path, *facts: int) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
