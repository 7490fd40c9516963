"""A series is read whole and regular, or what is irregular is named by row and timestamp."""

import logging
import re
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.series.grid import Problems
from kindling.series.rows import CELLS
from kindling.series.series import Series
from tests.engine.series.reading import read_series

Row = tuple[object, object]
Read = Callable[..., Any]

START = np.datetime64("2011-01-01T00:15:00")
SECOND = np.timedelta64(1_000_000, "us")
STEP, HOUR, DAY = 900 * SECOND, 3600 * SECOND, 86_400 * SECOND
STAMPS = [str(START + i * STEP).replace("T", " ") for i in range(60)]
MENDED: tuple[Problems, Problems] = ("interpolate", "drop")
any_problems = pytest.mark.parametrize("problems", ["error", *MENDED])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "load.csv"


@pytest.fixture(params=[8, CELLS], ids=["four rows at a time", "all rows at once"])
def read(request: pytest.FixtureRequest, path: Path) -> Read:
    """Reads this content of a file: a series, or the one line that the user gets."""

    def read_content(content: str | bytes, **settings: Any) -> Any:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        try:
            return read_series(path, cells=request.param, **settings)
        except UserError as error:
            line = str(error)
        assert line.startswith(str(path))
        assert "\n" not in line
        return line

    return read_content


def text(rows: Sequence[Row]) -> str:
    return "timestamp,value\n" + "".join(f"{time},{value}\n" for time, value in rows)


def counted(times: Sequence[object]) -> str:
    return text([(time, i) for i, time in enumerate(times)])


def edited(*rows: Row, at: int = 5, cut: int = 1) -> str:
    """Ten regular rows with these in place of some; the sixth is row 7 of the file."""
    regular = [(time, i) for i, time in enumerate(STAMPS[:10])]
    return text([*regular[:at], *rows, *regular[at + cut :]])


def assert_series(series: Series, values: Any, start: object = START, step: object = STEP) -> None:
    np.testing.assert_allclose(series.values, values)
    assert series.start == np.datetime64(start)
    assert series.calendar.length == (step if isinstance(step, str) else int(step / SECOND * 1e6))


