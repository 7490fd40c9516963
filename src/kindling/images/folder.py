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
        classes: Names of the class folders, sorted.
        files: Photos, by class and then by name.
        labels: Place of each photo's class in ``classes``.
        ignored: Files that are no images.
    """

    classes: list[str]
    files: list[Path]
    labels: NDArray[np.int64]
    ignored: list[Path]


def scan(root: Path) -> ImageFolder:
    """Photos in the class folders of ``root``, at any depth; hidden files and folders are skipped.

    What is no image by its suffix is logged in one line.

    Raises:
        UserError: There is no such folder, no class folder in it, or no photo in one of them.
    """
    _require_folder(root)
    classes = [entry for entry in _visible(root) if entry.is_dir()]
    for folder in classes:
        _require_text(folder)
    if not classes:
        raise UserError(
            f"{printable(root)}: no class folders; put the photos of each class in one of its own"
        )
    above = {root.resolve(), *root.resolve().parents}
    found = [_split(_walk(folder, set(above))) for folder in classes]
    if empty := [folder for folder, (images, _) in zip(classes, found, strict=True) if not images]:
        names = ", ".join(map(printable, empty))
        raise UserError(f"{names}: no photos in this class; add some or remove the folder")
    stray = [entry for entry in _visible(root) if not entry.is_dir()]
    ignored = stray + [file for _, others in found for file in others]
    _report(root, ignored)
    return ImageFolder(
        classes=[folder.name for folder in classes],
        files=[file for images, _ in found for file in images],
        labels=np.repeat(np.arange(len(classes)), [len(images) for images, _ in found]),
        ignored=ignored,
    )


def find_images(path: Path) -> list[Path]:
    """The photo itself, or the photos in a folder at any depth, sorted.

    Raises:
        UserError: There is nothing at ``path``, or no photo in the folder.
    """
    if path.is_file():
        return [path]
    _require_folder(path)
    images, ignored = _split(_walk(path, {*path.resolve().parents}))
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


def _split(files: Iterator[Path]) -> tuple[list[Path], list[Path]]:
    images: list[Path] = []
    others: list[Path] = []
    for file in files:
        is_image = file.suffix.lower() in image_suffixes() and file.is_file()
        (images if is_image else others).append(file)
    return images, others


def _report(root: Path, ignored: list[Path]) -> None:
    if ignored:
        names = ", ".join(printable(file.relative_to(root)) for file in ignored[:3])
        more = ", ..." if len(ignored) > 3 else ""
        log.warning(
            "%s: ignored what is no image: %d (%s%s)", printable(root), len(ignored), names, more
        )
