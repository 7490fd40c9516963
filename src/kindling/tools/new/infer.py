"""What a person's own CSV file holds, as settings of a new problem's data module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.series.rows import read_rows
from kindling.series.windows import DAY
from kindling.tables.columns import Kind, choose, looks_like, not_used, related_rows
from kindling.tables.formats import parse
from kindling.tables.read import numeric, read_table, require_columns

CLASSES = 20
"""Different whole numbers above which a target is a number rather than a class."""

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
    missing = placeholders(table) if kind != "series" else []
    table = read_table(path, missing) if missing else table
    if column is not None:
        require_columns(table, [column], path)
    related: list[str] = []
    if kind == "series":
        settings = _series(table, path, column)
    else:
        likely: Sequence[Kind] = ("categories", "numbers", "identifiers")
        column = column or _last(table, likely[:1] if kind == "multi-output" else likely, path)
        if kind == "tabular":
            target = target or _target(table[column])
            related = related_rows(table, [column])
        if target == "regression" or kind == "multi-input":
            numeric(table, [column], path)
        settings = _rows(kind, table, path, column) | ({"missing": missing} if missing else {})
    return Inferred("; ".join([_about(table, settings), *related]), target, settings)


def placeholders(table: pd.DataFrame) -> list[str]:
    """Marks such as ``?`` that stand in columns of numbers where one is missing."""
    found: set[str] = set()
    for name in table.columns:
        there = table[name].dropna()
        text = there[~np.isfinite(parse(there).values)].unique()
        if looks_like(table[name]) == "numbers" and len(text) == 1:
            found |= {word for word in text if not any(map(str.isalnum, word))}
    return sorted(found)


def _about(table: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    named = [name for value in settings.values() for name in np.atleast_1d(value).tolist()]
    unused = ", ".join(not_used(table, named))
    return f"{len(table):,} rows" + (f"; not used: {unused}" if unused else "")


def _rows(kind: str, table: pd.DataFrame, path: Path, column: str) -> dict[str, Any]:
    """Settings for a table with a row for each sample."""
    photos = kind != "tabular"
    columns = choose(table, column, {} if photos else {"photos": ()}, path)
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
    if cells.isna().all() or looks_like(cells) not in (None, "categories", "identifiers"):
        return False
    first = cells.dropna().iloc[0]
    if np.isfinite(parse(cells[:1]).values).any():
        return False
    return not pd.isna(pd.to_datetime(first, errors="coerce", format="mixed", dayfirst=True))
