"""What each column of a table is: a number, a category, a photo's path, or an identifier."""

import logging
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kindling.data.files import photo_suffixes
from kindling.errors import UserError
from kindling.tables.dates import PARTS, dates, is_of_a_day, part_of, source
from kindling.tables.formats import format_of, parse
from kindling.tables.read import require_columns, shown

Kind = Literal["numbers", "categories", "photos", "identifiers"]
KINDS: tuple[Kind, ...] = ("numbers", "categories", "photos", "identifiers")
log = logging.getLogger(__name__)

CODE = re.compile(r"zip|postal|postcode|code$|(^|[^a-z])(plz|type|class)$", re.IGNORECASE)
"""Names of columns whose whole numbers are names rather than amounts."""

ID = re.compile(r"(?i:(^|[^a-z])(id|uuid|guid)$)|[a-z]I[dD]$")
"""Names of columns that name what a row is of: ``dealer_id``, ``CustomerId``."""

MISTYPED = 0.05
"""Share of text up to which a column is of numbers, and its cells of text are mistakes."""

FEW = 20
"""Different values up to which a column is a category, however few rows each has."""

PER_ID = 10
"""Rows for each value above which an identifier is learned as a category."""

WHOSE = re.compile(
    r"(^|[^a-z])(country|patient|customer|client|user|subject|person|player|student|household"
    r"|account|company|ticker|store|site|station|device|sensor|machine)"
    r"([^a-z]*(id|no|nr|number|name|key|code))?$",
    re.IGNORECASE,
)
"""Names of columns that say whose row it is, where a value has several rows."""

GROUPS = 5
"""Fewest different values of a column of groups."""

LONG = 60
"""Length of a cell above which text is prose rather than a name."""

SAMPLED = 100
"""Rows compared first, to find columns that differ."""


class Columns(NamedTuple):
    """Names of columns by what they are."""

    numbers: list[str]
    categories: list[str]
    photos: list[str]
    identifiers: list[str]


def choose(
    table: pd.DataFrame,
    target: str | Sequence[str],
    named: Mapping[Kind, Sequence[str] | None],
    path: Path,
) -> Columns:
    """The named columns, and for each kind that is not named the columns that look like it.

    The target and others that are no inputs are left out.

    Raises:
        UserError: A name is absent or named twice, or is the target, or nothing is left.
    """
    given = [name for names in named.values() for name in names or ()]
    aside = [target] if isinstance(target, str) else [*target]
    require_columns(table, [*aside, *given], path)
    if among := [name for name in aside if name in given]:
        raise UserError(f"{path}: the target {among[0]!r} is among the columns to learn from")
    if twice := [name for name in given if given.count(name) > 1]:
        raise UserError(f"{path}: column {twice[0]!r} is named twice: name it once")
    found: dict[Kind, list[str]] = {kind: list(named.get(kind) or ()) for kind in KINDS}
    useless = unusable(table)
    for name in map(str, table.columns):
        if name in aside or name in given or name in useless:
            continue
        kind = looks_like(table[name])
        # Identifiers are always kept: they name the row in the predictions.
        if kind == "identifiers" or (kind is not None and named.get(kind) is None):
            found[kind].append(name)
        elif kind is None and named.get("numbers") is None:
            found["numbers"] += _parts_of_dates(table[name])
    columns = Columns(**found)
    if not any(columns[:3]):
        raise UserError(f"{path}: no column to learn from except {aside[0]!r}: add or name one")
    return columns


def looks_like(cells: "pd.Series[str]") -> Kind | None:
    """What a column seems to be by its cells and its name; None if it is empty, or of dates.

    Photos are paths, most of which end as images do. Of the others, a column is of numbers if
    nearly all of its cells are, so that a cell mistyped is found, or all but one mark such as
    ``?``. But whole numbers that all differ and rise from row to row, or lie close together, only
    count the rows: an identifier. So is a column named ID that seldom repeats, and text that
    seldom repeats. Whole numbers are categories where the name says so (:data:`CODE`) or one
    begins with a zero.
    """
    there = cells.dropna()
    if there.empty:
        return None
    typed = pd.api.types.is_numeric_dtype(there)
    if not typed and 2 * sum(map(_is_photo, there)) > len(there):
        return "photos"
    if cells.name == format_of(cells).unnamed:  # as pandas writes its index
        return "identifiers"
    number, distinct = parse(there).values, there.nunique()
    if ID.search(str(cells.name)) and (
        distinct == len(there) or distinct * PER_ID > len(there) > FEW
    ):
        return "identifiers" if len(there) > 1 else "categories"
    if not _are_numbers(there, number):
        if dates(cells) is not None:
            return None
        return "identifiers" if distinct > max(FEW, len(there) / 2) else "categories"
    whole = number[np.isfinite(number)]
    if not np.array_equal(whole, np.floor(whole)):
        return "numbers"
    if len(there) == len(cells) and _counts_rows(number):
        return "identifiers"
    zero = not typed and there.str.match(r"0\d").any()
    code = any(words.search(str(cells.name)) for words in (CODE, ID))
    return "categories" if zero or code else "numbers"


def _is_photo(cell: str) -> bool:
    """Whether it ends like an image's name, also as an address or in a list."""
    return Path(re.sub(r"[?#].*|['\"\]\s]+$", "", cell)).suffix.lower() in photo_suffixes()


