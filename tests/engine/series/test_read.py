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
from kindling.series import rows as module
from kindling.series.read import Problems, Series, read_series

Write = Callable[[str | bytes], Path]
Row = tuple[str, object]

START = np.datetime64("2011-01-01T00:15:00")
STEP = np.timedelta64(15, "m")
MENDED: tuple[Problems, Problems] = ("interpolate", "drop")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "load.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture(params=[8, 200_000], ids=["four rows at a time", "all rows at once"])
def any_chunks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CELLS", request.param)


def stamps(number: int) -> list[str]:
    return [str(START + i * STEP).replace("T", " ") for i in range(number)]


def regular(number: int) -> list[Row]:
    return [(stamp, float(i)) for i, stamp in enumerate(stamps(number))]


def table(rows: Sequence[Row]) -> str:
    return "timestamp,consumption\n" + "".join(f"{time},{value}\n" for time, value in rows)


def complaint(path: Path, **settings: object) -> str:
    """Read, and return the one line that the user gets."""
    with pytest.raises(UserError) as caught:
        read_series(path, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def assert_hourly(series: Series, start: str = "2011-01-13T22:00") -> None:
    np.testing.assert_array_equal(series.values, [0, 1, 2, 3])
    assert series.start == np.datetime64(start)
    assert series.step == np.timedelta64(1, "h")


# What a series is


def test_values_start_and_step(write: Write, any_chunks: None) -> None:
    series = read_series(write(table(regular(8))))
    np.testing.assert_array_equal(series.values, np.arange(8))
    assert series.values.dtype == np.float32
    assert (series.start, series.step, len(series)) == (START, STEP, 8)


def test_values_are_rounded_once_from_double_precision(write: Write) -> None:
    numbers = np.random.default_rng(0).normal(scale=1e3, size=200)
    rows = [(time, repr(float(x))) for time, x in zip(stamps(200), numbers, strict=True)]
    np.testing.assert_array_equal(read_series(write(table(rows))).values, np.float32(numbers))


def test_timestamps_count_from_the_start_and_beyond_the_ends(write: Write) -> None:
    series = read_series(write(table(regular(4))))
    times = series.timestamps(np.array([[0, 3], [-1, 96]]))
    expected = ["2011-01-01T00:15", "2011-01-01T01:00", "2011-01-01T00:00", "2011-01-02T00:15"]
    np.testing.assert_array_equal(times, np.array(expected, "M8[us]").reshape(2, 2))


def test_memory_is_the_values_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CELLS", 4_000)
    peaks = []
    for rows in (30_000, 50_000):
        path = write("timestamp,consumption\n" + "".join(f"{i},{i}.5\n" for i in range(rows)))
        tracemalloc.start()
        read_series(path)
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
        ["1294956000", "1294959600", "1294963200", "1294966800"],
        ["1294956000.0", "1294959600.0", "1294963200.0", "1294966800.0"],
        ["1294956000000", "1294959600000", "1294963200000", "1294966800000"],
        ["1294956000000000", "1294959600000000", "1294963200000000", "1294966800000000"],
        [
            "1294956000" + 9 * "0",
            "1294959600" + 9 * "0",
            "1294963200" + 9 * "0",
            "1294966800" + 9 * "0",
        ],
    ],
    ids=lambda times: times[0],
)
def test_layouts_of_time(times: list[str], write: Write, any_chunks: None) -> None:
    assert_hourly(read_series(write(table(list(zip(times, range(4), strict=True))))))


def test_a_zone_becomes_utc_through_a_clock_change(write: Write) -> None:
    text = [f"2011-03-27T{t}" for t in ("00:00+01:00", "01:00+01:00", "03:00+02:00", "04:00+02:00")]
    series = read_series(write(table(list(zip(text, range(4), strict=True)))))
    assert_hourly(series, start="2011-03-26T23:00")