@any_problems
def test_values_start_step_and_times(
    problems: Problems, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    series = read(counted(STAMPS[:8]), problems=problems)
    assert_series(series, range(8))
    assert (series.values.dtype, len(series), caplog.records) == (np.float64, 8, [])
    beyond = series.timestamps([3, -1, 96]).astype("M8[m]").astype(str).tolist()
    assert beyond == ["2011-01-01T01:00", "2011-01-01T00:00", "2011-01-02T00:15"]


def test_memory_is_the_values_alone(path: Path) -> None:
    peaks = []
    for rows in (8_000, 18_000):
        path.write_text(counted(range(rows)))
        tracemalloc.start()
        read_series(path, cells=1_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 10 * 10_000  # 8 bytes a value; a timestamp would be 8 more


def test_the_real_files(real: Path) -> None:
    files = [real / "electricity" / f"electricity_{part}.csv" for part in ("train", "test")]
    train, test = (read_series(file, value="consumption") for file in files)
    assert (len(train), len(test)) == (105_215, 35_040)
    assert train.timestamps(len(train)) == test.start == np.datetime64("2014-01-01")
    assert np.mean(np.diff(test.values) ** 2) == pytest.approx(0.0400, abs=1e-4)


HOURS = pd.date_range("2011-01-13T22:00", periods=4, freq="h")
SECONDS = range(1294956000, 1294970400, 3600)
DAYS = pd.date_range("2011-02-01", periods=12)
LAYOUTS = """%Y-%m-%d %H:%M|%Y-%m-%dT%H:%M:%SZ|%Y/%m/%d %H:%M|%d.%m.%Y %H:%M|%m/%d/%Y %H:%M
%-m/%-d/%Y %-H:%M|%m/%d/%Y %I:%M %p|%-m/%-d/%Y %-I:%M:%S %p|%d %b %Y %H:%M"""
TIMES = [
    *(list(HOURS.strftime(layout)) for layout in re.split(r"[|\n]", LAYOUTS)),
    ["2011-01-13 22:00:00", "2011-01-13 23:00:00", "2011-01-14", "2011-01-14T01:00"],
    # A clock change, which becomes UTC.
    [f"2011-01-{time}" for time in ("13T23+01:00", "14T00+01:00", "14T02+02:00", "14T03+02:00")],
    *([f"{t}{finer}" for t in SECONDS] for finer in ("", ".0", 3 * "0", 6 * "0", 9 * "0")),
]
"""The same four hours in all of these."""


@pytest.mark.parametrize(
    ("times", "start", "step"),
    [
        *((times, "2011-01-13T22:00", HOUR) for times in TIMES),
        # Of day and month, which is which is told by what is regular.
        *((list(DAYS.strftime(f"%{a}/%{b}/%Y")), "2011-02-01", DAY) for a, b in ("dm", "md")),
        (list(DAYS.strftime("%Y%m%d")), "2011-02-01", DAY),
        ([str(i) for i in range(500)], "1970-01-01", SECOND),
        ([f"{0.004 * i:.3f}" for i in range(500)], "1970-01-01", SECOND / 250),
    ],
    ids=lambda times: times[0] if isinstance(times, list) else "",
)
def test_layouts_of_time(times: list[str], start: str, step: object, read: Read) -> None:
    assert_series(read(counted(times)), range(len(times)), start, step)


@pytest.mark.parametrize(
    "content",
    [
        '\ufeff"timestamp","value"\n"0","0"\n"3600","1"\n"7200","2"\n"10800","3"\n',
        "timestamp,value\r\n0,0\r\n3600,1\r\n7200,2\r\n10800,3\r\n",
        "timestamp,value\r0,0\r3600,1\r7200,2\r10800,3\r",
        "timestamp,value\n0,0\n\n3600,1\n7200,2\n10800,3\n\n,\n",
        "timestamp, value\n0, 0\n3600, 1\n7200, 2\n10800, 3\n",
        "timestamp;value\n0;0,0\n3600;1,0\n7200;2,0\n10800;3,0\n",
        "value,note,timestamp\n0,a,0\n1,,3600\n2,b,7200\n3,4,10800\n",
        "a,timestamp,a,value\n,0,x,0\n,3600,x,1\n,7200,x,2\n,10800,x,3\n",
    ],
)
def test_files_of_all_kinds(content: str, read: Read) -> None:
    assert_series(read(content), range(4), "1970-01-01", HOUR)


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("a.csv", "utf-8-sig"),
        ("a.csv", "utf-16"),
        ("a.csv", "latin-1"),
        ("a.csv.gz", "latin-1"),
        ("a.zip", "utf-8"),
        ("a.xlsx", ""),
        ("a.parquet", ""),
    ],
)
def test_files_of_every_kind(
    name: str, encoding: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    frame = pd.DataFrame({"Tag é": pd.date_range("2024-01-01", periods=40, freq="6h")})
    frame["value"] = np.arange(40) + 0.5
    if encoding:
        frame.to_csv(path, index=False, encoding=encoding)
    elif name.endswith("xlsx"):
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    series = read_series(path, "Tag é")
    assert series.values.tolist() == frame["value"].tolist()
    assert series.written([0, 5]) == ["2024-01-01 00:00:00", "2024-01-02 06:00:00"]
    said = [line for line in caplog.messages if "read as" in line]
    assert len(said) == (encoding in ("utf-16", "latin-1"))


@any_problems
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\n1,2\n", "row 1 is empty"),
        ("timestamp,value", "no rows below the header"),
        ("timestamp,value\n\n,\n", "no rows below the header"),
        ("timestamp,value\n2011-01-01,1\n2011-01-01,1\n", "a single time has no step"),
        ("timestamp,timestamp,value\n1,2,3\n", "several columns are named 'timestamp'"),
        ("timestamp,value\n0,1,5\n1,2,5\n", "row 2: 3 cells below 2 column names"),
        ("timestamp,value\n0,1\n1,2,5\n", "Expected 2 fields in line 3, saw 3"),
        ('timestamp,value\n0,1\n1,"2\n2,3\n', "not a well-formed CSV file"),
        (b"timestamp,value\n0,1\n1,\x81\n", "not text in UTF-8 or Latin-1"),
        (edited((STAMPS[5], "1,5")), "Expected 2 fields in line 7, saw 3"),
        (text([("soon", 1), (STAMPS[0], 2)]), "row 2, timestamp 'soon': not a time"),
        (text([("0", 1), ("1", 1), ("1e300", 1)]), "not a time in the file's layout, seconds"),
        (text([(time, i % 2 == 0) for i, time in enumerate(STAMPS)]), "'True' is not a number"),
        *(
            (edited((STAMPS[5], f'"{cell}"')), f"row 7, column 'value': '{cell}' is not a number")
            for cell in ("abc", "1.5 kW", "True", "--", "0x10", "1,5,5")
        ),
        *(
            (edited((time, 5)), f"row 7, timestamp '{time}': not a time in the file's layout, ISO")
            for time in ("soon", "", "2011-02-30 00:00:00", "01/01/2011 01:30", "17")
        ),
    ],
)
def test_what_is_no_series(
    content: str | bytes, expected: str, problems: Problems, read: Read
) -> None:
    assert expected in read(content, problems=problems)