def unusable(table: pd.DataFrame) -> dict[str, str]:
    """Columns that nothing can be learned from, and why: empty, constant, duplicate, or prose."""
    found: dict[str, str] = {}
    seen: dict[int, list[str]] = {}
    # What differs in some rows differs.
    some = table.iloc[np.unique(np.linspace(0, len(table) - 1, SAMPLED, dtype=np.int64))]
    samples = some.astype(object).where(some.notna(), "").to_numpy().T
    for name, sample in zip(map(str, table.columns), samples, strict=True):
        cells, first = table[name], sample[0]
        alike = seen.setdefault(hash(tuple(sample)), [])
        if len(set(sample)) < 2 and cells.nunique(dropna=False) < 2:
            if first == "" or len(cells) > 1:
                found[name] = "empty" if first == "" else f"always {shown(first)!r}"
        elif doubled := next((other for other in alike if cells.equals(table[other])), None):
            found[name] = f"the same as {doubled!r}"
        elif _is_prose(cells):
            found[name] = "long text"
        alike.append(name)
    return found


def _is_prose(cells: "pd.Series[str]") -> bool:
    there = cells.dropna()
    if pd.api.types.is_numeric_dtype(there) or there.str.len().mean() <= LONG:
        return False
    return there.nunique() > max(FEW, len(there) / 2)


def report(
    table: pd.DataFrame,
    columns: Columns,
    vocabulary: Mapping[str, Sequence[str]],
    targets: Sequence[str],
) -> None:
    """Log the kind of each column in one line."""
    categories = [f"{name} ({len(vocabulary[name])})" for name in columns.categories]
    parts = {**columns._asdict(), "categories": categories, "target": [*targets]}
    parts["not used"] = not_used(table, [*targets, *(name for names in columns for name in names)])
    said = (f"{kind} {', '.join(names)}" for kind, names in parts.items() if names)
    log.info("columns: %s", "; ".join(said))


def described(table: pd.DataFrame, columns: Columns, targets: Sequence[str]) -> dict[str, str]:
    """The kind of each column, and one of its cells."""
    words = {"numbers": "number", "categories": "category", "photos": "photo"}
    kinds = {
        n: words.get(kind, "identifies the row")
        for kind, names in columns._asdict().items()
        for n in names
    }
    kinds |= dict.fromkeys(targets, "target")
    used = {source(name, table): name for name in kinds}
    why = unusable(table) if len(used) < len(table.columns) else {}
    found = {}
    for name in map(str, table.columns):
        what = kinds.get(name) or ("date" if name in used else "not used")
        if what == "category":
            what = f"category of {table[name].nunique():,} values"
        elif what == "not used":
            what += f", {why[name]}" if name in why else ""
        there = table[name].dropna()
        cell = there.head(1).map(shown).tolist()
        short = textwrap.shorten(str(cell[0]), 40, placeholder=" ...") if cell else ""
        number = parse(there) if what in ("number", "target") else None
        example = number.example if number and np.isfinite(number.values).all() else ""
        found[name] = what + (f"; {example}" if example else f", such as {short}" if cell else "")
    return found


def not_used(table: pd.DataFrame, used: Sequence[str]) -> list[str]:
    """The unused columns, and the reason if their cells show it."""
    taken = {source(name, table) for name in used}
    names = [str(name) for name in table.columns if name not in taken]
    why = unusable(table) if names else {}
    return [f"{name} ({why[name]})" if name in why else name for name in names]


def related_rows(table: pd.DataFrame, targets: Sequence[str]) -> list[str]:
    """Columns that seem to group or to order the rows, and what to set."""
    found = []
    for name in map(str, table.columns):
        cells = table[name].dropna()
        distinct = cells.nunique()
        if name in targets or distinct < GROUPS:
            continue
        if (moments := dates(cells)) is not None:
            if not is_of_a_day(moments):
                found.append(f"{name} is a time: data.time={name!r} tests on what comes last")
        elif 2 * distinct <= len(cells) and (ID.search(name) or WHOSE.search(name)):
            rows = len(cells) / distinct
            each = f"{rows:{',.0f' if rows >= 100 else '.3g'}} rows for each of {distinct:,} values"
            found.append(f"{name} has {each}: data.group={name!r} keeps them in one split")
    return found


def _are_numbers(there: "pd.Series[str]", number: NDArray[np.float64]) -> bool:
    if pd.api.types.is_numeric_dtype(there):
        return True
    text = there[~np.isfinite(number)]
    if len(text) * 2 >= len(there):
        return False
    if len(text) <= MISTYPED * len(there):
        words = [word for word in text if any(map(str.isalnum, word))]
        # A word that recurs among few values is one of them rather than a mistake.
        return there.nunique() > FEW or len({*words}) == len(words)
    return text.nunique() == 1 and not any(map(str.isalnum, text.iloc[0]))


def _parts_of_dates(cells: "pd.Series[str]") -> list[str]:
    """The parts of dates that differ; none if the column is not of dates."""
    if (moments := dates(cells)) is None:
        return []
    known = moments.dropna()
    differ = [part for part in PARTS if len(np.unique(part_of(known, part))) > 1]
    return [f"{cells.name} {part}" for part in differ]


def _counts_rows(number: NDArray[np.float64]) -> bool:
    """Whether these are a running number, in order or shuffled, with fewer gaps than rows."""
    differ = len(np.unique(number)) == len(number) > 1
    return differ and bool((np.diff(number) > 0).all() or np.ptp(number) < 2 * len(number))
