"""What a person's own CSV file holds, as settings of a new problem's data module."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kindling.errors import UserError
from kindling.tables.columns import Columns, choose, looks_like
from kindling.tables.read import numeric, read_table, require_columns, separator_of

CLASSES = 20
"""Different whole numbers above which a target is a number rather than a class."""

CATEGORY = 100
"""Different values above which text is of no use as a category; the data modules' own limit."""

ROLES = {
    "numbers": "number",
    "categories": "category",
    "photos": "photo",
    "ignore": "identifier",
    "time": "time",
    "value": "value",
    "amount": "target (number)",
    "target": "target (class)",
}
"""What a column is taken for, by the setting that names it."""

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
DAY, WEEK = 86_400, 7 * 86_400
WINDOW = 24
SPARE = 40
"""How often what a window and its lags take must fit into the series."""


class Inferred(NamedTuple):
    """What a file holds.

    Args:
        table: Its cells.
        about: Rows, separator and the like, in words.
        target: ``classification`` or ``regression``; none where a kind has one only.
        settings: Of the data module.
    """

    table: pd.DataFrame
    about: str
    target: str | None
    settings: dict[str, object]

    @property
    def roles(self) -> Mapping[str, str]:
        """What columns are taken for; others are not used."""
        roles = {**ROLES, **({"target": "target (number)"} if self.target == "regression" else {})}
        named = {key: self.settings.get(key, ()) for key in roles}
        listed = {key: [n] if isinstance(n, str) else n for key, n in named.items()}
        return {name: roles[key] for key, names in listed.items() for name in names}  # type: ignore[attr-defined]


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
    separator = separator_of(path.read_text("utf-8-sig"))
    about = f"{len(table):,} rows; separator {SEPARATORS[separator]}"
    about += "; decimal comma" if table.attrs.get("decimal") == "," else ""
    if kind == "series":
        return _series(table, path, column, about)
    if kind == "multi-output":
        column = column or _last(table, "categories", path)
    column = column or str(table.columns[-1])
    target = target or (None if kind == "multi-output" else _target(table[column]))
    if kind == "multi-input":
        target = "regression"
    if target == "regression":
        numeric(table, [column], path)
    return Inferred(table, about, target, _rows(kind, table, path, column))


def _rows(kind: str, table: pd.DataFrame, path: Path, column: str) -> dict[str, object]:
    """Settings for a table with a row for each sample."""
    photos = kind != "tabular"
    columns = _useful(table, choose(table, column, {} if photos else {"photos": ()}, path))
    if photos and not columns.photos:
        raise UserError(f"{path}: no column of photos' paths; KIND=tabular is for a table alone")
    if not (columns.numbers or columns.categories or columns.photos):
        raise UserError(f"{path}: no column to learn from beside {column!r}; add or name another")
    settings: dict[str, object] = {"table": path.name, "target": column}
    if photos:
        settings["photos"] = columns.photos
    if kind == "multi-output":
        settings["amount"] = _last(table.drop(columns=column), "numbers", path)
    elif kind == "images":  # from photos alone, until somebody names columns here
        settings |= {"numbers": [], "categories": []}
    else:
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


def _last(table: pd.DataFrame, kind: str, path: Path) -> str:
    """The last column that looks like numbers, or like categories."""
    for name in reversed([str(name) for name in table.columns]):
        if looks_like(table[name]) == kind:
            return name
    raise UserError(f"{path}: no column of {kind} to predict; name the class by TARGET_COLUMN=")


def _series(table: pd.DataFrame, path: Path, value: str | None, about: str) -> Inferred:
    """Settings for a table with a row for each step of time."""
    names = [str(name) for name in table.columns]
    time = next((name for name in names if name != value and _is_time(table[name])), None)
    if time is None:
        raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")
    numbers = [n for n in names if n != time and looks_like(table[n]) in ("numbers", "identifiers")]
    if value is None and not numbers:
        raise UserError(f"{path}: no column of numbers beside {time!r}; a series needs one")
    value = value or numbers[-1]
    seconds = _times(table[time]).diff().dt.total_seconds().dropna()
    step = int(seconds[seconds > 0].mode().iloc[0]) if (seconds > 0).any() else DAY
    mend = bool((seconds != step).any() or table[value].isna().any())
    settings: dict[str, object] = {
        "train": path.name,
        "test": None,
        "time": time,
        "value": value,
        "problems": "interpolate" if mend else "error",
        "window": WINDOW,
        "lags": _lags(step, len(table)),
    }
    about += f"; a step is {pd.Timedelta(seconds=step)}"
    about += "; gaps or missing values are interpolated" if mend else "; regular"
    return Inferred(table, about, "regression", settings)


def _is_time(cells: "pd.Series[str]") -> bool:
    if looks_like(cells) in ("numbers", "identifiers", None):
        return False
    return bool(_times(cells).notna().mean() > 0.9)


def _times(cells: "pd.Series[str]") -> "pd.Series[pd.Timestamp]":
    """By the layout of the first cell; the data module reads more layouts than that."""
    for first in (False, True):
        read = pd.to_datetime(cells, errors="coerce", utc=True, format="mixed", dayfirst=first)
        if read.notna().mean() > 0.9:
            break
    return read


def _lags(step: int, rows: int) -> list[str]:
    """A day and a week, where the step divides them and the series is long enough."""
    periods = {"1d": DAY, "7d": WEEK}
    fitting = {name: period for name, period in periods.items() if period % step == 0}
    return [n for n, p in fitting.items() if p > step and rows > SPARE * (p // step + WINDOW)]
