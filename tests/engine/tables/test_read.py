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
    assert "\n" not in str(caught.value)
    assert "water.csv" in str(caught.value)
    return str(caught.value)


def test_cells_are_text_and_rows_keep_their_line(write: Write) -> None:
    table = read_table(write('note,ph\n"two\nlines",7.50\nplain,NaN\n'))
    assert table["note"].tolist() == ["two\nlines", "plain"]
    assert (table["ph"].iloc[0], table["ph"].isna().tolist()) == ("7.50", [False, True])
    assert table.index.tolist() == [2, 4]
    assert list(read_table(write('"pH; at 20, C; once";b\n1;2\n'))) == ["pH; at 20, C; once", "b"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(WATER.removesuffix("\n").encode("utf-8-sig"), id="byte-order mark"),
        pytest.param(WATER.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(WATER.replace("\n", "\r"), id="CR"),
        pytest.param(WATER.replace("\n", "\n\n"), id="blank lines"),
        pytest.param("\r\n" + WATER.replace(",", ";"), id="blank first line"),
        pytest.param(WATER.replace(",", ";").replace(".", ","), id="decimal commas"),
        pytest.param(WATER.replace(",", "\t"), id="tabs"),
        pytest.param(WATER.replace(",", " , "), id="blanks around cells"),
        pytest.param('"ph", "Hardness", "Potability"\n"7.5", "200", 1\n, 180.25, 0', id="quotes"),
        pytest.param(WATER.replace("\n,", "\nn/a,"), id="n/a"),
    ],
)
def test_layouts_of_one_table(write: Write, content: str | bytes) -> None:
    path = write(content)
    values = numeric(read_table(path), NAMES, path)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, [[7.5, 200, 1], [np.nan, 180.25, 0]])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xef\xbb\xbf\n\n", ": the file is empty"),
        ("a,b\n", ": a header and no rows"),
        ("a,b, a\n1,2,3\n", ", row 1, column 3: the name 'a' is used twice"),
        ("a,,c\n1,2,3\n", ", row 1, column 2: no name"),
        ("a,b\n1,2\n\n3\n", ", row 4: the header has 2 cells and this row 1"),
        ("a,b\n1,2\n1,2,3\n", ", row 3: the header has 2 cells and this row 3: look for a"),
        ('a,b\n1,2\n3,"4\n5,6\n', ", row 3: unexpected end of data: look for a quote"),
        ('"a,b\n' + "1,2\n" * 100_000, ", row 1: field larger than field limit"),
        ('a,b\n1,"2"3\n', ", row 2: ',' expected after '\"': look for a quote"),
    ],
)
def test_not_a_table(write: Write, content: str | bytes, fault: str) -> None:
    path = write(content)
    assert complaint(read_table, path).startswith(f"{path}{fault}")


def test_no_such_file_and_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "water.csv"
    assert "No such file" in complaint(read_table, path)
    path.mkdir()
    assert "directory" in complaint(read_table, path)


NO_NUMBERS = ("acid", "1,23", "1_000", "True", "two\nlines")


@pytest.mark.parametrize("cell", [*NO_NUMBERS, "-Infinity", "1e39"])
def test_not_a_finite_number(write: Write, cell: str) -> None:
    path = write(f'ph\n7.5\n"{cell}"\n"{cell}"\n0.5\n2.5\n')
    fault = "a number with decimal point" if cell in NO_NUMBERS else "finite"
    message = complaint(numeric, read_table(path), ["ph"], path)
    assert f"row 3, column 'ph': {cell!r} is not {fault}: correct or empty the cell" in message
    assert message.endswith("(1 more like it)")


@pytest.mark.parametrize("name", ["Potabilty", "POTABILITY", " Potability"])
def test_absent_column_gets_the_nearest_name(write: Write, name: str) -> None:
    path = write(WATER)
    for read in (lambda t: numeric(t, [name], path), lambda t: labels(t, name, path)):
        message = complaint(read, read_table(path))
        assert f"no column {name!r} (did you mean 'Potability'?)" in message
        assert "ph, Hardness, Potability" in message


def test_what_is_quoted_is_short(write: Write) -> None:
    path = write(f"ph\n{'acid' * 50}\n")
    assert len(complaint(numeric, read_table(path), ["ph"], path)) < 200 + len(str(path))
    path = write(",".join(f"c{i}" for i in range(1000)) + "\n" + ",".join("1" * 1000) + "\n")
    message = complaint(numeric, read_table(path), ["zzz"], path)
    assert "no column 'zzz': the columns are c0, c1" in message
    assert len(message) < 400 + len(str(path))


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["1", "", ""], "row 3, column 'y': no label: fill it in or delete the row (1 more like"),
        (["1", "0", "2"], "row 4, column 'y': '2' is not a label"),
        (["1", "0.5", "0"], "row 3, column 'y': '0.5' is not a label"),
        (["yes", "0", "1"], "row 2, column 'y': 'yes' is not a label"),
        (["0", "0", "0"], "column 'y': every label is 0"),
    ],
)
def test_labels(write: Write, cells: list[str], fault: str) -> None:
    path = write("x,y\n" + "".join(f"5,{cell}\n" for cell in cells))
    assert fault in complaint(labels, read_table(path), "y", path)
    path = write("y\n1\n0\n1.0\n0.0\n")
    assert labels(read_table(path), "y", path).tolist() == [1, 0, 1, 0]
