"""How a column writes its numbers: decimal mark, thousands, currency, percent, units.

A format is what all cells of a column say together, and else what the other columns of the file
say. What could be both is not guessed.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

CURRENCY = "[A-Z]{0,3}[$€£¥₹]|USD|EUR|GBP|CHF|JPY"
UNIT = rf"%|‰|°\w?|{CURRENCY}|(?<=\s)[^\W\d_][\w/²³]{{0,9}}|(?<=\d)[^\W\d_]{{2,9}}[²³]?"
_CELL = re.compile(
    rf"(?P<sign>[+-]?)(?P<before>(?:{CURRENCY})?)\s*(?P<minus>[+-]?)"
    r"(?P<number>[\d.,][\d.,'\u2019\s]*?(?:[eE][+-]?\d+)?)"
    rf"\s*(?P<after>(?:{UNIT})?)"
)
_BLANKS = re.compile(r"(?<=\d)['\u2019\s](?=\d{3}(\D|$))")
_OTHER = {".": ",", ",": "."}
NO_AFFIXES = "|"
"""Nothing before a number, and nothing after it."""


def _exact(mark: str) -> str:
    return re.escape(mark)


DECIMAL = {
    m: re.compile(
        rf"^[+-]?(?:\d{{1,3}}(?:{_exact(o)}\d{{3}})+{_exact(m)}\d*|\d{{1,3}}(?:{_exact(o)}\d{{3}}){{2,}}"
        rf"|0?{_exact(m)}\d+|\d*{_exact(m)}(?:\d{{1,2}}|\d{{4,}})|\d{{4,}}{_exact(m)}\d*"
        rf"|\d*{_exact(m)}\d+[eE][+-]?\d+)$",
        re.MULTILINE,
    )
    for m, o in _OTHER.items()
}
"""Numbers that only this decimal mark can have."""

EITHER = re.compile(r"^[+-]?[1-9]\d{0,2}([.,])\d{3}$")
"""A number whose mark may be of decimals or of thousands."""


@dataclass(frozen=True)
class FileFormat:
    """How the file writes its cells, as each of its columns knows.

    Args:
        separator: Of its cells.
        decimal: The decimal mark that its columns show.
        given: The decimal mark from the settings.
        unnamed: The name given to its first column if that has none.
        text: Returns the text of a column.
        affixes: What stands before and after a column's numbers, where that is known.
    """

    separator: str = ","
    decimal: str | None = None
    given: str | None = None
    unnamed: str | None = None
    text: "Callable[[str], pd.Series[str]] | None" = None
    affixes: str | None = None

    def __deepcopy__(self, _: object) -> "FileFormat":
        return self  # pandas copies attributes with each column


def format_of(table: "pd.DataFrame | pd.Series[str]") -> FileFormat:
    """How a table, or a column of one, was written."""
    found: FileFormat = table.attrs.get("format", FileFormat())
    return found


class Numbers(NamedTuple):
    """Cells as numbers.

    Shape:
        ``values`` ``(N,)``, NaN where a cell is missing or not a number. ``unclear`` ``(N,)``
        is where the mark may be of decimals or of thousands.
    """

    values: NDArray[np.float64]
    decimal: str = "."
    unclear: NDArray[np.bool_] | None = None
    example: str = ""  # of a cell that is more than digits and a point, and its value
    affixes: str = NO_AFFIXES


def decimal_mark(columns: Iterable[Iterable[str]], other: str | None = None) -> str | None:
    """The decimal mark that some column has, or an ``other`` one, and none contradicts."""
    found = {other} - {None}
    for cells in columns:
        text = "\n".join(cells)
        found |= {mark for mark, shape in DECIMAL.items() if mark in text and shape.search(text)}
    return found.pop() if len(found) == 1 else None


def parse(cells: "pd.Series[str]") -> Numbers:
    """A column's cells by the format of all of them, or else that of the file."""
    if pd.api.types.is_numeric_dtype(cells):  # numbers already
        known = cells.to_numpy(np.float64)
        if cells.dtype.kind == "f" and format_of(cells).decimal == ",":
            for number in known[known % 1 > 0][:1]:
                return Numbers(known, example=f"the comma is decimal, as of {number:.10g}")
        return Numbers(known)
    code, words = cells.factorize()  # each word is parsed once
    written = pd.Series(words, dtype=object)
    plain = _each(pd.to_numeric(written, errors="coerce").to_numpy(np.float64), code)
    file = format_of(cells)
    separator, given = file.separator, file.given
    unread = np.isnan(plain)
    missing = cells.isna().to_numpy() if unread.any() else unread
    unmarked = (separator == "," and given != ",") or not written.str.contains("[.,]").any()
    if unmarked and file.affixes in (None, NO_AFFIXES) and not (unread & ~missing).any():
        return Numbers(plain)
    parts = written.str.extract(rf"^{_CELL.pattern}$")
    number = parts["number"].str.replace(_BLANKS, "", regex=True)
    mark = _decimal(number.dropna(), separator, given, file.decimal)
    unclear = number.str.match(EITHER, na=False) if mark is None else None
    value = _values(number, mark or ".")
    value[(parts["sign"] + parts["minus"]).isin(["-"]).to_numpy()] *= -1
    affixes = parts["before"] + "|" + parts["after"]
    counts = affixes.dropna().value_counts()
    common = file.affixes or next(iter(counts.index), NO_AFFIXES)
    value[(affixes != common).to_numpy()] = np.nan
    values = np.where(np.isinf(plain), plain, _each(value, code))  # which is refused as such
    example = _example(written, value, plain_too=mark == ",")
    spread = None if unclear is None else np.append(unclear.to_numpy(), False)[code] & ~missing
    return Numbers(values, mark or ".", spread, example, common)