def test_a_missing_column_or_file_is_named(read: Read, tmp_path: Path) -> None:
    content = "Timestamp,load\n0,1\n1,2\n"
    message = read(content, value="load")
    assert "no column 'timestamp' among 'Timestamp', 'load'" in message
    assert "did you mean --data.time=Timestamp?" in message
    assert "no column 'value'" in (message := read(content, time="Timestamp"))
    assert message.endswith("set --data.value")
    assert "both 'load'" in read(content, time="load", value="load")
    for path, reason in ((tmp_path / "no.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"{path}: {reason}"):
            read_series(path)


MISSING = ("the value is missing or infinite", 5, "1 rows without a value")
ORDER = "the row is out of order"
REPEATED = "the timestamp repeats an earlier one"
OFF = "the timestamp is off the grid, one every 0:15:00"


@pytest.mark.parametrize(
    "case",
    [
        *((edited((STAMPS[5], cell)), *MISSING) for cell in ("", "NaN", "-inf", "1e399")),
        (edited(cut=2), "rows missing above this one: 2, at one every 0:15:00", 5, " values "),
        (edited((STAMPS[4], 4)), REPEATED, 5, "1 repeated rows dropped"),
        (edited((STAMPS[1], 99), cut=0), REPEATED, 10, "1 repeated rows dropped"),
        (edited((STAMPS[6], 6), (STAMPS[5], 5), cut=2), ORDER, 10, "1 rows out of order sorted"),
        (edited(("2011-01-01 01:20:00", 99), cut=0), OFF, 10, "1 rows off the grid dropped"),
    ],
)
def test_an_irregular_row_is_named_or_mended_and_counted(
    case: tuple[str, str, int, str], read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    content, what, left, count = case
    stamp = content.splitlines()[6].partition(",")[0]
    line = f"row 7, timestamp '{stamp}': {what}; fix the file or set --data.problems=interpolate"
    assert line in read(content)
    for problems, rows in zip(MENDED, (10, left), strict=True):
        caplog.clear()
        assert_series(read(content, problems=problems), range(rows))
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert re.search(f"load.csv corrected by {problems}: .*{count}", record.getMessage())


def test_a_file_in_another_order_or_with_an_irregular_start(read: Read) -> None:
    for order in (range(59, -1, -1), [*range(4, 60), *range(4)]):
        content = text([(STAMPS[i], i) for i in order])
        assert "; fix the file" in read(content)
        for problems in MENDED:
            assert_series(read(content, problems=problems), range(60))
    content = edited(("2011-01-01 00:14:00", 0), at=0)
    assert "row 2, timestamp '2011-01-01 00:14:00': the timestamp is off" in read(content)
    assert_series(read(content, problems="drop"), range(1, 10), START + STEP)
    assert "row 9" in read(edited(("", ""), ("", ""), (STAMPS[4], 4))), "blank rows count"


def test_a_line_fills_gaps_or_the_longest_segment_is_kept(
    read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    content = "timestamp,value\n0,1\n1,2\n2,\n5,8\n6,-1\n7,4\n8,\n9,3\n"
    filled = read(content, problems="interpolate")
    assert_series(filled, [1, 2, 3.5, 5, 6.5, 8, -1, 4, 3.5, 3], "1970-01-01", SECOND)
    assert "2 rows without a value, 4 values interpolated" in caplog.text
    kept = read(content, problems="drop")
    assert_series(kept, [8, -1, 4], "1970-01-01T00:00:05", SECOND)
    assert "2 rows without a value, 3 measured values dropped" in caplog.text


@pytest.mark.parametrize("problems", MENDED)
def test_the_ends_are_cut_and_the_first_of_several_values_stays(
    problems: Problems, read: Read
) -> None:
    values = ["", "", 2, 3, 4, 5, 6, "", ""]
    series = read(text([*zip(STAMPS[:9], values, strict=True)]), problems=problems)
    assert_series(series, range(2, 7), START + 2 * STEP)
    again = [(STAMPS[4], ""), (STAMPS[2], 99), (STAMPS[4], "nan"), (STAMPS[4], 7), (STAMPS[3], 98)]
    assert_series(read(edited(*again, at=4), problems=problems), [0, 1, 2, 3, 7, 5, 6, 7, 8, 9])
    assert "no row has a value" in read(text([(s, "") for s in STAMPS]), problems=problems)


def test_no_more_is_filled_than_was_measured(read: Read) -> None:
    for year in ("2101-01-01", "1911-01-01"):
        for problems in MENDED:
            message = read(edited((f"{year} 00:00:00", 7), at=7), problems=problems)
            assert year in message
            assert "look for a wrong timestamp" in message
            assert "--data.resample=1d takes means of days" in message
    few, many = (text([*((i, i) for i in range(5)), (k, k)]) for k in (10, 13))
    assert_series(read(few, problems="interpolate"), range(11), "1970-01-01", SECOND)
    assert "most of 14 rows" in read(many, problems="interpolate")
    assert_series(read(many, problems="drop"), range(5), "1970-01-01", SECOND)


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_against_pandas(seed: int, read: Read, path: Path) -> None:
    rng = np.random.default_rng(seed)
    rows: list[Row] = [(stamp, f"{rng.normal():.6f}") for stamp in STAMPS]
    for i in rng.integers(8, 60, 5):
        rows[i] = (rows[i][0], "")
    for i in rng.integers(8, 60, 3):
        rows.insert(i, (rows[rng.integers(0, len(rows))][0], "9"))
    for i in rng.integers(8, 60, 3):
        del rows[i]
    rows = rows[:8] + [rows[i] for i in rng.permutation(range(8, len(rows)))]
    filled, kept = (read(text(rows), problems=problems) for problems in MENDED)
    frame = pd.read_csv(path, parse_dates=["timestamp"]).dropna()
    expected = frame.groupby("timestamp").value.first().asfreq(pd.Timedelta(STEP))
    np.testing.assert_allclose(filled.values, expected.interpolate(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(filled.timestamps(range(len(filled))), expected.index)
    parts = [part.dropna() for _, part in expected.groupby(expected.isna().cumsum())]
    longest = max(parts, key=len)
    np.testing.assert_array_equal(kept.values, longest.to_numpy())
    np.testing.assert_array_equal(kept.timestamps(range(len(kept))), longest.index)
