"""The rows of all tables of a data set, under one another, and the split that each is in.

N: rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.data.sources import TableSource
from kindling.errors import UserError
from kindling.tables.columns import looks_like
from kindling.tables.read import numeric, read_table
from kindling.tools.check.finding import Section, drawn

MOST = 100_000
"""Rows that are looked at; of more, as many are drawn."""

Described = Mapping[str, Mapping[str, Sequence[Any]]]
"""What identifies the samples of each split, by column."""


@dataclass(frozen=True)
class Rows:
    """Some or all rows.

    Args:
        cells: As text, None where missing, ``(N, columns)``.
        numbers: Columns that are learned from as numbers, ``(N,)`` each, NaN where missing.
        categories: Columns that are learned from as categories.
        photos: Columns of paths.
        targets: Columns to predict.
        groups: Columns that say which rows belong together.
        unused: The other columns.
        names: What to call each row.
        files: The table that each row is of, ``(N,)``.
        split: ``(N,)``; "" where a row is in none, or nothing was cut.
    """

    cells: pd.DataFrame
    numbers: dict[str, NDArray[np.float64]]
    categories: list[str]
    photos: list[str]
    targets: list[str]
    groups: list[str]
    unused: list[str]
    names: list[str]
    files: list[Path]
    split: NDArray[np.str_]

    @property
    def used(self) -> list[str]:
        """Columns of a table that are learned from."""
        return [*self.numbers, *self.categories]

    @property
    def is_cut(self) -> bool:
        """Whether any row is in a split."""
        return bool((self.split != "").any())

    @property
    def learned(self) -> NDArray[np.bool_]:
        """Rows that are not held back for the test: all of them, where nothing was cut."""
        return np.isin(self.split, ["train", "val"]) if self.is_cut else self.split == ""


def read_rows(
    sheets: Sequence[TableSource], described: Described, section: Section, most: int = MOST
) -> Rows | None:
    """The rows of the sheets that can be read; of others, and of wrong cells, the errors."""
    tables: list[tuple[TableSource, pd.DataFrame]] = []
    for sheet in sheets:
        try:
            tables.append((sheet, read_table(sheet.path)))
        except UserError as error:
            section.add("stop", str(error))
    if not tables:
        return None
    first, several = tables[0][0], len(tables) > 1
    names = [_name(sheet, line, several) for sheet, table in tables for line in table.index]
    split = np.concatenate([_splits(sheet, table, described) for sheet, table in tables])
    files = [sheet.path for sheet, table in tables for _ in table.index]
    cells = pd.concat([table for _, table in tables], ignore_index=True)
    cells = cells.where(cells.notna(), None)
    kinds = _kinds(first, cells)
    numbers = _numbers(tables, kinds["numbers"], section)
    kept = drawn(len(cells), most, "rows", section)
    known = {*first.targets, *kinds["numbers"], *kinds["categories"], *kinds["photos"]}
    return Rows(
        cells.iloc[kept].reset_index(drop=True),
        {name: values[kept] for name, values in numbers.items()},
        kinds["categories"],
        kinds["photos"],
        [name for name in first.targets if name in cells],
        [name for name in first.groups if name in cells],
        [str(name) for name in cells.columns if name not in known],
        [names[k] for k in kept],
        [files[k] for k in kept],
        split[kept],
    )


def _name(sheet: TableSource, line: int, several: bool) -> str:
    return f"{sheet.path.name} row {line}" if several else f"row {line}"


def _splits(sheet: TableSource, table: pd.DataFrame, described: Described) -> NDArray[np.str_]:
    """The split of each row, by its line or by its photo's path."""
    split = np.full(len(table), "", dtype="<U5")
    photo = next(iter(sheet.photos or ()), None)
    for name in sheet.splits:
        known = described.get(name, {})
        if "row" in known:
            split[np.isin(table.index.to_numpy(), np.asarray(known["row"], np.int64))] = name
        elif "file" in known and photo in table:
            split[table[photo].isin(set(known["file"])).to_numpy()] = name
    return split


def _kinds(sheet: TableSource, cells: pd.DataFrame) -> dict[str, list[str]]:
    """Columns that are learned from, by what they are; those that are not there are refused."""
    given = {"numbers": sheet.numbers, "categories": sheet.categories, "photos": sheet.photos}
    kinds = {kind: [n for n in names or () if n in cells] for kind, names in given.items()}
    if all(names is None for names in given.values()):
        for name in map(str, cells.columns):
            if name not in sheet.targets and (kind := looks_like(cells[name])) in kinds:
                kinds[kind].append(name)
    return kinds


def _numbers(
    tables: Sequence[tuple[TableSource, pd.DataFrame]], names: Sequence[str], section: Section
) -> dict[str, NDArray[np.float64]]:
    """The columns without those that have a wrong cell."""
    numbers = {}
    for name in names:
        parts = []
        for sheet, table in tables:
            try:
                parts.append(numeric(table, [name], sheet.path)[:, 0].astype(np.float64))
            except UserError as error:
                section.add("stop", str(error))
        if len(parts) == len(tables):
            numbers[name] = np.concatenate(parts)
    return numbers
