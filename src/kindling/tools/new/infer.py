"""What a person's own CSV file holds, as settings of a new problem's data module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.series.rows import read_rows
from kindling.series.windows import DAY
from kindling.tables.columns import Columns, Kind, choose, looks_like
from kindling.tables.read import numeric, read_table, require_columns

CLASSES = 20
"""Different whole numbers above which a target is a number rather than a class."""

CATEGORY = 100
"""Different values above which text is of no use as a category; the data modules' own limit."""

SPARE = 40
"""Days that a series must have for yesterday to be of use."""


class Inferred(NamedTuple):
    """What a file holds, in words; the kind of target; settings of the data module."""

    about: str
    target: str | None
    settings: dict[str, Any]


def infer(kind: str, path: Path, column: str | None, target: str | None) -> Inferred:
    """What the file holds for a problem of this kind.

    Args:
        kind: As ``KIND=`` has it.
        path: CSV file.
        column: To predict; where none is named, the last one that can be.
        target: ``classification`` or ``regression``, where it is not to be found out.

    Raises:
        UserError: The file cannot be read, or has nothing to learn from.
    """
    if kind == "images" and target != "regression":
        raise UserError(
            f"DATA={path}: photos of classes lie in folders; make the problem without DATA, then "
            "train on them by make train DATA=folder"
        )
    table = read_table(path)
    if column is not None:
        require_columns(table, [column], path)
    if kind == "series":
        settings = _series(table, path, column)
    else:
        likely: Sequence[Kind] = ("categories", "numbers", "identifiers")
        column = column or _last(table, likely[:1] if kind == "multi-output" else likely, path)
        if kind == "tabular":
            target = target or _target(table[column])
        if target == "regression" or kind == "multi-input":
            numeric(table, [column], path)
        settings = _rows(kind, table, path, column)
    return Inferred(_about(table, settings), target, settings)


def _about(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    named = {name for value in settings.values() for name in np.atleast_1d(value).tolist()}
    unused = ", ".join(str(name) for name in table.columns if name not in named)
    return f"{len(table):,} rows" + (f"; not used: {unused}" if unused else "")


def _rows(kind: str, table: pd.DataFrame, path: Path, column: str) -> dict[str, Any]:
    """Settings for a table with a row for each sample."""
    photos = kind != "tabular"
    columns = _useful(table, choose(table, column, {} if photos else {"photos": ()}, path))
    if photos and not columns.photos:
        raise UserError(f"{path}: no column of photos' paths; KIND=tabular is for a table alone")
    if not (columns.numbers or columns.categories or columns.photos):
        raise UserError(f"{path}: no column to learn from beside {column!r}; add or name another")
    settings: dict[str, Any] = {"table": path.name, "target": column}
    if photos:
        settings["photos"] = columns.photos
    if kind == "multi-output":
        settings["amount"] = _last(table.drop(columns=column), ("numbers",), path)
    elif kind != "images":  # which learns from photos alone
        settings |= {"numbers": columns.numbers, "categories": columns.categories}
    return settings | ({"ignore": columns.identifiers} if columns.identifiers else {})


def _useful(table: pd.DataFrame, columns: Columns) -> Columns:
    """Without columns of one value; text that differs nearly everywhere is a name."""
    categories, identifiers = [], list(columns.identifiers)
    for name in columns.categories:
        distinct, there = table[name].nunique(), int(table[name].notna().sum())
        if distinct > CATEGORY or (distinct > CLASSES and distinct > there / 2):
            identifiers.append(name)
        elif distinct > 1:
            categories.append(name)
    numbers = [name for name in columns.numbers if table[name].nunique() > 1]
    return columns._replace(numbers=numbers, categories=categories, identifiers=identifiers)


def _target(cells: "pd.Series[str]") -> str:
    if looks_like(cells) not in ("numbers", "identifiers"):
        return "classification"
    value = pd.to_numeric(cells.str.replace(",", "."), errors="coerce")
    whole = bool((value.dropna() % 1 == 0).all())
    return "classification" if whole and cells.nunique() <= CLASSES else "regression"


def _last(table: pd.DataFrame, kinds: Sequence[Kind], path: Path) -> str:
    """The last column that looks like one of these."""
    for name in reversed([str(name) for name in table.columns]):
        if looks_like(table[name]) in kinds:
            return name
    raise UserError(f"{path}: no column of {kinds[0]} to predict; add one, or TARGET_COLUMN=name")


def _series(table: pd.DataFrame, path: Path, value: str | None) -> dict[str, Any]:
    """Settings for a table with a row for each step of time."""
    names = [str(name) for name in table.columns]
    value = value or _last(table, ("numbers", "identifiers"), path)
    time = next((name for name in names if name != value and _is_time(table[name])), None)
    if time is None:
        raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")
    rows = read_rows(path, time, value, len(table))
    regular = bool((np.diff(rows.ticks) == rows.step).all() and not np.isnan(rows.values).any())
    steps = 0 if DAY % rows.step else DAY // rows.step
    return {
        "train": path.name,
        "time": time,
        "value": value,
        "problems": "error" if regular else "interpolate",
        "lags": ["1d"] if 1 < steps < len(rows.ticks) / SPARE else [],
    }


def _is_time(cells: "pd.Series[str]") -> bool:
    """By the first cell, in any of many layouts."""
    if looks_like(cells) != "categories":
        return False
    first = cells.dropna().iloc[0]
    return not pd.isna(pd.to_datetime(first, errors="coerce", format="mixed", dayfirst=True))
