"""Numbers to predict, in the file's own units."""

from pathlib import Path

import pytest

from kindling.errors import UserError
from kindling.tables.read import read_table
from kindling.tools.new.tabular.number import read_target, unknown


def test_numbers_are_read_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("size;paid\n1;2,5\n2;-3\n")
    path = tmp_path / "mine.csv"
    assert read_target(read_table(path), "paid", path).tolist() == [2.5, -3]
    assert unknown(2).isnan().all()


@pytest.mark.parametrize(
    ("cell", "message"), [("", "row 3, column 'paid': no number"), ("x", "'x' is not a number")]
)
def test_cells_that_are_none(tmp_path: Path, cell: str, message: str) -> None:
    (tmp_path / "mine.csv").write_text(f"size,paid\n1,2\n2,{cell}\n")
    path = tmp_path / "mine.csv"
    with pytest.raises(UserError, match=message):
        read_target(read_table(path), "paid", path)
