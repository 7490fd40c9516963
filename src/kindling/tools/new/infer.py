"""What a person's own CSV file holds, as settings of a new problem and as columns of its sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kindling.errors import UserError
from kindling.tables.columns import Columns, choose, looks_like
from kindling.tables.read import numeric, read_table, require_columns, separator_of

CLASSES = 20
"""Different whole numbers above which a target is a number rather than a class."""

CATEGORY = 100
"""Different values above which text is of no use as a category; the data modules' own limit."""

KEPT = 12
"""Values of a category that its stand-in in the sample has."""


class Column(NamedTuple):
    """A column, what it is taken for, and what led to that."""

    name: str
    role: str
    missing: float
    distinct: int
    example: str


@dataclass(frozen=True)
class Inferred:
    """What a file holds.

    Args:
        path: The file.
        about: Separator and rows, in words.
        target: ``classification`` or ``regression``.
        columns: All of them, in the file's order.
        settings: Of the data module.
        constants: Assignments in the sample's module.
    """

    path: Path
    about: str
    target: str
    columns: list[Column]
    settings: dict[str, object]
    constants: Mapping[str, str] = field(default_factory=dict)


def infer_table(path: Path, target: str | None, aim: str | None, photos: bool) -> Inferred:
    """Look at a table.

    Args:
        path: CSV file.
        target: Column to predict; the last one if none is named.
        aim: ``classification`` or ``regression``, where it is not to be found out.
        photos: Whether columns of photos are learned from.

    Raises:
        UserError: The file cannot be read, or has nothing to learn from.
    """
    table = read_table(path)
    target = target if target is not None else str(table.columns[-1])
    require_columns(table, [target], path)
    columns = _useful(table, choose(table, target, {}, path))
    aim = aim or ("regression" if photos else _aim(table[target]))
    if not (columns.numbers or columns.categories or (photos and columns.photos)):
        raise UserError(f"{path}: no column to learn from beside {target!r}; add or name another")
    if photos and not columns.photos:
        raise UserError(f"{path}: no column of photos' paths; KIND=tabular is for a table alone")
    roles = {name: role[:-1] for role, names in columns._asdict().items() for name in names}
    roles = {n: "category" if r == "categorie" else r for n, r in roles.items()}
    roles[target] = f"target ({'class' if aim == 'classification' else 'number'})"
    settings: dict[str, object] = {
        "table": path.name,
        "target": target,
        "numbers": columns.numbers,
        "categories": columns.categories,
    }
    if photos:
        settings["photos"] = columns.photos
        settings["log_target"] = bool((numeric(table, [target], path) > 0).all())
    if columns.identifiers:
        settings["ignore"] = columns.identifiers
    constants = _constants(table, target, aim, columns, path, photos)
    return Inferred(path, _about(path, table), aim, _listed(table, roles), settings, constants)


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


def _aim(cells: "pd.Series[str]") -> str:
    if looks_like(cells) not in ("numbers", "identifiers"):
        return "classification"
    value = pd.to_numeric(cells.str.replace(",", "."), errors="coerce")
    whole = bool((value.dropna() % 1 == 0).all())
    return "classification" if whole and cells.nunique() <= CLASSES else "regression"


def _listed(table: pd.DataFrame, roles: Mapping[str, str]) -> list[Column]:
    return [
        Column(
            str(name),
            roles.get(str(name), "not used"),
            float(table[name].isna().mean()),
            int(table[name].nunique()),
            str(next(iter(table[name].dropna()), "")),
        )
        for name in table.columns
    ]


def _about(path: Path, table: pd.DataFrame) -> str:
    name = {",": "comma", ";": "semicolon", "\t": "tab"}[separator_of(path.read_text("utf-8-sig"))]
    decimal = "; decimal comma" if table.attrs.get("decimal") == "," else ""
    return f"{len(table):,} rows; separator {name}{decimal}"


def _constants(
    table: pd.DataFrame, target: str, aim: str, columns: Columns, path: Path, photos: bool
) -> dict[str, str]:
    """The sample's own columns, as numbers, values and gaps of the file's."""
    numbers = {}
    for name, value in zip(columns.numbers, numeric(table, columns.numbers, path).T, strict=True):
        missing = float(np.isnan(value).mean())
        numbers[name] = (_short(np.nanmean(value)), _short(np.nanstd(value)), _short(missing))
    categories = {
        name: (
            sorted(table[name].value_counts().index[:KEPT]),
            _short(float(table[name].isna().mean())),
        )
        for name in columns.categories
    }
    found = {
        "FILE": f"FILE = {path.name!r}",
        "TARGET": f"TARGET = {target!r}",
        "NUMBERS": f"NUMBERS: dict[str, tuple[float, float, float]] = {numbers!r}",
        "CATEGORIES": f"CATEGORIES: dict[str, tuple[list[str], float]] = {categories!r}",
        "IDENTIFIERS": f"IDENTIFIERS: list[str] = {columns.identifiers!r}",
    }
    if photos:
        found["PHOTOS"] = f"PHOTOS = {columns.photos!r}"
    if aim == "classification":
        shares = table[target].value_counts(normalize=True).sort_index()
        found["CLASSES"] = f"CLASSES = { {str(k): _share(v) for k, v in shares.items()}!r}"
    else:
        value = numeric(table, [target], path)[:, 0]
        center, scale = _short(np.nanmean(value)), _short(np.nanstd(value))
        found["CENTER"] = f"CENTER, SCALE = {center!r}, {scale!r}"
    return found


def _short(value: "float | np.floating") -> float:
    return float(f"{value:.4g}")


def _share(value: float) -> float:
    """Enough rows of each class for every split to get one."""
    return max(_short(value), 0.01)
