"""Tables in every kind of file that people have them in."""

import gzip
import importlib.util
import logging
import zipfile
from pathlib import Path

import pandas as pd
import psutil
import pytest

from kindling.errors import UserError
from kindling.tables.read import numeric, read_table
from tests.engine.series.reading import read_series
from tests.engine.toy import refused

TEXT = "Größe,y\n1.5,ä\n2.5,b\n"


def write(path: Path, content: bytes) -> Path:
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix != ".zip":
        path.write_bytes(content)
        return path
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/a.csv", content)
        archive.writestr("__MACOSX/a.csv", b"")
    return path


@pytest.mark.parametrize(
    ("name", "encoding", "said"),
    [
        ("a.csv", "utf-8", ""),
        ("a.csv", "utf-8-sig", ""),
        ("a.csv", "utf-16", "read as UTF-16"),
        ("a.csv", "latin-1", "read as Latin-1"),
        ("a.csv.gz", "utf-8", ""),
        ("a.csv.gz", "latin-1", "read as Latin-1"),
        ("a.zip", "utf-16", "read as UTF-16"),
    ],
)
def test_encodings_and_archives(
    name: str, encoding: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = read_table(write(tmp_path / name, TEXT.encode(encoding)))
    assert table.to_dict("list") == {"Größe": ["1.5", "2.5"], "y": ["ä", "b"]}
    assert table.index.tolist() == [2, 3]
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "é,y\n1,2\n".encode() + b"\xe9,3\n", "row 3: neither UTF-8 nor Latin-1"),
        ("a.csv", b"a,b\n1,\x81\n", "not text in UTF-8 or Latin-1"),
        ("a.csv.gz", None, "Not a gzipped file"),
        ("a.zip", None, "not a zip file"),
    ],
)
def test_what_is_not_text(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content or TEXT.encode())
    with refused(message):
        read_table(tmp_path / name)


def test_a_zip_of_two_tables(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with pytest.raises(UserError, match="2 files inside: it must hold one table alone"):
        read_table(tmp_path / "a.zip")


def test_empty_rows_and_columns_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.csv", b"x;y;;\n1;a;;\n;;;\n2;b;;\n;;\n;;;\n")
    with caplog.at_level(logging.INFO):
        table = read_table(path)
    assert table.to_dict("list") == {"x": ["1", "2"], "y": ["a", "b"]}
    assert table.index.tolist() == [2, 4]
    assert "empty rows left out: 3" in caplog.text
    assert "empty columns without a name left out: 2" in caplog.text


def test_the_file_s_own_words_for_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"hp,kind,none\n130,None,1\n?,?,None\n165,-,2\n")
    table = read_table(path, ["?", "-"]).astype(object).where(lambda cells: cells.notna(), None)
    assert table["hp"].tolist() == ["130", None, "165"]
    assert table["kind"].tolist() == ["None", None, None]
    assert table["none"].tolist() == ["1", None, "2"]


FRAME = pd.DataFrame(
    {
        "x": [1.5, None, 3.0],
        "n": [1, 2, 3],
        "day": pd.to_datetime(["2024-01-31"] * 3),
        "y": [*"abc"],
    }
)
CELLS = {"x": ["1.5", None, "3"], "n": [*"123"], "day": ["2024-01-31"] * 3, "y": [*"abc"]}


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("a.xlsx", "openpyxl", "excel"), ("a.parquet", "pyarrow", "parquet")],
)
def test_excel_and_parquet(name: str, package: str, extra: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if importlib.util.find_spec(package) is None:
        path.write_bytes(b"PK\x03\x04")
        with pytest.raises(UserError, match=rf"needs {package}, .*pip install -e '\.\[{extra}\]'"):
            read_table(path)
        return
    FRAME.to_excel(path, index=False) if extra == "excel" else FRAME.to_parquet(path)
    table = read_table(path, typed=True)
    assert table.where(table.notna(), None).to_dict("list") == CELLS
    assert table.index.tolist() == [2, 3, 4]


BROKEN = {
    "many times": "timestamp,value\n" + "2024-01-01,1\n" * 3,
    "several series": "timestamp,value,shop\n2024-01-01,1,a\n2024-01-01,2,b\n2024-01-02,1,a\n",
    "no times": "timestamp,value\n2024-01-01,1\nyesterday,2\n",
    "no numbers": "timestamp,value\n2024-01-01,1\n2024-01-02,two\n",
    "an open quote": 'timestamp,value\n2024-01-01,1\n2024-01-02,"2\n',
    "either mark": "timestamp;value\n2024-01-01;1.003\n2024-01-02;2.004\n",
    "short rows": "timestamp,value\n2024-01-01,1\n2024-01-02\n",
    "one time": "timestamp,value\n2024-01-01,1\n",
    "Latin-1 below": "timestamp,value\n" + "2024-01-01,1\n" * 9000 + "é,1\n",
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".zip"])
def test_a_refused_file_is_closed(fault: str, suffix: str, tmp_path: Path) -> None:
    # Where the error is kept, as a notebook keeps it; an open file cannot be replaced on Windows.
    path = write(tmp_path / f"file{suffix}", BROKEN[fault].encode("latin-1"))
    errors = []
    for read in (read_series, lambda path: numeric(read_table(path), ["value"], path)):
        try:
            read(path)
        except UserError as error:
            errors.append(error)
    assert errors
    assert path not in {Path(file.path) for file in psutil.Process().open_files()}
