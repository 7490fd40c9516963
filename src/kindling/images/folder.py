"""Photos in folders: one folder for each class, or any folder with photos to predict."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kindling.data.files import image_suffixes, printable
from kindling.errors import UserError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFolder:
    """Photos by class.

    Args:
        path: The folder.
        classes: Names of the class folders in it, sorted.
        files: Photos, by class and then by name.
        labels: Index of each photo's class in ``classes``.
    """

    path: Path
    classes: list[str]
    files: list[Path]
    labels: NDArray[np.int64]


def scan(path: Path) -> ImageFolder:
    """Photos in the class folders of ``path``, at any depth; hidden files and folders are skipped.

    What is no image by its suffix is logged in one line.

    Raises:
        UserError: There is no such folder, no class folder in it, or no photo in one of them.
    """
    _require_folder(path)
    entries = _visible(path)
    above = {path.resolve(), *path.resolve().parents}
    found = {entry: _images(_walk(entry, set(above))) for entry in entries if entry.is_dir()}
    for folder in found:
        _require_text(folder)
    if not found:
        raise UserError(
            f"{printable(path)}: no class folders; put the photos of each class in one of its own"
        )
    if empty := [folder for folder, (images, _) in found.items() if not images]:
        names = ", ".join(map(printable, empty))
        raise UserError(f"{names}: no photos in this class; add some or remove the folder")
    stray = [entry for entry in entries if entry not in found]
    _report(path, stray + [file for _, others in found.values() for file in others])
    files = [file for images, _ in found.values() for file in images]
    labels = np.repeat(np.arange(len(found)), [len(images) for images, _ in found.values()])
    return ImageFolder(path, [folder.name for folder in found], files, labels)


def find_images(path: Path) -> list[Path]:
    """The photo itself, or the photos in a folder at any depth, sorted.

    Raises:
        UserError: There is nothing at ``path``, or no photo in the folder.
    """
    if path.is_file():
        return [path]
    _require_folder(path)
    images, ignored = _images(_walk(path, {*path.resolve().parents}))
    _report(path, ignored)
    if not images:
        raise UserError(f"{printable(path)}: no photos in this folder; check the path")
    return images


def _require_folder(path: Path) -> None:
    if not path.is_dir():
        raise UserError(f"{printable(path)}: no such folder; check the path")


def _require_text(folder: Path) -> None:
    """A class is named in files that are UTF-8."""
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{printable(folder)}: its name is not UTF-8; rename the folder") from error


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(
            f"{printable(folder)}: cannot be listed ({error.strerror}); check its permissions"
        ) from error


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Everything but folders, sorted; no link leads into a folder that was seen already."""
    if (real := folder.resolve()) in seen:
        return
    seen.add(real)
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _walk(entry, seen)
        else:
            yield entry


def _images(files: Iterator[Path]) -> tuple[list[Path], list[Path]]:
    """Images, and what is none."""
    found: tuple[list[Path], list[Path]] = [], []
    for file in files:
        is_image = file.suffix.lower() in image_suffixes() and file.is_file()
        found[not is_image].append(file)
    return found


def _report(path: Path, ignored: list[Path]) -> None:
    if ignored:
        names = ", ".join(printable(file.relative_to(path)) for file in ignored[:3])
        more = ", ..." if len(ignored) > 3 else ""
        count = len(ignored)
        log.warning("%s: ignored what is no image: %d (%s%s)", printable(path), count, names, more)
