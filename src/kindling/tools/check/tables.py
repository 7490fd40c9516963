"""The rows of all tables of a data set: useless columns, and rows that lie in two splits.

N: rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from kindling.data.sources import TableSource
from kindling.errors import UserError
from kindling.tables.columns import looks_like
from kindling.tables.read import numeric, read_table
from kindling.tools.check.report import Report, examples

MOSTLY = 0.8  # share of missing cells above which there is little to learn from a column
FEWEST = 20  # rows below which a column tells nothing
NAMES = 0.95  # share of different values above which a category names its row
NEAR = 1e-3  # interquartile ranges to which numbers are rounded to compare rows
CHANCE = 0.02  # pairs of equal rows to expect by chance, above which equal rows mean little
FINE = 0.5  # share of different values in a column that two rows are unlikely to share

Described = Mapping[str, Mapping[str, Sequence[Any]]]
"""What identifies the samples of each split, by column."""


@dataclass(frozen=True)
class Rows:
    """Rows under one another; the index is what to call each."""

    folder: Path
    cells: pd.DataFrame  # as text
    numbers: pd.DataFrame  # columns that are learned from as numbers
    kinds: Mapping[str, list[str]]  # columns that are categories, photos, targets or groups
    split: "pd.Series[str]"  # "" where a row is in none, or nothing was split

    def used(self) -> "dict[str, pd.Series[Any]]":
        """Columns that are learned from, as numbers or as text."""
        return {**self.numbers, **self.cells[self.kinds["categories"]]}


def read_rows(tables: Sequence[TableSource], described: Described, report: Report) -> Rows | None:
    """The rows of the tables that can be read; of others, and of wrong cells, the errors."""
    kinds: dict[str, list[str]] = {}
    parts = []
    for source in tables:
        try:
            table = read_table(source.path)
        except UserError as error:
            report.add("stop", str(error))
            continue
        kinds = kinds or _kinds(source, table)
        numbers = _numbers(table, kinds["numbers"], source.path, report)
        named = f"{source.path.name} row" if len(tables) > 1 else "row"
        names = [f"{named} {line}" for line in table.index]
        whole = (table, numbers, _split(source, table, described))
        parts.append([part.set_axis(names) for part in whole])
    if not parts:
        return None
    cells, numbers, split = (pd.concat(part) for part in zip(*parts, strict=True))
    return Rows(tables[0].path.parent, cells, numbers, kinds, split)


def _kinds(source: TableSource, table: pd.DataFrame) -> dict[str, list[str]]:
    """Columns by what they are; those that are not there are refused."""
    given = {"numbers": source.numbers, "categories": source.categories, "photos": source.photos}
    by_looks = all(names is None for names in given.values())
    given |= {"targets": source.targets, "groups": source.groups}
    kinds = {kind: [n for n in names or () if n in table] for kind, names in given.items()}
    for name in map(str, table.columns):
        kind = looks_like(table[name]) if by_looks and name not in source.targets else None
        if kind in kinds:
            kinds[kind].append(name)
    return kinds


def _numbers(table: pd.DataFrame, names: Sequence[str], path: Path, report: Report) -> pd.DataFrame:
    """The columns without those that have a wrong cell."""
    numbers = {}
    for name in names:
        try:
            numbers[name] = numeric(table, [name], path)[:, 0].astype(np.float64)
        except UserError as error:
            report.add("stop", str(error))
    return pd.DataFrame(numbers, table.index)


def _split(source: TableSource, table: pd.DataFrame, described: Described) -> "pd.Series[str]":
    """The split of each row, by its line or by its photo's path."""
    split = pd.Series("", table.index)
    photo = next(iter(source.photos or ()), None)
    for name in source.splits:
        known = described.get(name, {})
        if "row" in known:
            split[table.index.isin([int(line) for line in known["row"]])] = name
        elif "file" in known and photo in table:
            split[table[photo].isin(list(known["file"]))] = name
    return split