def _each(value: NDArray[np.float64], code: NDArray[np.int64]) -> NDArray[np.float64]:
    """The value of each cell by that of its word; NaN for a missing one, which has none."""
    return np.append(value, np.nan)[code]


def decimal_votes(cells: "pd.Series[str]") -> "Counter[str]":
    """The number of cells that show each decimal mark."""
    return Counter({mark: int(cells.str.match(shape).sum()) for mark, shape in DECIMAL.items()})


def _decimal(
    number: "pd.Series[str]", separator: str, given: str | None, file: str | None
) -> str | None:
    """The decimal mark of a column; None if it is not clear."""
    if given:
        return given
    votes = decimal_votes(number)
    if votes["."] != votes[","]:
        return votes.most_common(1)[0][0]
    if any(votes.values()):
        return "." if separator == "," else ","
    marks = set(number.str.extract(EITHER)[0].dropna())
    if not marks:
        return file or "."
    if len(marks) == 2:
        return None
    mark = marks.pop()
    if file is None and separator == "," and mark == ".":
        return "."
    if _is_thousands(number, mark):
        return _OTHER[mark] if file in (None, _OTHER[mark]) else None
    return file


def _is_thousands(number: "pd.Series[str]", mark: str) -> bool:
    """Whether decimals would have been written in two ways: 12.450 with its zero, 998 without."""
    whole = number[~number.str.contains(mark, regex=False)]
    grouped = number.str.fullmatch(rf"\d{{1,3}}{_exact(mark)}\d\d0").any()
    return bool(grouped and len(whole) and (whole.str.len() <= 3).all())


def _values(number: "pd.Series[str]", mark: str) -> NDArray[np.float64]:
    point, other = _exact(mark), _exact(_OTHER[mark])
    shape = rf"(?:\d*|\d{{1,3}}(?:{other}\d{{3}})+)(?:{point}\d*)?(?:[eE][+-]?\d+)?"
    fits = number.where(number.str.fullmatch(shape, na=False))
    text = fits.str.replace(_OTHER[mark], "", regex=False).str.replace(mark, ".", regex=False)
    return pd.to_numeric(text, errors="coerce").to_numpy(np.float64).copy()


def _example(written: "pd.Series[str]", value: NDArray[np.float64], plain_too: bool) -> str:
    """The longest cell that is more than digits and a point, and what it is read as."""
    special = written[~np.isnan(value) & ~written.str.fullmatch(r"[+-]?\d*\.?\d*(?:[eE][+-]?\d+)?")]
    if special.empty:
        dotted = written[~np.isnan(value) & written.str.contains(".", regex=False)]
        if not plain_too or dotted.empty:
            return ""
        special = dotted
    cell = special.iloc[int(special.str.len().to_numpy().argmax())]
    return f"{cell!r} is {value[special.index[special == cell][0]]:.10g}"
