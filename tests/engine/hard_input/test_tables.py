"""Tables that are refused, and odd ones that have to work."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kindling.series.read import read_series
from tests.engine.hard_input.small import (
    NUMBER,
    TABLES,
    Refused,
    Rows,
    as_text,
    changed,
    quick,
    rows_of,
    train,
    write_table,
)

NO_NUMBER = "is not a number"
BAD_TABLES: dict[str, tuple[Callable[[str, Rows], str | bytes], dict[str, str]]] = {
    "empty": (
        lambda task, rows: "",
        {"timeseries": "row 1 is empty", "": "the file is empty"},
    ),
    "no rows": (
        lambda task, rows: as_text(rows[:1]),
        {"timeseries": "no rows below the header", "": "a header and no rows"},
    ),
    "two rows": (
        lambda task, rows: as_text(rows[:3]),
        {"timeseries": "set a smaller window", "faces": "add photos", "": "too few for 3 parts"},
    ),
    "infinity": (
        lambda task, rows: as_text(changed(NUMBER[task], "inf")(rows)),
        {"timeseries": "row 4, timestamp", "": "row 4, column"},
    ),
    "decimal commas between commas": (
        lambda task, rows: as_text(changed(NUMBER[task], "1,5")(rows)),
        {"": NO_NUMBER},
    ),
    "a word": (
        lambda task, rows: as_text(changed(NUMBER[task], "much")(rows)),
        {"": NO_NUMBER},
    ),
    "a null byte": (
        lambda task, rows: as_text(changed(NUMBER[task], "1\0")(rows)),
        {"": NO_NUMBER},
    ),
    "a name twice": (
        lambda task, rows: as_text([[*row, row[0]] for row in rows]),
        {"timeseries": "several columns are named", "": "is used twice"},
    ),
    "Latin-1": (
        lambda task, rows: as_text(changed(1, "é")(rows)).encode("latin-1"),
        {"": "UTF-8"},
    ),
    "UTF-16": (lambda task, rows: as_text(rows).encode("utf-16"), {"": "UTF-8"}),
    "an open quote": (
        lambda task, rows: as_text(rows) + '"1',
        {"timeseries": "not a well-formed CSV", "": "row"},
    ),
}


@pytest.mark.parametrize("task", TABLES)
@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_bad_table_is_refused(task: str, fault: str, root: Path, refused: Refused) -> None:
    if task == "timeseries" and fault == "a null byte" and pd.__version__ < "3":
        pytest.skip("pandas 2 reads a series' number up to the null byte")
    make, messages = BAD_TABLES[fault]
    content = make(task, rows_of(task))
    (root / TABLES[task]).write_bytes(content.encode() if isinstance(content, str) else content)
    error = refused(task, root)
    assert messages.get(task, messages.get("")) in error


def decimal_commas(rows: Rows) -> Rows:
    return [[cell.replace(".5", ",5") for cell in row] for row in rows]


GOOD_TABLES: dict[str, Callable[[str, Rows], str]] = {
    "a byte-order mark": lambda task, rows: "\ufeff" + as_text(rows),
    "semicolons and decimal commas": lambda task, rows: as_text(decimal_commas(rows), ";"),
    "quoted newlines": lambda task, rows: as_text(
        [["two\nlines", *rows[0]], *(["x\ny", *row] for row in rows[1:])]
    ),
    "a constant column": lambda task, rows: as_text(changed(NUMBER[task], "3", None)(rows)),
}


@pytest.mark.parametrize("task", quick(TABLES, ["potability", "timeseries"]))
@pytest.mark.parametrize("layout", GOOD_TABLES)
def test_an_odd_table_is_learned_from(task: str, layout: str, root: Path) -> None:
    content = GOOD_TABLES[layout](task, rows_of(task))
    (root / TABLES[task]).write_text(content)
    chosen = ["--data.features=[a,b]"] if task == "potability" else []
    assert train(task, root, *chosen, command="fit") == 0


def test_decimal_commas_are_the_same_series(tmp_path: Path) -> None:
    rows, values = rows_of("timeseries"), []
    for text in (as_text(rows), as_text(decimal_commas(rows), ";"), as_text(rows, "\t")):
        (tmp_path / "load.csv").write_text(text)
        values.append(read_series(tmp_path / "load.csv", value="consumption").values.tolist())
    assert values[0] == values[1] == values[2]


def one_class(task: str, root: Path) -> None:
    if task == "clouds":
        for split in ("clouds_train", "clouds_test"):
            shutil.rmtree(root / split / "fog")
    else:
        column, cell = {"potability": (2, "1"), "faces": (1, "X")}[task]
        write_table(task, root, changed(column, cell, None)(rows_of(task)))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("potability", "every label is 1: both are needed"),
        ("clouds", "1 classes (sun): it takes two or more"),
        ("faces", "1 people in training (X): it takes two or more"),
    ],
)
def test_one_class_alone_is_refused(task: str, message: str, root: Path, refused: Refused) -> None:
    one_class(task, root)
    assert message in refused(task, root)


@pytest.mark.parametrize("task", ["clouds"])
def test_one_photo_of_a_class_is_refused(task: str, root: Path, refused: Refused) -> None:
    for file in (root / "clouds_train" / "fog").glob("[1-9].png"):
        file.unlink()
    assert "too few for 2 parts" in refused(task, root)