def photos_of(rows: Rows, report: Report) -> dict[Path, str]:
    """The photos of a table and the split of their rows; those that are not there are added."""
    splits: dict[Path, str] = {}
    for name in rows.kinds["photos"]:
        cells = rows.cells[name].fillna("")
        for row, cell, split in zip(cells.index, cells, rows.split, strict=True):
            if not (file := rows.folder / cell).is_file():
                line = f"{row}, {name}: {cell or 'empty'}"
                report.add("stop", "photos that are not there", line)
            elif split and splits.get(file, split) not in (split, ""):
                report.add("warn", "photos of rows in two splits", file.name)
            else:
                splits[file] = split or splits.get(file, "")
    return splits


def check_columns(rows: Rows, report: Report) -> None:
    """Add columns that say nothing, or only name the row."""
    missing = []
    for name, column in rows.used().items():
        cells = rows.cells[name].dropna()
        share = 1 - len(cells) / len(column)
        missing += [f"{name} {share:.1%}"] if share else []
        if cells.nunique() < 2:
            value = f"the same value everywhere, {cells.iloc[0]}" if share < 1 else "no value"
            report.add("warn", f"{name}: {value}")
        elif share > MOSTLY:
            report.add("warn", f"{name}: {share:.1%} of the cells are missing")
        elif len(cells) >= FEWEST and _names_rows(cells, column):
            what = "names or counts the rows, as an identifier or a time does"
            report.add("warn", f"{name}: {what}, and is learned from")
    if missing:
        report.add("note", f"missing cells: {examples(missing, 10)}")


def _names_rows(cells: "pd.Series[str]", column: "pd.Series[Any]") -> bool:
    if not is_numeric_dtype(column):
        return cells.nunique() > NAMES * len(cells)
    rises = column.is_monotonic_increasing or column.is_monotonic_decreasing
    counts = np.ptp(column) < 2 * len(column) and (column % 1 == 0).all()
    return bool((rises or counts) and column.is_unique)


def check_groups(rows: Rows, report: Report) -> None:
    """Say whether what belongs together, such as photos of one person, lies in several splits."""
    for name in rows.kinds["groups"]:
        splits = rows.split[rows.split != ""].groupby(rows.cells[name]).nunique()
        shared = [str(group) for group in splits.index[splits > 1]]
        text = f"{name}: {len(shared):,} of {len(splits):,} are in several splits"
        if shared:  # of what is to be told, as each has to be learned
            known = name in rows.kinds["targets"]
            report.add("note" if known else "warn", f"{text}: {examples(shared)}")


def check_repeated(rows: Rows, report: Report) -> None:
    """Name the pairs of rows that are nearly the same, the one in the earlier split first."""
    if not rows.used():
        return
    spread = rows.numbers.quantile(0.75) - rows.numbers.quantile(0.25)
    scaled = rows.numbers / (spread.where(spread > 0, rows.numbers.std()) * NEAR)
    key = (scaled.round() + 0.0).join(rows.cells[rows.kinds["categories"] + rows.kinds["photos"]])
    fine = rows.numbers.nunique() > FINE * rows.numbers.count()
    telling = fine.any() and _by_chance(key) < CHANCE
    order = np.argsort(rows.split.map({"train": 0, "val": 1, "test": 2, "": 3}), kind="stable")
    code = pd.util.hash_pandas_object(key, index=False).to_numpy()[order]
    first = pd.Series(order).groupby(code).transform("first")
    names, split = rows.cells.index, [name or "no split" for name in rows.split]
    target = rows.cells[rows.kinds["targets"]].fillna("").to_numpy()
    for a, b in zip(first, order, strict=True):
        line = f"{names[a]} ({split[a]}) = {names[b]} ({split[b]})"
        if split[b] in (split[a], "no split"):
            if a != b:
                report.add("note", "rows that repeat another of the same split", line)
        elif telling:
            report.add("warn", "rows that an earlier split has too, or nearly", line)
        else:
            report.add("note", "rows that an earlier split has too, by chance or not", line)
        if telling and (target[a] != target[b]).any():
            report.add("warn", "pairs of rows alike but for the target", line)


def _by_chance(key: pd.DataFrame) -> float:
    """Pairs of equal rows to expect of columns that have nothing to do with each other."""
    pairs = len(key) * (len(key) - 1) / 2
    counts = [key[name].value_counts(dropna=False) for name in key]
    shares = [max((c * (c - 1) / 2).sum() / max(pairs, 1), len(key) ** -2) for c in counts]
    return pairs * float(np.prod(shares))
