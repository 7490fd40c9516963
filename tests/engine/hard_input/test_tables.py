"""Tables that are refused, and odd ones that have to work."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.engine.hard_input.kinds import (
    NUMBER,
    TABLES,
    Refused,
    Rows,
    as_text,
    read_rows,
    train,
)
from tests.engine.series.reading import read_series


def changed(rows: Rows, column: int, cell: str, row: int | None = 3) -> Rows:
    """Rows with another cell; in all rows but the header where none is named."""
    for number in range(1, len(rows)) if row is None else [row]:
        rows[number][column] = cell
    return rows


def cell(value: str) -> Callable[[str, Rows], str]:
    """A table with this value in place of a number."""
    return lambda kind, rows: as_text(changed(rows, NUMBER[kind], value))


NO_NUMBER = "is not a number"
BAD_TABLES: dict[str, tuple[Callable[[str, Rows], str | bytes], dict[str, str]]] = {
    "empty": (lambda kind, rows: "", {"series": "row 1 is empty", "": "the file is empty"}),
    "no rows": (
        lambda kind, rows: as_text(rows[:1]),
        {"series": "no rows below the header", "": "a header and no rows"},
    ),
    "two rows": (
        lambda kind, rows: as_text([*rows[:2], next(r for r in rows[2:] if r[-1] != rows[1][-1])]),
        {"series": "give more of the series", "": "too few for 3 parts"},
    ),
    "infinity": (cell("inf"), {"series": "row 4, timestamp", "": "row 4, column"}),
    "decimal commas between commas": (cell("1,5"), {"": NO_NUMBER}),
    "a word": (cell("much"), {"": NO_NUMBER}),
    "a null byte": (cell("1\0"), {"": NO_NUMBER}),
    "a name twice": (
        lambda kind, rows: as_text([[*row, row[0]] for row in rows]),
        {"series": "several columns are named", "": "is used twice"},
    ),
    "Latin-1 in UTF-8": (
        lambda kind, rows: as_text(changed(rows, 1, "\xe9\xc3\xa9")).encode("latin-1"),
        {"": "UTF-8"},
    ),
    "an open quote": (
        lambda kind, rows: as_text(rows) + '"1',
        {"series": "not a well-formed CSV", "": "row"},
    ),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_bad_table_is_refused(kind: str, fault: str, root: Path, refused: Refused) -> None:
    if kind == "series" and fault == "a null byte" and pd.__version__ < "3":
        pytest.skip("pandas 2 reads a series' number up to the null byte")
    make, messages = BAD_TABLES[fault]
    content = make(kind, read_rows(root))
    (root / "toy.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    numbers = {"table": ["--data.numbers=[a,b]"], "listed": ["--data.numbers=[area]"]}
    assert messages.get(kind, messages.get("")) in refused(*numbers.get(kind, []))


def decimal_commas(rows: Rows) -> Rows:
    return [[re.sub(r"^(-?\d+)\.(\d+)$", r"\1,\2", cell) for cell in row] for row in rows]


GOOD_TABLES: dict[str, Callable[[str, Rows], str]] = {
    "a byte-order mark": lambda kind, rows: "\ufeff" + as_text(rows),
    "semicolons and decimal commas": lambda kind, rows: as_text(decimal_commas(rows), ";"),
    "quoted newlines": lambda kind, rows: as_text(
        [["two\nlines", *rows[0]], *(["x\ny", *row] for row in rows[1:])]
    ),
    "a constant column": lambda kind, rows: as_text(changed(rows, NUMBER[kind], "3", None)),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("layout", GOOD_TABLES)
def test_an_odd_table_is_learned_from(kind: str, layout: str, root: Path) -> None:
    (root / "toy.csv").write_text(GOOD_TABLES[layout](kind, read_rows(root)))
    assert train(kind, root) == 0


@pytest.mark.parametrize("kind", ["series"])
def test_decimal_commas_are_the_same_series(root: Path) -> None:
    rows, values = read_rows(root), []
    for text in (as_text(rows), as_text(decimal_commas(rows), ";"), as_text(rows, "\t")):
        (root / "toy.csv").write_text(text)
        series = read_series(root / "toy.csv", "timestamp", "value", "error")
        values.append(series.values.tolist())
    assert values[0] == values[1] == values[2]


def test_one_label_alone_is_refused(root: Path, refused: Refused) -> None:
    (root / "toy.csv").write_text(as_text(changed(read_rows(root), 3, "1", None)))
    assert "every label is 1: both are needed" in refused()


@pytest.mark.parametrize("kind", ["photos"])
def test_one_class_alone_is_refused(root: Path, refused: Refused) -> None:
    for folder in [*root.glob("*/blue"), *root.glob("*/grey")]:
        shutil.rmtree(folder)
    assert "1 classes (white): two or more are needed" in refused()


@pytest.mark.parametrize("kind", ["photos"])
def test_one_photo_of_a_class_is_trained_on_and_the_class_named(
    root: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (root / "train" / "blue").glob("[1-9].png"):
        file.unlink()
    assert train(kind, root) == 0
    said = capsys.readouterr()
    assert "class blue has too few photos for every split" in said.out + said.err
