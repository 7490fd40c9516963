"""A series is read whole and regular, or what is irregular is named by row and timestamp."""

import logging
import os
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.series.read import Problems, Series, read_series
from kindling.series.rows import CELLS

Row = tuple[str, object]
Content = str | bytes | Sequence[Row]
Read = Callable[..., Series]

START = np.datetime64("2011-01-01T00:15:00")
STEP = np.timedelta64(15, "m")
MENDED: tuple[Problems, Problems] = ("interpolate", "drop")
ALL: tuple[Problems, ...] = ("error", *MENDED)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "load.csv"


@pytest.fixture(params=[8, CELLS], ids=["four rows at a time", "all rows at once"])
def read(request: pytest.FixtureRequest, path: Path) -> Read:
    """Reads what is given as the content of a file, or as its rows."""

    def read_content(content: Content, **settings: object) -> Series:
        if not isinstance(content, str | bytes):
            content = table(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_series(path, cells=request.param, **settings)  # type: ignore[arg-type]

    return read_content


@pytest.fixture
def complaint(read: Read, path: Path) -> Callable[..., str]:
    """Reads, and returns the one line that the user gets."""

    def message(content: Content, **settings: object) -> str:
        with pytest.raises(UserError) as caught:
            read(content, **settings)
        line = str(caught.value)
        assert "\n" not in line
        assert str(path) in line
        return line

    return message


Complaint = Callable[..., str]


def stamps(number: int) -> list[str]:
    return [str(START + i * STEP).replace("T", " ") for i in range(number)]


def regular(number: int) -> list[Row]:
    return [(stamp, float(i)) for i, stamp in enumerate(stamps(number))]


def table(rows: Sequence[Row]) -> str:
    return "timestamp,consumption\n" + "".join(f"{time},{value}\n" for time, value in rows)


def counted(times: Sequence[str]) -> list[Row]:
    return [(time, i) for i, time in enumerate(times)]


def assert_series(
    series: Series, values: Sequence[float], start: object = START, step: object = STEP
) -> None:
    np.testing.assert_allclose(series.values, values)
    assert series.start == np.datetime64(start)  # type: ignore[call-overload]
    assert series.step == step


# What a series is


def test_values_start_step_and_times(read: Read) -> None:
    series = read(regular(8))
    assert_series(series, range(8))
    assert (series.values.dtype, len(series)) == (np.float32, 8)
    beyond = series.timestamps(np.array([[0, 3], [-1, 96]]))
    expected = ["2011-01-01T00:15", "2011-01-01T01:00", "2011-01-01T00:00", "2011-01-02T00:15"]
    np.testing.assert_array_equal(beyond, np.array(expected, "M8[us]").reshape(2, 2))


def test_values_are_rounded_once_from_double_precision(read: Read) -> None:
    numbers = np.random.default_rng(0).normal(scale=1e3, size=200)
    rows = [(time, repr(float(x))) for time, x in zip(stamps(200), numbers, strict=True)]
    np.testing.assert_array_equal(read(rows).values, np.float32(numbers))


def test_memory_is_the_values_alone(path: Path) -> None:
    peaks = []
    for rows in (30_000, 50_000):
        path.write_text("timestamp,consumption\n" + "".join(f"{i},{i}.5\n" for i in range(rows)))
        tracemalloc.start()
        read_series(path, cells=4_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 6 * 20_000  # 4 bytes a value; a timestamp would be 8 more


@pytest.mark.skipif("KINDLING_DATA" not in os.environ, reason="KINDLING_DATA is unset")
def test_the_real_files() -> None:
    folder = Path(os.environ["KINDLING_DATA"]) / "electricity"
    train, test = (read_series(folder / f"electricity_{part}.csv") for part in ("train", "test"))
    assert (len(train), len(test)) == (105_215, 35_040)
    assert train.timestamps(len(train)) == test.start == np.datetime64("2014-01-01")
    assert np.mean(np.diff(test.values) ** 2) == pytest.approx(0.0400, abs=1e-4)


# How times may be written


@pytest.mark.parametrize(
    "times",
    [
        ["2011-01-13 22:00", "2011-01-13 23:00", "2011-01-14 00:00", "2011-01-14 01:00"],
        ["2011-01-13 22:00:00", "2011-01-13 23:00:00", "2011-01-14", "2011-01-14T01:00"],
        ["2011-01-13T22:00:00Z", "2011-01-13T23:00:00Z", "2011-01-14T00:00Z", "2011-01-14T01:00Z"],
        ["2011/01/13 22:00", "2011/01/13 23:00", "2011/01/14 00:00", "2011/01/14 01:00"],
        ["13.01.2011 22:00", "13.01.2011 23:00", "14.01.2011 00:00", "14.01.2011 01:00"],
        ["1/13/2011 22:00", "1/13/2011 23:00", "1/14/2011 00:00", "1/14/2011 01:00"],
        ["01/13/2011 10:00 PM", "01/13/2011 11:00 PM", "01/14/2011 12:00 AM", "01/14/2011 1:00 AM"],
        ["13 Jan 2011 22:00", "13 Jan 2011 23:00", "14 Jan 2011 00:00", "14 Jan 2011 01:00"],
        *(
            [f"{hour}{finer}" for hour in range(1294956000, 1294970400, 3600)]
            for finer in ("", ".0", "000", "000000", "000000000")
        ),
    ],
    ids=lambda times: times[0],
)
def test_layouts_of_time(times: list[str], read: Read) -> None:
    assert_series(read(counted(times)), range(4), "2011-01-13T22:00", np.timedelta64(1, "h"))


def test_a_zone_becomes_utc_through_a_clock_change(read: Read) -> None:
    text = [f"2011-03-27T{t}" for t in ("00:00+01:00", "01:00+01:00", "03:00+02:00", "04:00+02:00")]
    assert_series(read(counted(text)), range(4), "2011-03-26T23:00", np.timedelta64(1, "h"))


@pytest.mark.parametrize("layout", ["%d/%m/%Y", "%m/%d/%Y", "%Y%m%d"])
def test_day_and_month_are_told_apart_by_what_is_regular(layout: str, read: Read) -> None:
    times = pd.date_range("2011-02-01", periods=12).strftime(layout)
    series = read(counted(list(times)))
    assert_series(series, range(12), "2011-02-01", np.timedelta64(1, "D"))


def test_monthly_iso_dates_are_not_read_with_the_day_before_the_month(complaint: Complaint) -> None:
    rows = [(f"2011-{month:02}-01", month) for month in range(1, 13)]
    assert "off the grid, one every 31 days" in complaint(rows)


@pytest.mark.parametrize(("step", "microseconds"), [("1", 1_000_000), ("0.004", 4_000)])
def test_plain_numbers_are_seconds(step: str, microseconds: int, read: Read) -> None:
    rows = [(f"{i * float(step):.3f}", i) for i in range(500)]
    assert_series(read(rows), range(500), "1970-01-01", np.timedelta64(microseconds, "us"))


# How files may be written


@pytest.mark.parametrize(
    "text",
    [
        "\ufefftimestamp,consumption\n0,0\n3600,1\n7200,2\n10800,3\n",
        '\ufeff"timestamp","consumption"\n"0","0"\n"3600","1"\n"7200","2"\n"10800","3"\n',
        "timestamp,consumption\r\n0,0\r\n3600,1\r\n7200,2\r\n10800,3\r\n",
        "timestamp,consumption\r0,0\r3600,1\r7200,2\r10800,3\r",
        "timestamp,consumption\n0,0\n3600,1\n7200,2\n10800,3",
        "timestamp,consumption\n0,0\n\n3600,1\n7200,2\n10800,3\n\n,\n",
        "timestamp, consumption\n0, 0\n3600, 1\n7200, 2\n10800, 3\n",
        "consumption,note,timestamp\n0,a,0\n1,,3600\n2,b,7200\n3,4,10800\n",
        "a,timestamp,a,consumption\n,0,x,0\n,3600,x,1\n,7200,x,2\n,10800,x,3\n",
    ],
    ids=["mark", "quotes", "CRLF", "CR", "open end", "blank lines", "spaces", "order", "others"],
)
def test_files_of_all_kinds(text: str, read: Read) -> None:
    assert_series(read(text), range(4), "1970-01-01", np.timedelta64(1, "h"))


def test_columns_by_any_name(read: Read) -> None:
    series = read(",Größe,wind\n0,0,9\n3600,1,9\n7200,2,9\n10800,3,9\n", time="", value="Größe")
    assert_series(series, range(4), "1970-01-01", np.timedelta64(1, "h"))


# Files that cannot be used


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "load.csv", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(UserError, match=f"{path}: {reason}"):
            read_series(path)


@pytest.mark.parametrize("problems", ALL)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "row 1 is empty"),
        ("\n1,2\n", "row 1 is empty"),
        ("timestamp,consumption\n", "no rows below the header"),
        ("timestamp,consumption", "no rows below the header"),
        ("timestamp,consumption\n\n,\n", "no rows below the header"),
        ("timestamp,consumption\n2011-01-01,1\n", "one time shows no step"),
        ("timestamp,consumption\n2011-01-01,1\n2011-01-01,1\n", "one time shows no step"),
        ("timestamp,consumption,consumption\n1,2,3\n", "several columns are named 'consumption'"),
        ("timestamp,timestamp,consumption\n1,2,3\n", "several columns are named 'timestamp'"),
        ("timestamp,consumption\n0,1,5\n1,2,5\n", "row 2: 3 cells below 2 column names"),
        ("timestamp,consumption\n0,1\n1,2,5\n", "Expected 2 fields in line 3, saw 3"),
        ('timestamp,consumption\n0,1\n1,"2\n2,3\n', "not a well-formed CSV file"),
        (b"timestamp,consumption\n0,1\n1,\xb5\n", "not a text file in UTF-8"),
        (b"timestamp,consumption,\xe4\n0,1,2\n", "not a text file in UTF-8"),
        (table(regular(3)).encode("utf-16"), "not a text file in UTF-8"),
        (table([(stamp, "") for stamp in stamps(9)]), "no row has a value|value is missing"),
    ],
)
def test_useless_files(
    text: str | bytes, expected: str, problems: Problems, complaint: Complaint
) -> None:
    message = complaint(text, problems=problems)
    assert any(part in message for part in expected.split("|"))


