"""The sample has the real files' layout, and rewards a model that knows the day and the week."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from kindling.series.read import Series, read_series
from problems.timeseries.sample import write_sample

Floats = npt.NDArray[np.float64]

FILES = ("electricity_train.csv", "electricity_test.csv")
WEEK = 672
LAGS = (1, 2, 3, 4, 95, 96, 97, 671, 672, 673)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample")
    write_sample(path)
    return path


@pytest.fixture(scope="module")
def parts(folder: Path) -> tuple[Series, Series]:
    train, test = (read_series(folder / name) for name in FILES)
    return train, test


def lagged(values: npt.NDArray[np.float32], lags: Sequence[int]) -> tuple[Floats, Floats]:
    """Values at each lag and a one, ``(N, L + 1)``, and the values to come, ``(N,)``."""
    first = max(LAGS)
    columns = [values[first - lag : len(values) - lag] for lag in lags]
    return np.column_stack([*columns, np.ones(len(values) - first)]), values[first:].astype(float)


def relative_error(prediction: Floats, target: Floats) -> float:
    return float(np.mean((prediction - target) ** 2) / target.var())


def least_squares_error(parts: tuple[Series, Series], lags: Sequence[int]) -> float:
    inputs, target = lagged(parts[0].values, lags)
    weights = np.linalg.lstsq(inputs, target, rcond=None)[0]
    inputs, target = lagged(parts[1].values, lags)
    return relative_error(inputs @ weights, target)


def naive_error(series: Series, lag: int) -> float:
    inputs, target = lagged(series.values, [lag])
    return relative_error(inputs[:, 0], target)


def means(series: Series, unit: str, groups: int) -> Floats:
    """Mean load by the time since a Monday's midnight, in this unit, modulo the groups."""
    monday = np.datetime64("2011-01-03")
    since = (series.timestamps(np.arange(len(series))) - monday) // np.timedelta64(1, unit)
    return np.array([series.values[since % groups == g].mean() for g in range(groups)])


def test_rows_are_laid_out_like_the_real_ones(folder: Path) -> None:
    row = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:00,-?\d+\.\d{6}")
    for name in FILES:
        header, *rows = (folder / name).read_text().splitlines()
        assert header == "timestamp,consumption"
        assert all(row.fullmatch(line) for line in rows)


def test_the_test_file_goes_on_where_training_ends(parts: tuple[Series, Series]) -> None:
    train, test = parts
    assert train.start == np.datetime64("2011-01-01T00:15")
    assert train.step == test.step == np.timedelta64(15, "m")
    assert train.timestamps(len(train)) == test.start == np.datetime64("2012-07-02T00:00")
    assert len(train) + len(test) == 730 * 96 - 1


def test_both_files_together_are_standardized(parts: tuple[Series, Series]) -> None:
    values = np.concatenate([part.values for part in parts]).astype(float)
    assert values.mean() == pytest.approx(0, abs=1e-4)
    assert values.std() == pytest.approx(1, abs=1e-4)


def test_a_seed_gives_the_same_bytes_and_another_seed_another_load(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        write_sample(tmp_path / name, seed=seed, days=30)
        texts.append([(tmp_path / name / file).read_bytes() for file in FILES])
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[2][0]
    assert texts[0][1] != texts[2][1]


@pytest.mark.parametrize(("days", "test_days"), [(4, 1), (30, 7)])
def test_a_quarter_of_the_days_is_for_the_test(days: int, test_days: int, tmp_path: Path) -> None:
    write_sample(tmp_path, days=days)
    train, test = (read_series(tmp_path / name) for name in FILES)
    assert len(test) == test_days * 96
    assert len(train) == (days - test_days) * 96 - 1


def test_the_last_value_is_a_respectable_forecast(parts: tuple[Series, Series]) -> None:
    for series in parts:
        last, day, week = (naive_error(series, lag) for lag in (1, 96, WEEK))
        assert 0.03 < last < 0.06
        assert last < week < day < 1


def test_lags_of_a_day_and_a_week_beat_the_last_value(parts: tuple[Series, Series]) -> None:
    last = naive_error(parts[1], 1)
    recent = least_squares_error(parts, LAGS[:4])
    assert least_squares_error(parts, LAGS) < 0.65 * last
    assert least_squares_error(parts, LAGS) < 0.7 * recent


def test_day_week_and_year_have_a_shape(parts: tuple[Series, Series]) -> None:
    train = parts[0]
    hours, days = means(train, "h", 24), means(train, "D", 7)
    assert hours[19] > hours[12] > hours[5] + 1
    assert days[:5].min() > days[5] > days[6]
    january, july = (train.values[start * 96 :][: 28 * 96].mean() for start in (2, 184))
    assert january > july + 0.2


def test_a_holiday_is_like_a_sunday(parts: tuple[Series, Series]) -> None:
    train = parts[0]
    noon = np.arange(2 * 96 * 7 + 47, len(train), 96)  # of each day, from a Saturday on
    midday = {
        str(day)[:10]: v for day, v in zip(train.timestamps(noon), train.values[noon], strict=True)
    }
    for holiday in ("2011-06-10", "2011-08-15", "2011-11-01", "2011-12-08"):  # all working days
        week_later = str(np.datetime64(holiday) + 7)
        assert midday[holiday] < midday[week_later] - 0.5
