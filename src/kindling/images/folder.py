"""Photos in folders: one folder for each class, or any folder with photos to predict."""

import logging
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kindling.data.files import formats, photo_suffixes, printable
from kindling.errors import UserError

DIRT = {"__MACOSX", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
"""Folders that systems leave, with copies and previews of photos in them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageFolder:
    """Photos by class, in class folders or in a table."""

    path: Path
    classes: list[str]  # sorted names of the classes
    files: list[Path]  # of folders, by class and then by name
    labels: NDArray[np.int64]  # index of each photo's class, or (N, C) of 0 and 1: its labels
    groups: Sequence[str] = ()  # what photos have in common that belong in one split, if anything

    @property
    def multilabel(self) -> bool:
        """Whether a photo has any number of labels."""
        return self.labels.ndim == 2

    @property
    def names(self) -> NDArray[np.str_]:
        """The name of each photo's class, or of all its labels."""
        names = np.array(self.classes)
        if not self.multilabel:
            return names[self.labels]
        return np.array(["|".join(names[row.astype(bool)]) for row in self.labels])


def class_name(written: str) -> str:
    """An accent may be written as a letter of its own; the class is the same."""
    return unicodedata.normalize("NFC", written)


def scan(path: Path) -> ImageFolder:
    """Photos in the class folders of ``path``, at any depth; hidden files and folders are skipped.

    Files that are no photos are logged in one line, and so are photos outside of class folders.

    Raises:
        UserError: There is no such folder, no class folder in it, or no photo in one of them.
    """
    require_folder(path)
    entries = _visible(path)
    above = {path.resolve(), *path.resolve().parents}
    photos: dict[str, list[Path]] = defaultdict(list)
    empty: list[str] = []
    stray, ignored = split_images(entry for entry in entries if not entry.is_dir())
    for entry in entries:
        if entry.is_dir():
            _require_text(entry)
            images, others = split_images(_walk(entry, set(above)))
            if not images:
                empty.append(f"{printable(entry)} ({_listed(path, others) or 'empty'})")
            photos[class_name(entry.name)] += images
            ignored += others
    if empty:
        cure = "no photos in this class; add some or remove the folder"
        raise UserError(f"{', '.join(empty)}: {cure}")
    if not photos:
        cure = "put the photos of each class in one of its own"
        raise UserError(f"{printable(path)}: no class folders; {cure}")
    _report(path, "not an image, ignored", ignored)
    _report(path, "left out photos outside any class folder", stray)
    classes = sorted(photos)
    warn_of_case(path, classes)
    files = [file for name in classes for file in photos[name]]
    labels = np.repeat(np.arange(len(classes)), [len(photos[name]) for name in classes])
    return ImageFolder(path, classes, files, labels)


def warn_of_case(path: Path, classes: Sequence[str]) -> None:
    """Log names of classes that differ in large and small letters alone."""
    spelt: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        spelt[name.casefold()].append(name)
    for names in spelt.values():
        if len(names) > 1:
            log.warning("%s: %s: should these be different classes?", path, " and ".join(names))


def find_images(path: Path) -> list[Path]:
    """The photo itself, or the photos in a folder at any depth, sorted.

    Raises:
        UserError: There is nothing at ``path``, or no photo in the folder.
    """
    if path.is_file():
        return [path]
    require_folder(path)
    images, ignored = split_images(_walk(path, {*path.resolve().parents}))
    _report(path, "not an image, ignored", ignored)
    if not images:
        raise UserError(f"{printable(path)}: no photos in this folder; check the path")
    return images


def require_folder(path: Path) -> None:
    if not path.is_dir():
        raise UserError(f"{printable(path)}: no such folder; check the path")


def _require_text(folder: Path) -> None:
    try:
        folder.name.encode()  # a class is named in files that are UTF-8
    except UnicodeEncodeError as error:
        raise UserError(f"{printable(folder)}: its name is not UTF-8; rename the folder") from error


def _visible(folder: Path) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        fault = f"cannot be listed ({error.strerror}); check its permissions"
        raise UserError(f"{printable(folder)}: {fault}") from error
    return [entry for entry in entries if entry.name not in DIRT]


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones and those that systems leave."""
    return [entry for entry in _visible(folder) if entry.is_dir()]


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


def split_images(files: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Photos, whether or not they can be read, and what is none."""
    found: tuple[list[Path], list[Path]] = [], []
    for file in files:
        found[not _is_image(file)].append(file)
    return found


def _is_image(file: Path) -> bool:
    """By its suffix, or without one by its content."""
    if not file.is_file() or file.suffix:
        return file.is_file() and file.suffix.lower() in photo_suffixes()
    try:
        with Image.open(file, formats=formats()):
            return True
    except Exception:  # whatever else it may be
        return False


def _report(path: Path, what: str, files: list[Path]) -> None:
    if files:
        log.warning("%s: %s: %d (%s)", printable(path), what, len(files), _listed(path, files))


def _listed(path: Path, files: list[Path]) -> str:
    names = [printable(file.relative_to(path)) for file in files[:3]] + ["..."]
    return ", ".join(names[: len(files)])