def test_a_missing_column_names_those_there_are(complaint: Complaint) -> None:
    text = "Timestamp,load\n0,1\n1,2\n"
    message = complaint(text, value="load")
    assert "no column 'timestamp' among 'Timestamp', 'load'" in message
    assert "did you mean --data.time=Timestamp?" in message
    assert "no column 'consumption'" in (message := complaint(text, time="Timestamp"))
    assert message.endswith("set --data.value")
    assert "both 'Timestamp'" in complaint(text, time="Timestamp", value="Timestamp")


# Rows that are always refused


@pytest.mark.parametrize("problems", ALL)
@pytest.mark.parametrize("cell", ["abc", "1.5 kW", '"1,5"', "True", "--", "0x10"])
def test_text_among_the_numbers(cell: str, problems: Problems, complaint: Complaint) -> None:
    rows = regular(8)
    rows[5] = (rows[5][0], cell)
    message = complaint(rows, problems=problems)
    assert f"row 7, timestamp '{rows[5][0]}'" in message
    assert f"{cell.strip(chr(34))!r} is not a number" in message


def test_truth_values_are_text(complaint: Complaint) -> None:
    rows = [(stamp, i % 2 == 0) for i, stamp in enumerate(stamps(8))]
    assert "'True' is not a number" in complaint(rows)


