"""What a person's own file holds, as settings of a new problem's data module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from kindling.errors import UserError
from kindling.tables import columns as tables
from kindling.tables.formats import parse
from kindling.tables.read import numeric, read_table, require_columns
from kindling.tools.new.budget import Budget, of_photos, of_table
from kindling.tools.new.infer_series import infer_series, numbered

CLASSES = 20  # different whole numbers above which a target is a number rather than a class
SIDES = 50  # photos, at most, that show how large they are
UNMEASURED = (-99, -200, -999, -9999, -99999)  # where files have them, nothing was measured


class Inferred(NamedTuple):
    """What a file holds, in words; the kind of target; settings of the data module.

    ``columns`` says what each column of a table was taken for, with an example; ``budget`` is what
    data of that size takes.
    """

    about: str
    target: str | None
    settings: dict[str, Any]
    budget: Budget
    columns: Mapping[str, str] = {}


def infer(kind: str, path: Path, column: str | None, target: str | None) -> Inferred:
    """What the file holds for a problem of this kind.

    Raises:
        UserError: The file cannot be read, or has nothing to learn from.
    """
    if path.is_dir() and kind == "images":
        return _folder(path, target)
    if kind == "images" and target != "regression":
        folder = "photos of classes are in folders; name the folder, DATA=folder"
        raise UserError(f"DATA={path}: {folder}")
    table = read_table(path, typed=True)
    if kind == "series":
        return _series(table, path, column, target)
    if missing := placeholders(table):
        table = read_table(path, missing, typed=True)
    likely: Sequence[tables.Kind] = ("categories", "numbers", "identifiers")
    last = column or _last(table, likely[:1] if kind == "multi-output" else likely, path)
    names = last.split(",") if kind == "tabular" and last not in table else [last]
    require_columns(table, names, path)
    if kind == "tabular":
        target = target or _one_kind(table, names, path)
    if (target == "regression" and len(names) == 1) or kind == "multi-input":
        try:
            numeric(table, names, path)
        except UserError as error:
            text = kind == "tabular" and _target(table[last]) == "classification"
            as_class = "; to predict it as a class, set TARGET=classification" if text else ""
            raise UserError(f"{error}{as_class}") from error
    settings = _rows(kind, table, path, names if len(names) > 1 else last)
    settings |= {"missing": missing} if missing else {}
    if kind != "tabular":
        files = [path.parent / name for name in table[settings["photos"][0]].dropna()]
        budget = of_photos(len(table), _side(files))
        return Inferred(_about(table, settings), target, settings, budget)
    numbers, categories = settings["numbers"], settings["categories"]
    budget = of_table(len(table), len(numbers) + len(categories), target or "")
    columns = tables.Columns(numbers, categories, [], settings.get("ignore", []))
    about = "; ".join([_about(table, settings), *tables.related_rows(table, names)])
    return Inferred(about, target, settings, budget, tables.described(table, columns, names))


def _folder(path: Path, target: str | None) -> Inferred:
    from kindling.images.folder import find_images  # with torch, which takes seconds

    files = find_images(path)
    about = f"{len(files):,} photos, of about {(side := _side(files))} pixels"
    return Inferred(about, target, {}, of_photos(len(files), side))


def placeholders(table: pd.DataFrame) -> list[str]:
    """Marks such as ``?`` that stand in columns of numbers where one is missing."""
    found: set[str] = set()
    for name in table.columns:
        there = table[name].dropna()
        values, typed = parse(there).values, pd.api.types.is_numeric_dtype(there)
        text, far = there[~np.isfinite(values)].unique(), _far_below(values)
        if (len(text) == 1 or far is not None) and tables.looks_like(there) == "numbers":
            found |= {word for word in text if not any(map(str.isalnum, word))}
            found |= set() if far is None else {f"{far:g}"}
            found |= set() if typed else {*there[values == far]}
    return sorted(found)


def _far_below(values: NDArray[np.float64]) -> float | None:
    """One of :data:`UNMEASURED` that is repeated and far below all other numbers."""
    lowest = np.nanmin(values, initial=0)
    others = values[values > lowest]
    repeated = lowest in UNMEASURED and (values == lowest).sum() > 1
    return float(lowest) if repeated and len(others) and (others > lowest / 2).all() else None


def _about(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    named = [name for value in settings.values() for name in np.atleast_1d(value).tolist()]
    unused = ", ".join(tables.not_used(table, [*map(str, named)]))
    return f"{len(table):,} rows" + (f"; not used: {unused}" if unused else "")


def _rows(
    kind: str, table: pd.DataFrame, path: Path, column: str | Sequence[str]
) -> dict[str, Any]:
    """Settings for a table with a row for each sample."""
    photos = kind != "tabular"
    columns = tables.choose(table, column, {} if photos else {"photos": ()}, path)
    if photos and not columns.photos:
        raise UserError(f"{path}: no column of photos' paths; KIND=tabular is for a table alone")
    settings: dict[str, Any] = {"table": path.name, "target": column}
    if photos:
        settings["photos"] = columns.photos
    if kind == "multi-output":
        settings["amount"] = _last(table.drop(columns=column), ("numbers",), path)
    elif kind != "images":  # which learns from photos alone
        settings |= {"numbers": columns.numbers, "categories": columns.categories}
    return settings | ({"ignore": columns.identifiers} if columns.identifiers else {})


def _target(cells: "pd.Series[str]") -> str:
    """A number if the cells are: with a fraction, a currency, or of many values."""
    found = parse(cells.dropna())
    value = found.values[np.isfinite(found.values)]
    if tables.looks_like(cells) not in ("numbers", "identifiers") or not len(value):
        return "classification"
    whole = bool((value % 1 == 0).all()) and not found.example
    return "classification" if whole and len(np.unique(value)) <= CLASSES else "regression"


def _one_kind(table: pd.DataFrame, names: Sequence[str], path: Path) -> str:
    """What all targets are; a UserError if some are numbers and others classes."""
    kinds = {name: _target(table[name]) for name in names}
    if len({*kinds.values()}) > 1:
        numbers = ", ".join(name for name in names if kinds[name] == "regression")
        fault = f"{path}: of {', '.join(names)} only {numbers} is a number, not a class"
        cure = "name targets of one kind, or set TARGET=classification or regression for all"
        raise UserError(f"{fault}: {cure}")
    return kinds[names[0]]


def _last(table: pd.DataFrame, kinds: Sequence[tables.Kind], path: Path) -> str:
    """The last column that looks like one of these; one named ID only if there is no other."""
    names = map(str, table.columns[::-1])
    for name in sorted(names, key=lambda name: bool(tables.ID.search(name))):
        if tables.looks_like(table[name]) in kinds:
            return name
    raise UserError(f"{path}: no column of {kinds[0]} to predict; add one, or TARGET_COLUMN=name")


def _side(files: Sequence[Path]) -> int:
    """Pixels of the longer side of most photos, by some of those that can be read."""
    sides = []
    for file in files[:: len(files) // SIDES + 1]:
        try:
            with Image.open(file) as photo:
                sides.append(max(photo.size))
        except OSError:  # which training names
            continue
    return int(np.median(sides)) if sides else 32


def _series(table: pd.DataFrame, path: Path, column: str | None, target: str | None) -> Inferred:
    """What a table with a row for each step of time holds."""
    wide = [] if column else numbered(table)
    named = column or ("" if wide else _last(table, ("numbers", "identifiers"), path))
    values = wide or ([named] if named in table else named.split(","))
    require_columns(table, values, path)
    settings, budget = infer_series(table, path, values, bool(wide), placeholders(table[values]))
    return Inferred(_about(table, {**settings, "value": values}), target, settings, budget)
