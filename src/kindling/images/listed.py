"""Photos that a table lists: a column of paths, or of names that a folder and a suffix complete.

N: rows.
"""

import logging
import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.images.folder import ImageFolder, class_name, folders, warn_of_case
from kindling.tables.read import listed, read_table, refuse, require_columns

SUFFIXES = ("", ".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp", ".JPG", ".JPEG", ".PNG")
LABELS = ("label", "class", "target", "category", "labels", "classes", "species", "breed")
ADDRESS = "{cell} is an address: download the photos and name their files"
SEVERAL = "{cell} are several photos: give each a column of its own"
EMPTY = frozenset({""})
"""What means a missing label: a class may be called ``null``, and a person Nan."""

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
    label: str | None = None,
    photos: str | None = None,
    suffix: str | None = None,
    group: str | None = None,
) -> ImageFolder:
    """Photos and their classes from a table; what is not named is found if it is unambiguous.

    Args:
        path: CSV file.
        file: Column of the photos' names or paths.
        label: Column of the class.
        photos: Folder of the photos, as seen from the table's.
        suffix: What the photos' names end with, where the table does not say it.
        group: Column that photos have in common that belong in one split.

    Raises:
        UserError: A column, a photo or a class is not there, or it is not clear which is meant.
    """
    table = read_table(path, absent=EMPTY)
    require_columns(table, [name for name in (file, label) if name is not None], path)
    file, folder, ending = _file_column(table, path, file, label, photos, suffix)
    label = label or _label_column([str(n) for n in table.columns if n not in (file, group)], path)
    cells, classes = table[file], table[label]
    refuse(cells.isna(), cells, path, "no photo: fill in its name or delete the row")
    refuse(classes.isna(), classes, path, "no class: fill it in or delete the row")
    files = _existing([photo_path(folder, cell + ending) for cell in cells], cells, path)
    names, labels = np.unique([class_name(c) for c in classes], return_inverse=True)
    kinds = names.tolist()
    warn_of_case(path, kinds)
    for kind in kinds:
        if len(parts := re.split(r"[\s,;|]+", kind)) > 1 and set(parts) <= {*kinds}:
            fault = "several classes of one photo, which no model here tells: give it one"
            raise UserError(f"{path}, column {label!r}: {kind!r} are {fault}")
    groups = table[group].fillna("").tolist() if group in table else ()
    return ImageFolder(path, kinds, files, labels.astype(np.int64), groups)


def _file_column(
    table: pd.DataFrame, path: Path, file: str | None, label: str | None,
    photos: str | None, suffix: str | None,
) -> tuple[str, Path, str]:  # fmt: skip
    """The column of photos' names, their folder, and what the names lack."""
    names = [str(name) for name in table.columns if name != label]
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


def _label_column(names: list[str], path: Path) -> str:
    usual = [name for name in names if name.lower() in LABELS]
    if len(choice := usual[:1] or names) != 1:
        raise UserError(f"{path}: which column is the class? --data.label={'|'.join(names)}")
    return choice[0]


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
