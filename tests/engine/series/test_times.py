"""Times as people write them, calendars that they keep, and files that are no single series."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kindling.errors import UserError
from kindling.series.columns import SeriesColumns
from kindling.series.read import read_panel
from kindling.series.series import Series
from tests.engine.series.reading import read_series
from tests.engine.toy import refused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my.csv"


def read(path: Path, times: Sequence[object], problems: Any = "error", **settings: Any) -> Series:
    rows = [f"{time},{i}" for i, time in enumerate(times)]
    path.write_text("\n".join(["t,v", *rows, ""]))
    return read_series(path, SeriesColumns("t", "v", **settings), problems=problems)


def refusal(path: Path, text: str, *columns: Any, problems: Any = "interpolate") -> str:
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_series(path, SeriesColumns(*columns), problems=problems)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def days(first: str, count: int, layout: str, step: str = "D") -> list[str]:
    return list(pd.date_range(first, periods=count, freq=step).strftime(layout))


ISO = "%Y-%m-%d"


@pytest.mark.parametrize(
    ("times", "step", "after"),
    [
        (["2024-01-04", "2024-01-05", "2024-01-08"], "business day", "2024-01-09"),
        (days("2024-01-04", 7, ISO, "B"), "business day", "2024-01-15"),
        (days("1949-01-01", 5, ISO, "MS"), "month", "1949-06-01"),
        (days("2023-01-31", 14, ISO, "ME"), "month", "2024-03-31"),
        (["2023-10-30", "2023-11-30", "2023-12-30", "2024-01-30", "2024-02-29"], "month",
         "2024-03-30"),
        (["2020Q1", "2020Q2", "2020Q3", "2020Q4"], "quarter", "2021-01-01"),
        (["Q3 2020", "Q4 2020", "Q1 2021"], "quarter", "2021-04-01"),
        (["2020 W52", "2020 W53", "2021 W01"], "7 days, 0:00:00", "2021-01-11"),
        (["2024-W9", "2024-W10", "2024-W11"], "7 days, 0:00:00", "2024-03-18"),
        (["991231", "000101", "000102"], "1 day, 0:00:00", "2000-01-03"),
        (["2005-01", "2005-02", "2005-03"], "month", "2005-04-01"),
        (["January-2005", "February-2005", "March-2005"], "month", "2005-04-01"),
        (["Jan 2005", "Feb 2005", "Mar 2005"], "month", "2005-04-01"),
        (["1821", "1822", "1823"], "year", "1824-01-01"),
        (days("2022-01-01", 24, "%d/%m/%Y", "MS"), "month", "2024-01-01"),
        (days("2023-06-30", 3, ISO, "6ME"), "6 months", "2024-12-31"),
        (["45292", "45293", "45294"], "1 day, 0:00:00", "2024-01-04"),
        (["1949", "1949.0833333", "1949.1666667", "1949.25"], "month", "1949-05-01"),
        (["1991.1", "1991.119165", "1991.13833"], "7 days, 0:00:00", "1991-02-28"),
        (days("2024-01-01T20:00", 9, "%Y%m%d%H", "h"), "1:00:00", "2024-01-02 05:00"),
        (["30/12/23", "31/12/23", "01/01/24"], "1 day, 0:00:00", "2024-01-02"),
        (days("2024-01-09", 6, "%d/%m/%Y %I:%M %p"), "1 day, 0:00:00", "2024-01-15"),
        (["2024-01-01 22:00", "2024-01-01 23:00", "2024-01-01 24:00"], "1:00:00",
         "2024-01-02 01:00"),
        (["10/03/2004 22.00.00", "10/03/2004 23.00.00", "11/03/2004 00.00.00"], "1:00:00",
         "2004-03-11 01:00"),
        (["2024-01-01 8", "2024-01-01 9", "2024-01-01 10"], "1:00:00", "2024-01-01 11:00"),
        (["2024 1 1 22", "2024 1 1 23", "2024 1 1 24"], "1:00:00", "2024-01-02 01:00"),
        (["1704067200", "1704070800", "1704074400"], "1:00:00", "2024-01-01 03:00"),
        (["2024-01-01 00:00:01", "2024-01-01 01:00:00", "2024-01-01 02:00:02"], "1:00:00",
         "2024-01-01 03:00"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)  # fmt: skip
def test_a_calendar_and_what_comes_next(
    times: list[str], step: str, after: str, path: Path
) -> None:
    series = read(path, times)
    assert (series.calendar.name, series.values.tolist()) == (step, [*range(len(times))])
    assert series.filled.tolist() == []
    assert series.timestamps(len(series)) == np.datetime64(after)
    moments = series.timestamps(np.arange(-30, 30)).astype(np.int64)
    index, off = series.calendar.index(moments)
    assert not off.any(), "there and back"
    assert (index - series.first).tolist() == [*range(-30, 30)]


@pytest.mark.parametrize(
    ("times", "lags"),
    [
        (days("2020-01-01", 9, ISO, "MS"), {"1m": 1, "1q": 3, "1y": 12}),
        (days("2020-01-01", 9, ISO, "QS"), {"1q": 1, "2y": 8}),
        (days("2020-01-01", 9, ISO, "B"), {"1d": 1, "1w": 5}),
        (days("2020-01-01", 9, ISO, "W"), {"1w": 1, "14d": 2}),
    ],
)
def test_lags_are_steps_of_the_calendar(times: list[str], lags: dict[str, int], path: Path) -> None:
    calendar = read(path, times).calendar
    assert {lag: calendar.lag(lag) for lag in lags} == lags
    with pytest.raises(UserError, match="5h is not a multiple of the series' step"):
        calendar.lag("5h")


def test_day_first_or_month_first_is_asked_where_both_fit(path: Path) -> None:
    times = [f"01/02/2024 {hour}:00" for hour in range(24)]
    asked = "row 2: '01/02/2024 0:00' is 2024-02-01 or 2024-01-02: set --data.dayfirst=true or"
    with refused(asked):
        read(path, times)
    assert read(path, times, dayfirst=True).start == np.datetime64("2024-02-01")
    assert read(path, times, dayfirst=False).start == np.datetime64("2024-01-02")


@pytest.mark.parametrize("number", ["17", "5000", "99999999", "123456"])
def test_not_any_number_is_a_time(number: str, path: Path) -> None:
    if number == "17":
        assert read(path, range(17, 20)).calendar.name == "0:00:01", "seconds from a beginning on"
        return
    with pytest.raises(UserError, match=f"row 2, timestamp '{number}': not a time"):
        read(path, [int(number) + k for k in range(3)])


MIDNIGHTS = ("03-30", "03-31", "04-01")
OFFSETS = [f"2024-03-31T{time}:00" for time in ("00:00:00+01", "01:00:00+01", "03:00:00+02")]


def test_the_files_own_clock_is_kept(path: Path) -> None:
    series = read(path, OFFSETS)
    assert series.calendar.name == "1:00:00"
    assert series.written([0, 2, 3]) == [*OFFSETS[::2], "2024-03-31T04:00:00+02:00"]
    np.testing.assert_allclose(series.phases([0, 2])[:, 0], [0, 3 / 24], err_msg="time of day")
    midnights = [
        f"2024-{day}T00:00+0{h}:00" for day, h in (("03-30", 1), ("03-31", 1), ("04-01", 2))
    ]
    series = read(path, midnights)
    assert series.calendar.name == "1 day, 0:00:00", "of which one has 23 hours"
    assert series.written([3]) == ["2024-04-02T00:00:00+02:00"]


def test_an_hour_twice_or_missing_is_a_change_of_the_clock(path: Path) -> None:
    autumn = pd.date_range("2024-10-26T20:00Z", periods=9, freq="h").tz_convert("Europe/Berlin")
    spring = pd.date_range("2024-03-30T22:00Z", periods=9, freq="h").tz_convert("Europe/Berlin")
    for hours in (autumn, spring):
        times = list(hours.strftime("%Y-%m-%d %H:%M"))
        with pytest.raises(UserError, match=r"where clocks change, set --data.timezone"):
            read(path, times)
        series = read(path, times, timezone="Europe/Berlin")
        after = hours[-1] + pd.Timedelta("1h")
        assert series.written([0, len(series)]) == [t.isoformat() for t in (hours[0], after)]
        rows = [f"{name},{time},{name}" for time in times for name in "12"]
        path.write_text("\n".join(["id,t,v", *rows]))
        columns = SeriesColumns("t", "v", series="id", timezone="Europe/Berlin")
        each = {name: panel.written([8]) for name, panel in read_panel(path, columns).items()}
        assert each == {name: [hours[-1].isoformat()] for name in "12"}
    with pytest.raises(UserError, match="or an hour that the clock in Europe/Berlin jumps over"):
        read(path, ["2024-03-31 01:00", "2024-03-31 02:00"], timezone="Europe/Berlin")


@pytest.mark.parametrize("problems", ["error", "interpolate", "drop"])
def test_a_file_that_is_no_single_series_is_refused(problems: Any, path: Path) -> None:
    panel = "id,t,v\nA,2024-01-01,10\nA,2024-01-02,11\nB,2024-01-01,1000\nB,2024-01-02,1010\n"
    for text in (
        panel,
        "\n".join([panel.split()[0], *sorted(panel.split()[1:], key=lambda r: r[2:])]),
    ):
        found = refusal(path, text, "t", "v", problems=problems)
        assert "several series, named by column 'id' ('A', 'B')" in found
    clock = "d,hour,v\n" + "".join(f"2024-01-0{d},{h}:00,{h}\n" for d in (1, 2) for h in (0, 1))
    for text in (clock, clock.replace(":00", ".00.00"), clock.replace(":00", "")):
        assert "set --data.time='[d,hour]'" in refusal(path, text, "d", "v", problems=problems)
    assert "rows repeat" in refusal(path, "t,v\n1,1\n2,2\n1,3\n2,4\n", "t", "v")


def test_date_and_time_of_two_columns(path: Path) -> None:
    rows = [f"2024-01-0{1 + k // 24},{k % 24}:00,{k}" for k in range(30)]
    path.write_text("\n".join(["d,hour,v", *rows]))
    series = read_series(path, SeriesColumns(["d", "hour"], "v"))
    assert series.values.tolist() == [*range(30)]
    assert series.timestamps(30) == np.datetime64("2024-01-02T06:00")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["998", "1.003", "12.450", "987"], [998, 1003, 12450, 987]),
        (["998", "1,003", "12,450", "987"], [998, 1003, 12450, 987]),
        (["998", "1.003", "987"], "row 3, column 'v': '1.003' may have a mark of decimals or of"),
        (["4.250", "3.125", "7.500"], "row 2, column 'v': '4.250' may have a mark of decimals"),
        (["4.250", "3.125", "0.500"], [4.25, 3.125, 0.5]),
        (["1.234,50 €", "3 €", "12,45 €"], [1234.5, 3, 12.45]),
        (["0,5", "1,003", "2"], [0.5, 1.003, 2]),
        (["1234567890", "1234567912", "1234567921"], [1234567890, 1234567912, 1234567921]),
    ],
)
@pytest.mark.parametrize("mark", ";\t")
def test_a_mark_of_thousands_is_no_decimal_mark(
    mark: str, cells: list[str], expected: Any, path: Path
) -> None:
    text = "\n".join([f"t{mark}v", *(f"{2000 + k}{mark}{cell}" for k, cell in enumerate(cells))])
    if isinstance(expected, str):
        assert expected in refusal(path, text, "t", "v")
        assert read_series(path, SeriesColumns("t", "v", decimal=".")).values.tolist() == [
            *map(float, cells)
        ]
    else:
        path.write_text(text)
        assert read_series(path, "t", "v").values.tolist() == expected


def test_words_for_a_missing_value(path: Path) -> None:
    text = "t,v\n2000,1\n2001,?\n2002,3\n"
    assert """set --data.missing='["?"]'""" in refusal(path, text, "t", "v")
    series = read_series(path, SeriesColumns("t", "v", missing=["?"]), problems="interpolate")
    assert (series.values.tolist(), series.filled.tolist()) == ([1, 2, 3], [1])


def test_numbers_are_written_as_people_write_them(path: Path) -> None:
    rows = zip(range(2000, 2004), ["1,234.50", "998.25", "1,003.00", "7"], strict=True)
    path.write_text(
        "\n".join([",v,change,kept", *(f'{t},"${v}",{v[-1]} %,{t}.5' for t, v in rows)])
    )
    columns = SeriesColumns("index", ["v", "change", "kept"])
    [series] = read_panel(path, columns, cells=8).values()  # two rows at a time
    assert series.values[0].tolist() == [1234.5, 998.25, 1003, 7]
    assert series.values[1:].tolist() == [[0, 5, 0, 7], [2000.5, 2001.5, 2002.5, 2003.5]]


@pytest.mark.parametrize("cells", [["$1", "$2", "€3", "€4"], ["1.5", "2", "3 kg", "4 kg"]])
def test_numbers_are_written_alike_from_first_to_last(cells: list[str], path: Path) -> None:
    rows = (f"{2000 + k},{cell}" for k, cell in enumerate(cells))
    path.write_text("\n".join(["t,v", *rows]))
    for at_once in (4, 100):
        with pytest.raises(UserError, match=f"row 4, column 'v': '{cells[2]}' is not a number"):
            read_series(path, "t", "v", cells=at_once)


def irregular(rows: int, seed: int = 0) -> pd.DataFrame:
    """Rows at random times of ten days, in order."""
    seconds = np.sort(np.random.default_rng(seed).integers(0, 10 * 86_400, rows))
    start = np.datetime64("2024-03-04T00:00:00")
    return pd.DataFrame({"timestamp": start + seconds, "value": np.arange(rows) ** 0.5})


@pytest.mark.parametrize("step", ["1h", "1d", "1w", "1m"])
@pytest.mark.parametrize("cells", [50, 100_000])
def test_irregular_rows_are_resampled_as_pandas_does(step: str, cells: int, tmp_path: Path) -> None:
    table = irregular(4000)
    table.to_csv(path := tmp_path / "a.csv", index=False)
    series = read_series(path, SeriesColumns(resample=step), cells=cells)
    rule = {"1w": "W-MON", "1m": "MS", "1d": "D"}.get(step, step)
    expected = table.set_index("timestamp").resample(rule, closed="left", label="left").mean()
    assert series.values == pytest.approx(expected["value"].to_numpy())
    assert series.start == expected.index[0]
    assert not len(series.filled)


def test_each_series_of_a_file_is_resampled_by_itself(tmp_path: Path) -> None:
    tables = {name: irregular(900, seed).assign(id=name) for seed, name in enumerate("ba")}
    pd.concat(tables.values()).sort_values("timestamp").to_csv(tmp_path / "a.csv", index=False)
    columns = SeriesColumns(series="id", resample="6h")
    for name, series in read_panel(tmp_path / "a.csv", columns).items():
        expected = tables[name].set_index("timestamp")["value"].resample("6h").mean()
        assert series.values[0] == pytest.approx(expected.to_numpy())


def test_a_step_without_rows_is_a_gap_still(tmp_path: Path) -> None:
    table = irregular(4000)
    table[~table["timestamp"].dt.strftime("%m-%d %H").eq("03-06 07")].to_csv(
        path := tmp_path / "a.csv", index=False
    )
    columns = SeriesColumns(resample="1h")
    with pytest.raises(UserError, match=r"2024-03-06 08:00:00.*rows missing above this one: 1"):
        read_series(path, columns)
    assert read_series(path, columns, problems="interpolate").filled.tolist() == [2 * 24 + 7]


def test_what_is_too_irregular_names_the_setting_that_helps(tmp_path: Path) -> None:
    irregular(500).to_csv(path := tmp_path / "a.csv", index=False)
    for problems in ("error", "interpolate"):
        with pytest.raises(UserError, match=r"--data\.resample=1h"):
            read_series(path, problems=problems)
    with pytest.raises(UserError, match=r'data\.resample: "soon" is not a duration'):
        read_series(path, SeriesColumns(resample="soon"))
