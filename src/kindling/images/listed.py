"""Photos that a table lists: a column of paths, or of names that a folder and a suffix complete.

N: rows.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.images.folder import ImageFolder, class_name, folders
from kindling.images.labels import read_labels
from kindling.tables.read import listed, read_table, refuse, require_columns

SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".JPG", ".JPEG", ".PNG")
ADDRESS = "{cell} is an address: download the photos and name their files"
SEVERAL = "{cell} are several photos: give each a column of its own"
EMPTY = frozenset({""})
"""Cells that are missing labels: a class may be called ``null``, and a person Nan."""

TRIED = 20  # rows that show where the photos lie
log = logging.getLogger(__name__)


def photo_path(folder: Path, cell: str) -> Path:
    """The file that a cell names, also by a path as Windows writes it."""
    path = folder / cell
    return path if "\\" not in cell or path.exists() else folder / cell.replace("\\", "/")


def with_names(
    table: pd.DataFrame, column: str | None, path: Path, missing: Sequence[str] = ()
) -> pd.DataFrame:
    """The table with the names of classes or people in a column as they are written."""
    if column is None or column not in table:
        return table
    names = read_table(path, missing, absent=EMPTY)[column]
    return table.assign(**{column: names.map(class_name, na_action="ignore")})


def listed_images(
    table: pd.DataFrame, columns: Sequence[str], path: Path, strict: bool = True
) -> list[list[Path]]:
    """The photos of each row, V paths for each of N.

    Each row has a first photo; where it lacks another, the first is in its place, so that it adds
    nothing that is not there.

    Args:
        table: As ``read_table`` returns it.
        columns: Paths relative to the folder of the CSV file, or absolute.
        path: The CSV file.
        strict: Whether files have to be there.

    Raises:
        UserError: A column is absent, a row has no first photo, or there is no such file.
    """
    require_columns(table, columns, path)
    if not columns:
        return [[] for _ in range(len(table))]
    first = table[columns[0]]
    refuse(first.isna(), first, path, "no photo: fill in its path or delete the row")
    photos = []
    for name in columns:
        if lacking := int(table[name].isna().sum()):
            said = "%s, column %r: rows without this photo, that of %r in its place: %d"
            log.info(said, path, name, columns[0], lacking)
        there = table[name].fillna(first)
        files = [photo_path(path.parent, cell) for cell in there]
        photos.append(_existing(files, there, path) if strict else files)
    return [list(row) for row in zip(*photos, strict=True)]


def _existing(files: list[Path], cells: "pd.Series[str]", path: Path) -> list[Path]:
    absent = np.array([not file.is_file() for file in files], bool)
    for pattern, fault in ((r"\w+://", ADDRESS), (r"\s*\[", SEVERAL)):
        refuse(absent & cells.str.match(pattern).to_numpy(bool), cells, path, fault)
    refuse(absent, cells, path, f"{{cell}}: no such file in {path.parent}: correct the path")
    return files


def read_listing(
    path: Path,
    file: str | None = None,
    label: str | Sequence[str] | None = None,
    separator: str | None = None,
    photos: str | None = None,
    suffix: str | None = None,
    group: str | None = None,
) -> ImageFolder:
    """Photos and their labels from a table; a column not named is found if it is unambiguous.

    Args:
        path: CSV file.
        file: Column of the photos' names or paths.
        label: Column of the class or of several labels, or a column of 0 and 1 for each label.
        separator: Separates the labels in a cell.
        photos: Folder of the photos, relative to the table's.
        suffix: Ending of the photos' names that the table leaves out.
        group: Column that photos have in common that belong in one split.

    Raises:
        UserError: A column, a photo or a class is not there, or it is not clear which is meant.
    """
    table = read_table(path, absent=EMPTY)
    aside = [label] if isinstance(label, str) else list(label or ())
    require_columns(table, [name for name in (file, *aside) if name is not None], path)
    file, folder, ending = _file_column(table, path, file, aside, photos, suffix)
    cells = table[file]
    refuse(cells.isna(), cells, path, "no photo: fill in its name or delete the row")
    columns = [str(name) for name in table.columns if name not in (file, group)]
    classes, labels = read_labels(table, columns, label, separator, path)
    files = _existing([photo_path(folder, cell + ending) for cell in cells], cells, path)
    groups = table[group].fillna("").tolist() if group in table else ()
    return _merged(ImageFolder(path, classes, files, labels, groups))


def _merged(listed: ImageFolder) -> ImageFolder:
    """Rows of one photo as one, with the labels of all of them."""
    files, first, row = np.unique(
        np.array(listed.files, str), return_index=True, return_inverse=True
    )
    if len(files) == len(listed.files):
        return listed
    log.warning("%s: rows of a photo that has another row: %d", listed.path, len(row) - len(files))
    truth = np.zeros((len(files), len(listed.classes)), np.int64)
    given = listed.labels if listed.multilabel else np.eye(len(listed.classes))[listed.labels]
    np.maximum.at(truth, row, given.astype(np.int64))
    one_class = not listed.multilabel and (truth.sum(1) == 1).all()
    return replace(
        listed,
        files=[listed.files[k] for k in first],
        labels=truth.argmax(1) if one_class else truth,
        groups=[listed.groups[k] for k in first] if listed.groups else (),
    )


def _file_column(
    table: pd.DataFrame, path: Path, file: str | None, aside: Sequence[str],
    photos: str | None, suffix: str | None,
) -> tuple[str, Path, str]:  # fmt: skip
    """The column of photos' names, their folder, and what the names lack."""
    names = [str(name) for name in table.columns if name not in aside]
    found = {
        name: where
        for name in ([file] if file is not None else names)
        if (where := _places(table[name].dropna().head(TRIED), path, photos, suffix))
    }
    if not found:
        cure = "name the column and folder, --data.file --data.photos --data.suffix"
        raise UserError(f"{path}: no column of photos that are there ({listed(names)}); {cure}")
    if len(found) > 1:
        raise UserError(f"{path}: photos in {' and '.join(found)}; name one, --data.file")
    [(name, (folder, ending))] = found.items()
    return name, folder, ending


def _places(
    cells: "pd.Series[str]", path: Path, photos: str | None, suffix: str | None
) -> tuple[Path, str] | None:
    """The folder and the suffix with which all of these photos are there."""
    above = path.parent
    tried = [above / photos] if photos is not None else [above, *folders(above)]
    there = [
        (folder, ending)
        for folder, ending in product(tried, SUFFIXES if suffix is None else [suffix])
        if len(cells) and all(photo_path(folder, cell + ending).is_file() for cell in cells)
    ]
    by_name = [place for place in there if place[0].name == path.name.partition(".")[0]]
    if len(there) > 1 and len(by_name) != 1:
        where = ", ".join(f"{folder}/*{ending}" for folder, ending in there)
        raise UserError(f"{path}: which photos are these, {where}? --data.photos --data.suffix")
    return (by_name or there)[0] if there else None
