"""A table is read as it stands, and what is wrong with it is named by row and column."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kindling.errors import UserError
from kindling.tables.read import labels, numeric, read_table

Write = Callable[[str | bytes], Path]

NAMES = ["ph", "Hardness", "Potability"]
WATER = "ph,Hardness,Potability\n7.5,200,1\n,180.25,0\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "water.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def complaint(call: Callable[..., object], *args: object) -> str:
    """Call, and return the one line that the user gets."""
    with pytest.raises(UserError) as caught:
        call(*args)
    message = str(caught.value)
    assert "\n" not in message
    assert "water.csv" in message
    return message


def test_cells_are_text_and_rows_keep_their_number(write: Write) -> None:
    table = read_table(write(WATER))
    assert list(table.columns) == NAMES
    assert table.index.tolist() == [2, 3]
    assert table["Hardness"].tolist() == ["200", "180.25"]
    assert table["ph"].isna().tolist() == [False, True]
    assert set(table.dtypes) == {np.dtype(object)}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WATER, id="plain"),
        pytest.param(WATER.removesuffix("\n"), id="no last line end"),
        pytest.param(WATER.encode("utf-8-sig"), id="byte-order mark"),
        pytest.param(WATER.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(WATER.replace("\n", "\r"), id="CR"),
        pytest.param(WATER.replace("\n", "\n\n"), id="blank lines"),
        pytest.param("\r\n" + WATER.replace(",", ";"), id="blank first line"),
        pytest.param(WATER.replace(",", ";"), id="semicolons"),
        pytest.param(WATER.replace(",", ";").replace(".", ","), id="decimal commas"),
        pytest.param(WATER.replace(",", "\t"), id="tabs"),
        pytest.param(WATER.replace(",", " , "), id="blanks around cells"),
        pytest.param('"ph", "Hardness", "Potability"\n"7.5", "200", 1\n, 180.25, 0', id="quotes"),
        pytest.param(WATER.replace("\n,", "\nNaN,"), id="NaN"),
        pytest.param(WATER.replace("\n,", "\nn/a,"), id="n/a"),
    ],
)
def test_layouts_of_one_table(write: Write, content: str | bytes) -> None:
    path = write(content)
    values = numeric(read_table(path), NAMES, path)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[7.5, 200, 1], [np.nan, 180.25, 0]])


def test_separator_inside_a_quoted_name(write: Write) -> None:
    table = read_table(write('"pH; at 20, C; once";b\n1;2\n'))
    assert list(table.columns) == ["pH; at 20, C; once", "b"]


def test_quoted_newlines_stay_in_their_cell_and_count_as_lines(write: Write) -> None:
    table = read_table(write('note,ph\n"two\nlines",7\nplain,acid\n'))
    assert table["note"].tolist() == ["two\nlines", "plain"]
    assert table.index.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        pytest.param("", ["is empty"], id="empty"),
        pytest.param(b"\xef\xbb\xbf", ["is empty"], id="only a byte-order mark"),
        pytest.param("\n\n", ["is empty"], id="only blank lines"),
        pytest.param("a,b\n", ["a header and no rows"], id="header alone"),
        pytest.param("a,b,a\n1,2,3\n", ["row 1, column 3", "'a'", "twice"], id="same name"),
        pytest.param("a,b, a\n1,2,3\n", ["row 1, column 3", "'a'", "twice"], id="same but a blank"),
        pytest.param("a,,c\n1,2,3\n", ["row 1, column 2", "no name"], id="no name"),
        pytest.param(
            "a,b\n1,2\n\n3\n", ["row 4: the header has 2 cells and this row 1"], id="short"
        ),
        pytest.param("a,b\n1,2\n1,2,3\n", ["row 3: ", "this row 3", "','"], id="long row"),
        pytest.param('a,b\n"x\ny",2\n3\n', ["row 4: ", "this row 1"], id="short after a newline"),
        pytest.param('a,b\n1,2\n3,"4\n5,6\n', ["row 3", "quote"], id="open quote"),
        pytest.param('"a,b\n' + "1,2\n" * 100_000, ["row 1"], id="huge open quote"),
        pytest.param('a,b\n1,"2"3\n', ["row 2", "quote"], id="stray quote"),
        pytest.param("a,b\n1,2\nå,4\n".encode("latin-1"), ["row 3", "UTF-8"], id="Latin-1"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), ["row 1", "UTF-8"], id="UTF-16"),
    ],
)
def test_not_a_table(write: Write, content: str | bytes, parts: list[str]) -> None:
    message = complaint(read_table, write(content))
    assert all(part in message for part in parts), message


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "water.csv"
    assert "No such file" in complaint(read_table, path)
    path.mkdir()
    assert "directory" in complaint(read_table, path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("ph\n7\nacid\n", "row 3, column 'ph': 'acid' is not a number with decimal point"),
        ('ph\n7\n"1,234"\n', "'1,234' is not a number"),
        ('ph,a\n"7,5",1\n', "row 2, column 'ph': '7,5' is not a number with decimal point"),
        ("ph\n7\n1_000\n", "'1_000' is not a number"),
        ("ph\n7\n0x1F\n", "'0x1F' is not a number"),
        ("ph\n7\nTrue\n", "'True' is not a number"),
        ("ph\n7\ninf\n", "'inf' is not finite"),
        ("ph\n7\n-Infinity\n", "'-Infinity' is not finite"),
        ("ph\n7\n1e39\n", "'1e39' is not finite"),
        ('ph\n7\n"two\nlines"\n', r"'two\nlines' is not a number"),
        ("a;ph\n7,5;250\n7,1;250.000\n", "'250.000' is not a number with decimal comma"),
        ("ph\nacid\nbase\n7\nbase\n", "row 2, column 'ph': 'acid' is not a number"),
        ("ph\nacid\nbase\n7\nbase\n", "(2 more like it)"),
    ],
)
def test_not_a_finite_number(write: Write, content: str, fault: str) -> None:
    path = write(content)
    assert fault in complaint(numeric, read_table(path), ["ph"], path)


def test_long_text_is_cut(write: Write) -> None:
    path = write(f"ph\n{'acid' * 50}\n")
    assert len(complaint(numeric, read_table(path), ["ph"], path)) < 200 + len(str(path))


def test_decimal_commas_with_exponents_alone(write: Write) -> None:
    path = write("ph;a\n7,5E-1;1\n,5E1;2\n")
    np.testing.assert_allclose(numeric(read_table(path), ["ph"], path), [[0.75], [5.0]])


def test_rows_chosen_from_a_table_keep_number_and_decimal_mark(write: Write) -> None:
    path = write("ph;a\n7,5;1\nacid;2\n6,5;3\n")
    table = read_table(path)
    np.testing.assert_array_equal(numeric(table.iloc[[2, 0]], ["ph"], path), [[6.5], [7.5]])
    assert "row 3" in complaint(numeric, table.iloc[1:], ["ph"], path)


def test_no_columns_and_empty_columns(write: Write) -> None:
    path = write("a,b\n1,\n2,\n")
    table = read_table(path)
    assert numeric(table, [], path).shape == (2, 0)
    assert np.isnan(numeric(table, ["b"], path)).all()


@pytest.mark.parametrize("name", ["Potabilty", "potability", "POTABILITY", " Potability"])
def test_absent_column_gets_the_nearest_name(write: Write, name: str) -> None:
    path = write(WATER)
    for read in (lambda t: numeric(t, [name], path), lambda t: labels(t, name, path)):
        message = complaint(read, read_table(path))
        assert f"no column {name!r} (did you mean 'Potability'?)" in message
        assert "ph, Hardness, Potability" in message


def test_absent_column_without_a_near_name_in_a_wide_table(write: Write) -> None:
    path = write(",".join(f"c{i}" for i in range(1000)) + "\n" + ",".join("1" * 1000) + "\n")
    message = complaint(numeric, read_table(path), ["zzz"], path)
    assert "did you mean" not in message
    assert "c0, c1" in message
    assert len(message) < 400 + len(str(path))


def test_labels(write: Write) -> None:
    path = write("y\n1\n0\n1.0\n0.0\n")
    values = labels(read_table(path), "y", path)
    assert values.dtype == np.int64
    assert values.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["1", "", ""], "row 3, column 'y': no label"),
        (["1", "", ""], "(1 more like it)"),
        (["1", "0", "2"], "row 4, column 'y': '2' is not a label"),
        (["1", "-1", "0"], "row 3, column 'y': '-1' is not a label"),
        (["1", "0.5", "0"], "row 3, column 'y': '0.5' is not a label"),
        (["yes", "0", "1"], "row 2, column 'y': 'yes' is not a label"),
        (["1", "1", "1"], "column 'y': every label is 1"),
        (["0", "0", "0"], "column 'y': every label is 0"),
    ],
)
def test_bad_labels(write: Write, cells: list[str], fault: str) -> None:
    path = write("x,y\n" + "".join(f"5,{cell}\n" for cell in cells))
    assert fault in complaint(labels, read_table(path), "y", path)