@pytest.mark.parametrize("row", [3, 5, 7])
def test_a_decimal_comma_does_not_cut_a_value(row: int, complaint: Complaint) -> None:
    rows = regular(8)
    rows[row - 2] = (rows[row - 2][0], "1,5")
    assert f"Expected 2 fields in line {row}, saw 3" in complaint(rows)


@pytest.mark.parametrize("problems", ALL)
@pytest.mark.parametrize("stamp", ["soon", "", "2011-02-30 00:00:00", "01/01/2011 01:30", "17"])
def test_a_timestamp_that_is_none(stamp: str, problems: Problems, complaint: Complaint) -> None:
    rows = regular(8)
    rows[5] = (stamp, 5)
    message = complaint(rows, problems=problems)
    assert f"row 7, timestamp {stamp!r}: not a time in the file's layout, ISO8601" in message


def test_the_first_time_may_be_the_wrong_one_and_a_number_none(complaint: Complaint) -> None:
    assert "row 2, timestamp 'soon': not a time" in complaint([("soon", 1), *regular(4)])
    message = complaint([("0", 1), ("1", 1), ("1e300", 1)])
    assert "row 4, timestamp '1e300': not a time in the file's layout, seconds" in message


# Rows that are refused or mended


def damaged(damage: str) -> list[Row]:
    """Ten rows that were regular; row 7 of the file is the first with a problem."""
    rows = regular(10)
    values = {"missing value": "", "NaN": "NaN", "infinite": "-inf", "too large": "1e39"}
    match damage:
        case "gap":
            del rows[5:7]
        case "repeated":
            rows[5] = rows[4]
        case "repeated from far above":
            rows.insert(5, (rows[1][0], 99.0))
        case "out of order":
            rows[5], rows[6] = rows[6], rows[5]
        case "off the grid":
            rows.insert(5, ("2011-01-01 01:20:00", 99.0))
        case _:
            rows[5] = (rows[5][0], values[damage])
    return rows


