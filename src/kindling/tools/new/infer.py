"""What a person's own CSV file holds, as settings of a new problem's data module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from kindling.errors import UserError
from kindling.tables.columns import (
    Columns,
    Kind,
    choose,
    described,
    looks_like,
    not_used,
    related_rows,
)
from kindling.tables.formats import parse
from kindling.tables.read import numeric, read_table, require_columns
from kindling.tools.new.budget import Budget, of_photos, of_table
from kindling.tools.new.infer_series import infer_series

CLASSES = 20
"""Different whole numbers above which a target is a number rather than a class."""

SIDES = 50
"""Photos, at most, that show how large they are."""


class Inferred(NamedTuple):
    """What a file holds, in words; the kind of target; settings of the data module.

    ``columns`` says what each column of a table was taken for, with an example; ``budget`` is what
    a table or series of that size takes.
    """

    about: str
    target: str | None
    settings: dict[str, Any]
    columns: Mapping[str, str] = {}
    budget: Budget | None = None


def infer(kind: str, path: Path, column: str | None, target: str | None) -> Inferred:
    """What the file holds for a problem of this kind.

    Args:
        kind: As ``KIND=`` has it.
        path: CSV file, or a folder of photos.
        column: To predict, several with commas; where none is named, the last one that can be.
        target: ``classification`` or ``regression``, where it is not to be found out.

    Raises:
        UserError: The file cannot be read, or has nothing to learn from.
    """
    if path.is_dir() and kind == "images":
        return _folder(path, target)
    if kind == "images" and target != "regression":
        raise UserError(
            f"DATA={path}: photos of classes are in folders; name the folder, DATA=folder"
        )
    table = read_table(path, typed=kind != "series")
    missing = placeholders(table) if kind != "series" else []
    table = read_table(path, missing, typed=True) if missing else table
    if kind == "tabular" and column is not None and column not in table and "," in column:
        return _several(table, path, column.split(","), target, missing)
    if column is not None:
        require_columns(table, [column], path)
    if kind == "series":
        value = column or _last(table, ("numbers", "identifiers"), path)
        settings, budget = infer_series(table, path, value, placeholders(table[[value]]))
        return Inferred(_about(table, settings), target, settings, {}, budget)
    likely: Sequence[Kind] = ("categories", "numbers", "identifiers")
    column = column or _last(table, likely[:1] if kind == "multi-output" else likely, path)
    if kind == "tabular":
        target = target or _target(table[column])
    related = related_rows(table, [column]) if kind == "tabular" else []
    if target == "regression" or kind == "multi-input":
        numeric(table, [column], path)
    settings = _rows(kind, table, path, column) | ({"missing": missing} if missing else {})
    about = "; ".join([_about(table, settings), *related])
    if kind != "tabular":
        files = [path.parent / name for name in table[settings["photos"][0]].dropna()]
        return Inferred(about, target, settings, budget=of_photos(len(table), _side(files)))
    return Inferred(about, target, settings, *_seen(table, settings, target or ""))


def _folder(path: Path, target: str | None) -> Inferred:
    from kindling.images.folder import find_images  # with torch, which takes seconds

    files = find_images(path)
    side = _side(files)
    about = f"{len(files):,} photos, of about {side} pixels"
    return Inferred(about, target, {}, budget=of_photos(len(files), side))


def _several(
    table: pd.DataFrame, path: Path, names: Sequence[str], target: str | None, missing: list[str]
) -> Inferred:
    """Several targets of one kind in a table."""
    require_columns(table, names, path)
    kinds = {_target(table[name]) for name in names}
    if target is None and len(kinds) > 1:
        raise UserError(f"{path}: {', '.join(names)}: classes and numbers: set TARGET")
    settings = _rows("tabular", table, path, names) | ({"missing": missing} if missing else {})
    found = "; ".join([_about(table, settings), *related_rows(table, names)])
    target = target or kinds.pop()
    return Inferred(found, target, settings, *_seen(table, settings, target))


def _seen(
    table: pd.DataFrame, settings: Mapping[str, Any], target: str
) -> tuple[dict[str, str], Budget]:
    numbers, categories = settings["numbers"], settings["categories"]
    columns = Columns(numbers, categories, [], settings.get("ignore", []))
    targets = np.atleast_1d(settings["target"]).tolist()
    sized = of_table(len(table), len(numbers) + len(categories), target)
    return described(table, columns, targets), sized


def placeholders(table: pd.DataFrame) -> list[str]:
    """Marks such as ``?`` that stand in columns of numbers where one is missing."""
    found: set[str] = set()
    for name in table.columns:
        there = table[name].dropna()
        text = there[~np.isfinite(parse(there).values)].unique()
        if (
            len(text) == 1
            and looks_like(there) == "numbers"
            and not pd.api.types.is_numeric_dtype(there)
        ):
            found |= {word for word in text if not any(map(str.isalnum, word))}
    return sorted(found)


def _about(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    named = [name for value in settings.values() for name in np.atleast_1d(value).tolist()]
    unused = ", ".join(not_used(table, [*map(str, named)]))
    return f"{len(table):,} rows" + (f"; not used: {unused}" if unused else "")


def _rows(
    kind: str, table: pd.DataFrame, path: Path, column: str | Sequence[str]
) -> dict[str, Any]:
    """Settings for a table with a row for each sample."""
    photos = kind != "tabular"
    columns = choose(table, column, {} if photos else {"photos": ()}, path)
    if photos and not columns.photos:
        raise UserError(f"{path}: no column of photos' paths; KIND=tabular is for a table alone")
    target = column if isinstance(column, str) else [*column]
    settings: dict[str, Any] = {"table": path.name, "target": target}
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
    if looks_like(cells) not in ("numbers", "identifiers") or not np.isfinite(found.values).any():
        return "classification"
    value = found.values[np.isfinite(found.values)]
    whole = bool((value % 1 == 0).all()) and not found.example
    return "classification" if whole and len(np.unique(value)) <= CLASSES else "regression"


def _last(table: pd.DataFrame, kinds: Sequence[Kind], path: Path) -> str:
    """The last column that looks like one of these."""
    for name in reversed([str(name) for name in table.columns]):
        if looks_like(table[name]) in kinds:
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