@pytest.mark.parametrize("layout", ["%d/%m/%Y", "%m/%d/%Y"])
def test_day_and_month_are_told_apart_by_what_is_regular(layout: str, write: Write) -> None:
    times = pd.date_range("2011-02-01", periods=12).strftime(layout)
    series = read_series(write(table(list(zip(times, range(12), strict=True)))))
    assert (series.start, series.step) == (np.datetime64("2011-02-01"), np.timedelta64(1, "D"))


def test_monthly_iso_dates_are_not_read_with_the_day_before_the_month(write: Write) -> None:
    rows = [(f"2011-{month:02}-01", month) for month in range(1, 13)]
    assert "off the grid, one every 31 days" in complaint(write(table(rows)))


def test_eight_digits_are_a_date(write: Write) -> None:
    times = pd.date_range("2011-01-20", periods=30).strftime("%Y%m%d")
    series = read_series(write(table(list(zip(times, range(30), strict=True)))))
    assert (series.start, series.step) == (np.datetime64("2011-01-20"), np.timedelta64(1, "D"))


@pytest.mark.parametrize(("step", "microseconds"), [("1", 1_000_000), ("0.004", 4_000)])
def test_plain_numbers_are_seconds(step: str, microseconds: int, write: Write) -> None:
    rows = [(f"{i * float(step):.3f}", i) for i in range(500)]
    series = read_series(write(table(rows)))
    assert series.start == np.datetime64(0, "s")
    assert series.step == np.timedelta64(microseconds, "us")
    assert len(series) == 500


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
def test_files_of_all_kinds(text: str, write: Write, any_chunks: None) -> None:
    assert_hourly(read_series(write(text)), start="1970-01-01")


def test_columns_by_any_name(write: Write) -> None:
    path = write(",Größe,wind\n0,0,9\n3600,1,9\n7200,2,9\n10800,3,9\n")
    assert_hourly(read_series(path, time="", value="Größe"), start="1970-01-01")


# Files that cannot be used


def test_a_missing_file(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path / "load.csv")


def test_a_folder(tmp_path: Path) -> None:
    assert "Is a directory" in complaint(tmp_path)


@pytest.mark.parametrize("problems", ["error", *MENDED])
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
    ],
)
def test_useless_files(
    text: str | bytes, expected: str, problems: Problems, write: Write, any_chunks: None
) -> None:
    assert expected in complaint(write(text), problems=problems)


@pytest.mark.parametrize("row", [3, 5, 7])
def test_a_decimal_comma_does_not_cut_a_value(row: int, write: Write, any_chunks: None) -> None:
    rows = regular(8)
    rows[row - 2] = (rows[row - 2][0], "1,5")
    assert f"Expected 2 fields in line {row}, saw 3" in complaint(write(table(rows)))


def test_a_missing_column_names_those_there_are(write: Write) -> None:
    path = write("Timestamp,load\n0,1\n1,2\n")
    message = complaint(path, value="load")
    assert "no column 'timestamp' among 'Timestamp', 'load'" in message
    assert "did you mean --data.time=Timestamp?" in message
    assert "no column 'consumption'" in (message := complaint(path, time="Timestamp"))
    assert message.endswith("set --data.value")


def test_one_column_for_both(write: Write) -> None:
    path = write(table(regular(3)))
    assert "both 'timestamp'" in complaint(path, value="timestamp")


# Rows that are always refused


@pytest.mark.parametrize("problems", ["error", *MENDED])
@pytest.mark.parametrize("cell", ["abc", "1.5 kW", '"1,5"', "True", "--", "0x10"])
def test_text_among_the_numbers(
    cell: str, problems: Problems, write: Write, any_chunks: None
) -> None:
    rows = regular(8)
    rows[5] = (rows[5][0], cell)
    message = complaint(write(table(rows)), problems=problems)
    assert f"row 7, timestamp '{rows[5][0]}'" in message
    assert f"{cell.strip(chr(34))!r} is not a number" in message


