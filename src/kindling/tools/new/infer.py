"""What a person's own file holds, as settings of a new problem's data module."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from kindling.errors import UserError
from kindling.series.calendar import DAY, Calendar, find_calendar, round_span
from kindling.series.columns import SeriesColumns
from kindling.series.read import read_rows
from kindling.series.several import find_series, refuse_several
from kindling.series.times import NOT_A_TIME, find_layout
from kindling.tables import columns as tables
from kindling.tables.formats import parse
from kindling.tables.read import numeric, read_table, require_columns
from kindling.tools.new.budget import Budget, of_photos, of_series, of_table

CLASSES = 20  # different whole numbers above which a target is a number rather than a class
SIDES = 50  # photos, at most, that show how large they are
PARTS = 12  # of a series without a season, whose levels are compared with how much they change
LOWEST = 0.05  # of the median: what is lower has a logarithm that is far from the others'
VARIED = 1.2  # times as high as others some parts are, where their swings are compared
IRREGULAR = 0.5  # share of rows that follow the one before by a step, below which there is none
SEEN = 1000  # rows that show whether a column is of times


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
    if path.is_dir():
        from kindling.images.folder import find_images  # with torch, which takes seconds

        files = find_images(path)
        about = f"{len(files):,} photos, of about {(side := _side(files))} pixels"
        return Inferred(about, target, {}, of_photos(len(files), side))
    if kind == "images" and target != "regression":
        folder = "photos of classes are in folders; name the folder, DATA=folder"
        raise UserError(f"DATA={path}: {folder}")
    if kind == "series":
        return _series(path, column, target)
    table = read_table(path, typed=True)
    if missing := placeholders(table):
        table = read_table(path, missing, typed=True)
    likely: Sequence[tables.Kind] = ("categories", "numbers", "identifiers")
    last = column or _last(table, likely[:1] if kind == "multi-output" else likely, path)
    several = kind == "tabular" and last not in table and "," in last
    names = last.split(",") if several else [last]
    require_columns(table, names, path)
    if kind == "tabular":
        kinds = {_target(table[name]) for name in names}
        if target is None and len(kinds) > 1:
            raise UserError(f"{path}: {', '.join(names)}: classes and numbers: set TARGET")
        target = target or kinds.pop()
    if (target == "regression" and not several) or kind == "multi-input":
        numeric(table, names, path)
    settings = _rows(kind, table, path, names if several else last)
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


def placeholders(table: pd.DataFrame) -> list[str]:
    """Marks such as ``?`` that stand in columns of numbers where one is missing."""
    found: set[str] = set()
    for name in table.columns:
        there = table[name].dropna()
        if pd.api.types.is_numeric_dtype(there) or tables.looks_like(there) != "numbers":
            continue
        text = there[~np.isfinite(parse(there).values)].unique()
        if len(text) == 1 and not any(map(str.isalnum, text[0])):
            found.add(text[0])
    return sorted(found)


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


def _last(table: pd.DataFrame, kinds: Sequence[tables.Kind], path: Path) -> str:
    """The last column that looks like one of these."""
    for name in reversed([str(name) for name in table.columns]):
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


def _series(path: Path, column: str | None, target: str | None) -> Inferred:
    """What a table with a row for each step of time holds."""
    table = read_table(path)
    value = column or _last(table, ("numbers", "identifiers"), path)
    require_columns(table, [value], path)
    missing, time = placeholders(table[[value]]), _find_time(table.drop(columns=value), path)
    columns = SeriesColumns(time, value, missing=tuple(missing))
    if table[time].duplicated().any() and (found := find_series(path, columns)):
        columns = columns._replace(series=found[0])
    rows = next(iter(read_rows(path, columns, len(table)).values()))
    if (fit := find_calendar(rows.ticks)) is None:
        raise UserError(f"{path}: a single time has no step; add rows to the file")
    settings: dict[str, Any] = {"train": path.name, "time": time, "value": value}
    settings |= {"series": columns.series} if columns.series else {}
    settings |= {"missing": missing} if missing else {}
    series = table[columns.series].nunique() if columns.series else 1
    calendar, log = fit.calendar, False
    if irregular := fit.share < IRREGULAR:
        settings["resample"] = round_span(np.ptp(rows.ticks) / len(rows.ticks))
        calendar = Calendar.every(settings["resample"])
    elif len(np.unique(rows.ticks)) < len(rows.ticks):
        refuse_several(path, columns)
    index, off = calendar.index(rows.ticks)
    whole = (np.diff(index) == 1).all() and not (off | np.isnan(rows.values)).any()
    settings["problems"] = "error" if whole and not irregular else "interpolate"
    if series == 1 and not irregular:
        training = rows.values[: int(0.8 * len(rows.values))]
        log = swings_with_level(training, next(filter(None, calendar.seasons()), 0))
    steps = int(np.ptp(index)) + 1 if irregular else len(index)
    budget = of_series(steps, series, calendar, log)
    return Inferred(_about(table, settings), target, settings, budget)


def swings_with_level(values: NDArray[np.float64], season: int = 0) -> bool:
    """Whether positive numbers differ the more within a season, the higher they are in it.

    References:
        Guerrero, Time-Series Analysis Supported by Power Transformations, 1993, Journal of
        Forecasting 12(1)
    """
    known = values.reshape(-1)[np.isfinite(values.reshape(-1))]
    length = max(season, 4) if season else len(known) // PARTS
    if length < 4 or len(known) < 4 * length or known.min() <= LOWEST * np.median(known):
        return False
    parts = known[len(known) % length :].reshape(-1, length)
    level, swing = parts.mean(1), parts.std(1)
    low, high = np.quantile(level, [0.1, 0.9])
    if high < VARIED * low or swing.min() <= 0:
        return False
    return bool(np.polyfit(np.log(level), np.log(swing), 1)[0] > 0.5)


def _find_time(table: pd.DataFrame, path: Path) -> str:
    """The first column of times, of text if there is one."""
    # Numbers may be times as well, but text that reads as a time hardly is anything else.
    first = table.head(SEEN).apply(pd.to_numeric, errors="coerce")
    numeric = [name for name in table if first[name].count() == table[name].head(SEEN).count()]
    for name in sorted(map(str, table), key=numeric.__contains__):
        if _is_time(table[name]):
            return name
    raise UserError(f"{path}: no column of times; a series needs one such as 2024-01-31 15:00")


def _is_time(cells: "pd.Series[str]") -> bool:
    """Text or numbers in a layout of times, in all of the first rows."""
    known = cells.dropna().head(SEEN)
    if known.empty or tables.looks_like(cells) == "photos":
        return False
    try:
        layout = find_layout(known, None, None)
    except UserError:  # day first or month first, which training asks for
        return True
    if layout is None:
        return False
    # A row's number counts no seconds.
    ticks = layout.parse(known).ticks
    return bool(ticks[0] != NOT_A_TIME and not (layout.format == "seconds" and ticks[0] < DAY))
