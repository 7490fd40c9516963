"""Numbers as people write them: understood where a column says how, and refused where not."""

import logging
from pathlib import Path

import numpy as np
import pytest

from kindling.errors import UserError
from kindling.tables.read import numbers, numeric, read_table


def column(folder: Path, separator: str, *cells: str, other: str = "") -> Path:
    """A file with the cells in column x, beside one of which every cell is ``other``."""
    path = folder / "a.csv"
    lines = [separator.join((f'"{cell}"', f'"{other}"', "0")) for cell in cells]
    path.write_text("\n".join([separator.join(("x", "other", "end")), *lines]))
    return path


@pytest.mark.parametrize(
    ("separator", "cells", "expected"),
    [
        (";", ["998", "1.003", "12.450", "987"], [998, 1003, 12450, 987]),
        ("\t", ["998", "1,003", "12,450", "987"], [998, 1003, 12450, 987]),
        (",", ["$1,777", "$365", "$12,450", "$998"], [1777, 365, 12450, 998]),
        (",", ["$1,234.50", "-$5", "$-6"], [1234.5, -5, -6]),
        (";", ["1.234,5 €", "12,45 €", "3 €"], [1234.5, 12.45, 3]),
        (";", ["1.234.567", "1.003"], [1234567, 1003]),
        (";", ["7,5E-1", "250.000", ",5E1"], [0.75, 250000, 5]),
        (";", ["0,123", "1,003"], [0.123, 1.003]),
        (",", ["1,5", "1,003"], [1.5, 1.003]),
        (",", ["998", "1.003", "12.450"], [998, 1.003, 12.45]),
        (",", ["1 234 567.5", "2"], [1234567.5, 2]),
        (",", ["1'234.50", "2"], [1234.5, 2]),
        (",", ["45 %", "3%"], [45, 3]),
        (",", ["12 kg", "3kg"], [12, 3]),
        (",", ["36 months", "60 months"], [36, 60]),
        (",", ["1234567890", "1234567912"], [1234567890, 1234567912]),
    ],
)
def test_a_column_says_how_its_numbers_are_written(
    separator: str, cells: list[str], expected: list[float], tmp_path: Path
) -> None:
    path = column(tmp_path, separator, *cells)
    np.testing.assert_array_equal(numbers(read_table(path)["x"], path), expected)


@pytest.mark.parametrize(
    ("separator", "cells", "row", "cell"),
    [
        (";", ["998", "1.003", "987"], 3, "1.003"),
        ("\t", ["998", "1,003"], 3, "1,003"),
        (",", ["7", "1,234"], 3, "1,234"),
        (";", ["1.003", "1,003"], 2, "1.003"),
    ],
)
def test_what_may_be_decimals_or_thousands_is_asked_for(
    separator: str, cells: list[str], row: int, cell: str, tmp_path: Path
) -> None:
    path = column(tmp_path, separator, *cells)
    with pytest.raises(UserError) as caught:
        numeric(read_table(path), ["x"], path)
    start = f"{path}, row {row}, column 'x': '{cell}' may have a mark of decimals or of thousands"
    assert str(caught.value).startswith(start)
    assert "--data.decimal=. or ," in str(caught.value)


def test_the_setting_and_the_other_columns_decide(tmp_path: Path) -> None:
    path = column(tmp_path, ";", "998", "1.003")
    for decimal, value in ((",", 1003), (".", 1.003)):
        assert numbers(read_table(path, decimal=decimal)["x"], path).tolist() == [998, value]
    for other, value in (("2,5", 1003), ("2.5", 1.003)):
        path = column(tmp_path, ";", "998", "1.003", other=other)
        assert numbers(read_table(path)["x"], path).tolist() == [998, value]
    path = column(tmp_path, ";", "998", "1.003", "12.450", other="2.5")
    with pytest.raises(UserError, match="decimals or of thousands"):
        numbers(read_table(path)["x"], path)


@pytest.mark.parametrize(
    ("cells", "cell"),
    [
        (["12 kg", "3 kg", "300 g"], "300 g"),
        (["1.5", "2.5", "1,5"], "1,5"),
        (["$5", "$6", "7"], "7"),
    ],
)
def test_a_cell_written_otherwise_is_named(cells: list[str], cell: str, tmp_path: Path) -> None:
    path = column(tmp_path, ",", *cells)
    with pytest.raises(UserError, match=f"row 4, column 'x': '{cell}' is not a number"):
        numbers(read_table(path)["x"], path)


def test_what_is_understood_is_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = column(tmp_path, ",", "$1,777", "$365")
    with caplog.at_level(logging.INFO), pytest.raises(UserError):
        numbers(read_table(path)["x"], path)
    path = column(tmp_path, ",", "$1,777.00", "$365")
    with caplog.at_level(logging.INFO):
        numbers(read_table(path)["x"], path)
    assert [r.getMessage() for r in caplog.records] == [
        f"{path}: in column 'x' '$1,777.00' is 1777"
    ]