MISSING = ("the value is missing or infinite", 5, "1 rows without a value")
DAMAGES = {
    "missing value": MISSING,
    "NaN": MISSING,
    "infinite": MISSING,
    "too large": MISSING,
    "gap": ("rows missing above this one: 2, at one every 0:15:00", 5, "places interpolated"),
    "repeated": ("the timestamp repeats an earlier one", 5, "1 repeated rows dropped"),
    "repeated from far above": (
        "the timestamp repeats an earlier one",
        10,
        "1 repeated rows dropped",
    ),
    "out of order": ("the row is out of order", 10, "1 rows out of order sorted"),
    "off the grid": (
        "the timestamp is off the grid, one every 0:15:00",
        10,
        "1 rows off the grid dropped",
    ),
}
"""What is said of each, how many rows are left where it is dropped, and how it is counted."""


@pytest.mark.parametrize("damage", DAMAGES)
def test_an_irregular_row_is_named_or_mended_and_counted(
    damage: str, read: Read, complaint: Complaint, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, (what, dropped, count) = damaged(damage), DAMAGES[damage]
    message = complaint(rows)
    assert f"row 7, timestamp '{rows[5][0]}': {what}; mend the file or set" in message
    assert "--data.problems=interpolate (or drop)" in message
    for problems, left in zip(MENDED, (10, dropped), strict=True):
        caplog.clear()
        assert_series(read(rows, problems=problems), range(left))
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith(f"{path} mended by {problems}: ")
        assert count in record.getMessage() or (damage == "gap" and problems == "drop")


@pytest.mark.parametrize("order", ["descending", "shuffled", "older part below"])
def test_a_file_in_another_order(order: str, read: Read, complaint: Complaint) -> None:
    rows = regular(50)
    match order:
        case "descending":
            rows.reverse()
        case "shuffled":
            np.random.default_rng(0).shuffle(rows)  # type: ignore[arg-type]
        case _:
            rows = rows[4:] + rows[:4]
    assert "row" in complaint(rows, step=STEP)
    for problems in MENDED:
        assert_series(read(rows, problems=problems, step=STEP), range(50))


def test_the_first_row_may_be_the_irregular_one(read: Read, complaint: Complaint) -> None:
    rows = [("2011-01-01 00:14:00", 0.0), *regular(10)[1:]]
    assert "row 2, timestamp '2011-01-01 00:14:00': the timestamp is off" in complaint(rows)
    assert read(rows, problems="drop").start == START + STEP


def test_blank_lines_do_not_shift_row_numbers(complaint: Complaint) -> None:
    lines = table(damaged("repeated")).splitlines(keepends=True)
    assert "row 9" in complaint("".join([*lines[:3], "\n", "\n", *lines[3:]]))


@pytest.mark.parametrize("problems", ALL)
def test_a_regular_file_is_not_mended(
    problems: Problems, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(read(regular(10), problems=problems)) == 10
    assert not caplog.records


@pytest.mark.parametrize(
    ("problems", "values", "start", "counts"),
    [
        (
            "interpolate",
            [1, 2, 3.5, 5, 6.5, 8, -1, 4, 3.5, 3],
            0,
            "2 rows without a value, 4 places interpolated",
        ),
        ("drop", [8, -1, 4], 5, "2 rows without a value, 3 measured places cut away"),
    ],
)
def test_a_line_fills_gaps_or_the_longest_segment_is_kept(
    problems: Problems,
    values: list[float],
    start: int,
    counts: str,
    read: Read,
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "timestamp,consumption\n0,1\n1,2\n2,\n5,8\n6,-1\n7,4\n8,\n9,3\n"
    series = read(text, problems=problems)
    assert_series(series, values, np.datetime64(start, "s"), np.timedelta64(1, "s"))
    assert counts in caplog.text


@pytest.mark.parametrize("problems", MENDED)
def test_missing_values_at_the_ends_are_cut(
    problems: Problems, read: Read, caplog: pytest.LogCaptureFixture
) -> None:
    values = ["", "", 2, 3, 4, 5, 6, "", ""]
    series = read(list(zip(stamps(9), values, strict=True)), problems=problems)
    assert_series(series, range(2, 7), START + 2 * STEP)
    assert caplog.messages[0].endswith(": 4 rows without a value")


@pytest.mark.parametrize("problems", MENDED)
def test_of_rows_with_one_time_the_first_value_stays(problems: Problems, read: Read) -> None:
    rows = regular(10)
    again = [(rows[2][0], 99), (rows[4][0], "nan"), (rows[4][0], 7), (rows[9][0], 98)]
    rows[4] = (rows[4][0], "")
    series = read([*rows[:6], *again, *rows[6:]], problems=problems)
    assert_series(series, [0, 1, 2, 3, 7, 5, 6, 7, 8, 98])


@pytest.mark.parametrize("problems", MENDED)
@pytest.mark.parametrize("stamp", ["2101-01-01 00:00:00", "1911-01-01 00:00:00"])
def test_a_mistyped_year_is_no_gap_to_fill(
    stamp: str, problems: Problems, complaint: Complaint
) -> None:
    rows = regular(10)
    rows[7] = (stamp, 7)
    message = complaint(rows, problems=problems)
    assert stamp[:10] in message
    assert "look for a wrong timestamp" in message


def test_no_more_is_filled_than_was_measured(read: Read, complaint: Complaint) -> None:
    head = [(f"{i}", i) for i in range(5)]
    filled = read([*head, ("10", 10)], problems="interpolate")
    np.testing.assert_allclose(filled.values, range(11))
    assert "most of 14 rows" in complaint([*head, ("13", 13)], problems="interpolate")
    np.testing.assert_array_equal(read([*head, ("13", 13)], problems="drop").values, range(5))


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_against_pandas(seed: int, read: Read, path: Path) -> None:
    rng = np.random.default_rng(seed)
    rows: list[Row] = [(stamp, f"{rng.normal():.6f}") for stamp in stamps(60)]
    for i in rng.integers(8, 60, 5):
        rows[i] = (rows[i][0], "")
    for i in rng.integers(8, 60, 3):
        rows.insert(i, (rows[rng.integers(0, len(rows))][0], "9"))
    for i in rng.integers(8, 60, 3):
        del rows[i]
    rows = rows[:8] + [rows[8 + i] for i in rng.permutation(len(rows) - 8)]
    filled, kept = (read(rows, problems=problems) for problems in MENDED)
    frame = pd.read_csv(path, parse_dates=["timestamp"]).dropna()
    expected = frame.groupby("timestamp").consumption.first().asfreq(pd.Timedelta(STEP))
    np.testing.assert_allclose(filled.values, expected.interpolate(), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(filled.timestamps(range(len(filled))), expected.index)
    parts = [part.dropna() for _, part in expected.groupby(expected.isna().cumsum())]
    longest = max(parts, key=len)
    np.testing.assert_array_equal(kept.values, longest.to_numpy(np.float32))
    np.testing.assert_array_equal(kept.timestamps(range(len(kept))), longest.index)


# The step


def test_the_step_is_the_commonest_difference(read: Read) -> None:
    series = read([(f"{t}", t) for t in (0, 10, 20, 25, 30, 40, 50)], problems="drop")
    assert_series(series, range(0, 60, 10), "1970-01-01", np.timedelta64(10, "s"))


def test_a_given_step_is_held_to(read: Read, complaint: Complaint) -> None:
    rows = [("0", 0), ("2", 2), ("4", 4), ("5", 5)]
    second = np.timedelta64(1, "s")
    assert_series(
        read(rows, problems="interpolate", step=second), range(6), "1970-01-01", second
    )
    assert "rows missing above this one: 1" in complaint(rows, step=second)
    assert "row 5, timestamp '5': the timestamp is off" in complaint(rows)


@pytest.mark.parametrize("stamp", ["2011-01-01 00:15:00", "1/1/2011 12:15 AM", "1293840900"])
def test_one_row_is_a_series_where_the_step_is_given(stamp: str, read: Read) -> None:
    assert_series(read([(stamp, 0)], step=STEP), [0])
