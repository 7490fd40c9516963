"""The sample has the real files' layout, and rewards a model that knows the day and the week."""

import re
from pathlib import Path

import numpy as np
import pytest

from kindling.series.series import Series
from problems.timeseries.sample import write_sample
from tests.engine.series.reading import read_series

FILES = ("electricity_train.csv", "electricity_test.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample")
    write_sample(path)
    return path


@pytest.fixture(scope="module")
def parts(folder: Path) -> list[Series]:
    return [read_series(folder / name, value="consumption") for name in FILES]


def test_the_files_are_laid_out_like_the_real_ones(folder: Path, parts: list[Series]) -> None:
    row = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:00,-?\d+\.\d{6}")
    for name in FILES:
        header, *rows = (folder / name).read_text().splitlines()
        assert header == "timestamp,consumption"
        assert all(row.fullmatch(line) for line in rows)
    train, test = parts
    assert train.start == np.datetime64("2011-01-01T00:15")
    assert train.calendar.length == test.calendar.length == 900_000_000
    assert train.timestamps(len(train)) == test.start == np.datetime64("2012-07-02T00:00")
    assert len(train) + len(test) == 730 * 96 - 1
    values = np.concatenate([part.values for part in parts]).astype(float)
    assert (values.mean(), values.std()) == pytest.approx((0, 1), abs=1e-4)


def test_a_seed_gives_the_same_bytes_and_another_seed_another_load(tmp_path: Path) -> None:
    texts = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        (tmp_path / name).mkdir()
        write_sample(tmp_path / name, seed=seed, days=30)
        texts.append([(tmp_path / name / file).read_bytes() for file in FILES])
    assert texts[0] == texts[1]
    assert not {*texts[0]} & {*texts[2]}
    assert len(read_series(tmp_path / "a" / FILES[1], value="consumption")) == 7 * 96, (
        "a quarter of the days"
    )


def test_the_last_value_is_good_and_the_week_before_repeats(parts: list[Series]) -> None:
    for values in (part.values for part in parts):
        errors = {lag: np.mean((values[lag:] - values[:-lag]) ** 2) for lag in (1, 96, 672)}
        assert 0.03 < errors[1] / values.var() < 0.06
        assert errors[1] < errors[672] < errors[96] < values.var()