def test_truth_values_are_text(write: Write, any_chunks: None) -> None:
    rows = [(stamp, i % 2 == 0) for i, stamp in enumerate(stamps(8))]
    assert "'True' is not a number" in complaint(write(table(rows)))


@pytest.mark.parametrize("problems", ["error", *MENDED])
@pytest.mark.parametrize("stamp", ["soon", "", "2011-02-30 00:00:00", "01/01/2011 01:30", "17"])
def test_a_timestamp_that_is_none(
    stamp: str, problems: Problems, write: Write, any_chunks: None
) -> None:
    rows = regular(8)
    rows[5] = (stamp, 5)
    message = complaint(write(table(rows)), problems=problems)
    assert f"row 7, timestamp {stamp!r}: not a time in the file's layout, ISO8601" in message


def test_a_number_that_is_no_time(write: Write) -> None:
    path = write("timestamp,consumption\n0,1\n1,1\n1e300,1\n")
    assert "row 4, timestamp '1e300': not a time in the file's layout, seconds" in complaint(path)


def test_the_first_timestamp_may_be_the_wrong_one(write: Write, any_chunks: None) -> None:
    assert "row 2, timestamp 'soon': not a time" in complaint(
        write(table([("soon", 1), *regular(4)]))
    )


# Rows that are refused or mended


def damaged(damage: str) -> list[Row]:
    """Ten rows that were regular; row 7 of the file is the first with a problem."""
    rows = regular(10)
    match damage:
        case "missing value":
            rows[5] = (rows[5][0], "")
        case "NaN":
            rows[5] = (rows[5][0], "NaN")
        case "infinite" | "too large":
            rows[5] = (rows[5][0], "-inf" if damage == "infinite" else "1e39")
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
    return rows


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("missing value", "the value is missing or infinite"),
        ("NaN", "the value is missing or infinite"),
        ("infinite", "the value is missing or infinite"),
        ("too large", "the value is missing or infinite"),
        ("gap", "rows missing above this one: 2, at one every 0 days 00:15:00"),
        ("repeated", "the timestamp repeats an earlier one"),
        ("repeated from far above", "the timestamp repeats an earlier one"),
        ("out of order", "the row is out of order"),
        ("off the grid", "the timestamp is off the grid, one every 0 days 00:15:00"),
    ],
)
def test_an_irregular_row_is_named(damage: str, what: str, write: Write, any_chunks: None) -> None:
    rows = damaged(damage)
    message = complaint(write(table(rows)))
    assert f"row 7, timestamp '{rows[5][0]}': {what}; mend the file or set" in message
    assert "--data.problems=interpolate (or drop)" in message


@pytest.mark.parametrize("order", ["descending", "shuffled"])
def test_a_file_in_another_order(order: str, write: Write, any_chunks: None) -> None:
    rows = regular(50)
    if order == "descending":
        rows.reverse()
    else:
        np.random.default_rng(0).shuffle(rows)
    path = write(table(rows))
    assert "row 2" in complaint(path, step=STEP)
    for problems in MENDED:
        series = read_series(path, problems=problems, step=STEP)
        np.testing.assert_array_equal(series.values, np.arange(50))
        assert (series.start, series.step) == (START, STEP)


def test_an_older_part_below_a_newer_one(write: Write, any_chunks: None) -> None:
    rows = regular(12)
    path = write(table(rows[4:] + rows[:4]))
    assert "the row is out of order" in complaint(path)
    for problems in MENDED:
        series = read_series(path, problems=problems)
        np.testing.assert_array_equal(series.values, np.arange(12))
        assert series.start == START


def test_the_first_row_may_be_the_irregular_one(write: Write, any_chunks: None) -> None:
    rows = regular(10)
    rows[0] = ("2011-01-01 00:14:00", 0.0)
    path = write(table(rows))
    assert "row 2, timestamp '2011-01-01 00:14:00': the timestamp is off" in complaint(path)
    assert read_series(path, problems="drop").start == START + STEP


