"""A large file is read by another parser than a small one, to the same numbers and text."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.tables.columns import looks_like, unusable
from kindling.tables.datamodule import TableDataModule
from kindling.tables.read import numeric, read_table, text

ROWS = 12_000


class Rows(TableDataModule):
    task = "large"
    target_kind = "classes"


def frame(**columns: object) -> pd.DataFrame:
    rng, row = np.random.default_rng(0), np.arange(ROWS)
    some = {f"x{k}": rng.normal(0, 10.0**k, ROWS) for k in range(4)}
    some |= {
        "count": rng.integers(0, 50, ROWS),
        "holes": pd.Series(np.where(row % 7, rng.integers(0, 9, ROWS), None)),
        "price": [f"{k % 90}.50" for k in row],
        "town": [f'the "{k % 3}", north' for k in row],
        "none": np.where(row % 9, "2", "none"),
        "late": np.where(row > ROWS - 9, "late", "1"),
        "flag": row % 2 == 0,
        "empty": "",
        **columns,
        "target": np.where(row % 3, "yes", "no"),
    }
    return pd.DataFrame(some)


@pytest.mark.parametrize(
    ("code", "separator", "decimal"),
    [("1234", ",", "."), ("0123", ";", ","), ("-0", "\t", ".")],
)
def test_a_large_file_has_the_numbers_and_the_text_of_a_small_one(
    code: str, separator: str, decimal: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    table = frame(code=code, other=[f"{k}"[-4:] for k in range(ROWS)])
    table.to_csv(path, sep=separator, decimal=decimal)
    table, typed = read_table(path), read_table(path, typed=True)
    assert list(table) == list(typed)
    assert table.index.equals(typed.index)
    assert typed["x0"].dtype == float, "as numbers"
    assert unusable(typed) == unusable(table)
    for name in table:
        pd.testing.assert_series_equal(text(typed, name), table[name], check_names=False)
        assert looks_like(typed[name]) == looks_like(table[name])
    numbers = [name for name in table if name not in ("town", "late", "flag", "target")]
    np.testing.assert_array_equal(numeric(typed, numbers, path), numeric(table, numbers, path))


def test_large_and_small_files_train_on_the_same(tmp_path: Path) -> None:
    settings = {"categories": ["town", "price", "count"], "ignore": ["x3"]}
    found = []
    for name, end in (("typed", "\n"), ("text", "\n\n\n")):  # a blank row is for the csv module
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.csv").write_text(frame().to_csv(index=False).strip() + end)
        data = Rows(folder, numbers=["x0", "x1", "holes"], **settings)
        data.setup("fit")
        found.append(data)
    typed, plain = (data.splits["val"] for data in found)
    assert found[0].vocabulary == found[1].vocabulary
    assert found[0].vocabulary["price"][0] == "0.50", "as it is written"
    assert typed.identifiers == plain.identifiers  # type: ignore[attr-defined]
    for field, values in typed.fields.items():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(values, plain.fields[field])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("1,2", "row 9002: the header has 3 cells and this row 2"),
        ("1,2,3,4", "row 9002: the header has 3 cells and this row 4"),
        ('1,2,"3', "row 9002: unexpected end of data: look for a quote"),
        ('1,2,3"4"', None),
        ("1,2,", None),
        (",,", None),
        ("1;2,5;3", "row 9002: the header has 3 cells and this row 2"),
    ],
)
def test_what_is_wrong_in_a_large_file_is_named(
    row: str, fault: str | None, tmp_path: Path
) -> None:
    rows = [f"{k},{'z' * 120},7" for k in range(9_000)]
    (tmp_path / "a.csv").write_text("\n".join(["a,b,c", *rows, row, *rows[:9]]))
    if fault is None:
        plain = read_table(tmp_path / "a.csv")
        assert read_table(tmp_path / "a.csv", typed=True).index.equals(plain.index)
        return
    with pytest.raises(UserError, match=fault):
        read_table(tmp_path / "a.csv", typed=True)


@pytest.mark.parametrize(
    ("cell", "beside", "decimal", "expected"),
    [
        ("2,5", "1", None, 2.5),
        ("1.003", "0,5", None, 1003),  # by the other column
        ("1.003", "0.5", None, 1.003),
        ("1.003", "1", ".", 1.003),
        ("1,003", "1", ",", 1.003),
        ("1.003", "1", None, "may have a mark of decimals or of thousands"),
    ],
)
def test_a_large_file_of_semicolons_says_what_a_mark_means_as_a_small_one_does(
    cell: str, beside: str, decimal: str | None, expected: float | str, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a;b;c,d\n" + f"{beside};{'z' * 120};{cell}\n" * 9_000)
    for typed in (True, False):
        table = read_table(path, decimal=decimal, typed=typed)
        assert (table["a"].dtype == object) != typed
        if isinstance(expected, str):
            with pytest.raises(UserError, match=expected):
                numeric(table, ["c,d"], path)
        else:
            assert numeric(table, ["c,d"], path)[0] == np.float32(expected)


def test_a_large_header_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"c{k}" for k in range(200_000)))
    with pytest.raises(UserError, match="a header and no rows"):
        read_table(path, typed=True)