def test_blank_lines_do_not_shift_row_numbers(write: Write, any_chunks: None) -> None:
    lines = table(damaged("repeated")).splitlines(keepends=True)
    assert "row 9" in complaint(write("".join([*lines[:3], "\n", "\n", *lines[3:]])))


@pytest.mark.parametrize(
    ("damage", "interpolated", "dropped", "counts"),
    [
        ("missing value", range(10), range(5), "1 rows without a value"),
        ("infinite", range(10), range(5), "1 rows without a value"),
        ("too large", range(10), range(5), "1 rows without a value"),
        ("gap", range(10), range(5), ""),
        ("repeated", range(10), range(5), "1 repeated rows dropped"),
        ("repeated from far above", range(10), range(10), "1 repeated rows dropped"),
        ("out of order", range(10), range(10), "1 rows out of order sorted"),
        ("off the grid", range(10), range(10), "1 rows off the grid dropped"),
    ],
)
def test_an_irregular_row_is_mended_and_counted(
    damage: str,
    interpolated: Sequence[int],
    dropped: Sequence[int],
    counts: str,
    write: Write,
    any_chunks: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = write(table(damaged(damage)))
    for problems, expected in zip(MENDED, (interpolated, dropped), strict=True):
        caplog.clear()
        series = read_series(path, problems=problems)
        np.testing.assert_allclose(series.values, expected)
        assert (series.start, series.step) == (START, STEP)
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage().startswith(f"{path} mended by {problems}: ")
        assert counts in record.getMessage()


@pytest.mark.parametrize("problems", ["error", *MENDED])
def test_a_regular_file_is_not_mended(
    problems: Problems, write: Write, any_chunks: None, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(read_series(write(table(regular(10))), problems=problems)) == 10
    assert not caplog.records


def test_the_straight_line_and_its_count(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write("timestamp,consumption\n0,1\n1,2\n2,\n5,8\n6,-1\n7,\n8,3\n")
    values = read_series(path, problems="interpolate").values
    np.testing.assert_allclose(values, [1, 2, 3.5, 5, 6.5, 8, -1, 1, 3])
    assert "2 rows without a value, 4 places interpolated" in caplog.text


def test_drop_keeps_the_longest_stretch(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write("timestamp,consumption\n0,1\n1,2\n2,\n5,8\n6,-1\n7,4\n8,\n9,0\n")
    series = read_series(path, problems="drop")
    np.testing.assert_array_equal(series.values, [8, -1, 4])
    assert series.start == np.datetime64(5, "s")
    assert "2 rows without a value, 3 measured places cut away" in caplog.text


@pytest.mark.parametrize("problems", MENDED)
def test_missing_values_at_the_ends_are_cut(
    problems: Problems, write: Write, any_chunks: None, caplog: pytest.LogCaptureFixture
) -> None:
    values = ["", "", 2, 3, 4, 5, 6, "", ""]
    path = write(table(list(zip(stamps(9), values, strict=True))))
    series = read_series(path, problems=problems)
    np.testing.assert_array_equal(series.values, [2, 3, 4, 5, 6])
    assert series.start == START + 2 * STEP
    assert caplog.messages[0].endswith(": 4 rows without a value")


@pytest.mark.parametrize("problems", MENDED)
def test_of_rows_with_one_time_the_first_value_stays(
    problems: Problems, write: Write, any_chunks: None
) -> None:
    rows = regular(10)
    again = [(rows[2][0], 99), (rows[4][0], "nan"), (rows[4][0], 7), (rows[9][0], 98)]
    rows[4] = (rows[4][0], "")
    series = read_series(write(table([*rows[:6], *again, *rows[6:]])), problems=problems)
    np.testing.assert_array_equal(series.values, [0, 1, 2, 3, 7, 5, 6, 7, 8, 98])


@pytest.mark.parametrize("problems", MENDED)
def test_no_value_at_all(problems: Problems, write: Write, any_chunks: None) -> None:
    path = write(table([(stamp, "") for stamp in stamps(9)]))
    assert "no row has a value" in complaint(path, problems=problems)


@pytest.mark.parametrize("problems", MENDED)
@pytest.mark.parametrize("stamp", ["2101-01-01 00:00:00", "1911-01-01 00:00:00"])
def test_a_mistyped_year_is_no_gap_to_fill(
    stamp: str, problems: Problems, write: Write, any_chunks: None
) -> None:
    rows = regular(10)
    rows[7] = (stamp, 7)
    message = complaint(write(table(rows)), problems=problems)
    assert stamp[:10] in message
    assert "look for a wrong timestamp" in message


def test_no_more_is_filled_than_was_measured(write: Write) -> None:
    head = [(f"{i}", i) for i in range(5)]
    filled = read_series(write(table([*head, ("10", 10)])), problems="interpolate")
    np.testing.assert_allclose(filled.values, range(11))
    path = write(table([*head, ("13", 13)]))
    assert "most of 14 rows" in complaint(path, problems="interpolate")
    np.testing.assert_array_equal(read_series(path, problems="drop").values, range(5))


def test_random_damage_against_pandas(write: Write, any_chunks: None) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        rows = [(stamp, f"{rng.normal():.6f}") for stamp in stamps(60)]
        for i in rng.integers(8, 60, 5):
            rows[i] = (rows[i][0], "")
        for i in rng.integers(8, 60, 3):
            rows.insert(i, (rows[rng.integers(0, len(rows))][0], "9"))
        for i in rng.integers(8, 60, 3):
            del rows[i]
        tail = rows[8:]
        rng.shuffle(tail)
        path = write(table(rows[:8] + tail))
        expected = reference(path)
        filled = read_series(path, problems="interpolate")
        np.testing.assert_allclose(filled.values, expected.interpolate(), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(filled.timestamps(range(len(filled))), expected.indices)
        kept = read_series(path, problems="drop")
        stretch = longest_stretch(expected)
        np.testing.assert_array_equal(kept.values, stretch.to_numpy(np.float32))
        np.testing.assert_array_equal(kept.timestamps(range(len(kept))), stretch.index)


def reference(path: Path) -> "pd.Series[float]":
    """All of the grid from the first value to the last, NaN where none was measured."""
    frame = pd.read_csv(path, parse_dates=["timestamp"]).dropna()
    values = frame.groupby("timestamp").consumption.first()
    return values.asfreq(pd.Timedelta(STEP))


def longest_stretch(values: "pd.Series[float]") -> "pd.Series[float]":
    parts = [part.dropna() for _, part in values.groupby(values.isna().cumsum())]
    return max(parts, key=len)


# The step


def test_the_step_is_the_commonest_difference(write: Write, any_chunks: None) -> None:
    rows = [(f"{t}", t) for t in (0, 10, 20, 25, 30, 40, 50)]
    series = read_series(write(table(rows)), problems="drop")
    assert series.step == np.timedelta64(10, "s")
    np.testing.assert_array_equal(series.values, [0, 10, 20, 30, 40, 50])


def test_a_given_step_is_held_to(write: Write) -> None:
    path = write("timestamp,consumption\n0,0\n2,2\n4,4\n5,5\n")
    fine = read_series(path, problems="interpolate", step=np.timedelta64(1, "s"))
    np.testing.assert_allclose(fine.values, range(6))
    assert "rows missing above this one: 1" in complaint(path, step=np.timedelta64(1, "s"))
    assert "row 5, timestamp '5': the timestamp is off" in complaint(path)


@pytest.mark.parametrize("stamp", ["2011-01-01 00:15:00", "1/1/2011 12:15 AM", "1293840900"])
def test_one_row_is_a_series_where_the_step_is_given(stamp: str, write: Write) -> None:
    series = read_series(write(table([(stamp, 0)])), step=STEP)
    assert (series.start, series.step, len(series)) == (START, STEP, 1)
