"""A series of any name and step, cut in time, as windows that know when they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from kindling.series.datamodule import SeriesDataModule
from tests.engine.toy import refused


def write(path: Path, steps: int, freq: str = "15min", start: str = "2020-01-06") -> Path:
    time = pd.date_range(start, periods=steps, freq=freq)
    values = np.sin(np.arange(steps) / 10) + np.arange(steps) / steps
    pd.DataFrame({"timestamp": time, "value": values}).to_csv(path, index=False)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "train.csv", 4000)
    write(tmp_path / "test.csv", 1000, start="2020-06-01")
    return tmp_path


def read(root: Path, **settings: Any) -> SeriesDataModule:
    data = SeriesDataModule(root, **{"window": 24, **settings})
    data.setup("fit")
    return data


def values(path: Path) -> "pd.Series[float]":
    return pd.read_csv(path)["value"]


@pytest.mark.parametrize("settings", [{}, {"test": "test.csv", "folds": 4, "fold": 3}])
def test_one_file_is_cut_in_time(settings: dict[str, Any], root: Path) -> None:
    data = read(root, **settings)
    train, test = (data.splits[s][torch.arange(len(data.splits[s]))] for s in ("train", "test"))
    assert len(test.target) == 800 - 24
    first_test = data.describe("test", test.indices[:1])["timestamp"][0]
    assert data.describe("train", train.indices[-1:])["timestamp"][0] < first_test
    assert not set(train.target.tolist()) & set(test.window.flatten().tolist())


def test_lags_and_baselines_follow_the_step(root: Path) -> None:
    data = read(root, train=write(root / "hourly.csv", 3000, freq="h").name, lags=["1d"])
    batch = data.splits["train"][torch.tensor([200])]
    known, target = values(root / "hourly.csv"), 24 + 23 + 200
    assert batch.window[0, -1, 1].item() == pytest.approx(known[target - 24])
    assert batch.naive[0].tolist() == pytest.approx([known[target - k] for k in (1, 24, 168)])
    data = read(root, train=write(root / "daily.csv", 900, freq="D").name, calendar=True)
    batch = data.splits["test"][torch.tensor([0])]
    assert {*batch.baselines()} == {"last value", "same time yesterday", "same time last week"}
    assert batch.naive[0].isnan().tolist() == [False, True, False], "yesterday is the last value"
    assert (data.values, data.inputs, batch.calendar.shape[-1]) == (1, 5, 4)


@pytest.mark.parametrize(
    ("settings", "segments"),
    [({}, 5), ({"lags": ["1d"], "val_fraction": 0.15}, 3), ({"val_blocks": 1}, 1)],
)
def test_validation_blocks_get_fewer_where_they_would_get_too_short(
    settings: dict[str, Any], segments: int, root: Path
) -> None:
    training = read(root, test="test.csv", **settings).splits["train"]
    assert len(training.segments) == segments


def test_a_raw_file_is_forecast_to_one_step_beyond_its_end(root: Path) -> None:
    data = SeriesDataModule(Path("/gone"), input=write(root / "now.csv", 30), window=24)
    data.load_state_dict(read(root).state_dict())
    data.setup("predict")
    assert len(data.splits["predict"]) == 30 - 24 + 1
    assert data.describe("predict", torch.tensor([6]))["timestamp"] == ["2020-01-06 07:30:00"]
    data.input = write(root / "now.csv", 23)
    with pytest.raises(UserError, match=r"the predict part has 23 steps.* takes 24; give"):
        data.setup("predict")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "data.window=0: must be at least 1"),
        ({"window": 5000}, "takes 5000 and one to predict"),
        ({"window": 99, "val_fraction": 0.02}, "the val part has 80 steps"),
        ({"lags": ["soon"]}, '"soon" is not a duration such as "1d"'),
        ({"lags": ["0d"]}, "data.lags=0: must be at least 1"),
        ({"lags": ["10min"]}, "10min is not a multiple of the series' step (0:15:00)"),
        ({"val_fraction": 1.5}, "data.val_fraction=1.5: must lie between 0 and 1"),
        ({"val_blocks": 0}, "data.val_blocks=0"),
        ({"train": "nope.csv"}, "nope.csv: no such file (--data.train); CSV files there: hourly"),
        ({"test": "hourly.csv"}, "a step is 1:00:00, but 0:15:00 in the training series"),
        ({"time": "date"}, "no column 'date' among 'timestamp', 'value'"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    root: Path, settings: dict[str, Any], message: str
) -> None:
    write(root / "hourly.csv", 500, freq="h")
    with refused(message):
        read(root, **{"test": "test.csv", **settings})


@pytest.mark.parametrize("steps", [12, 30, 60, 144, 300])
@pytest.mark.parametrize("settings", [{}, {"lags": ["1q"]}, {"lags": ["2y"]}])
def test_what_a_short_series_is_told_to_do_works(
    steps: int, settings: dict[str, Any], root: Path
) -> None:
    settings = {"train": write(root / "short.csv", steps, "MS").name, "window": 500, **settings}
    with pytest.raises(UserError, match=r"takes \d+ and one to predict") as caught:
        read(root, **settings)
    advice = str(caught.value).partition("; ")[2]
    if steps == 12:
        assert advice == "give more of the series"
        return
    assert advice.startswith("set --data.window=")
    for flag in advice.split()[1:]:
        name, value = flag.removeprefix("--data.").split("=")
        settings[name] = [] if value == "[]" else int(value)
    assert all(len(split) for split in read(root, **settings).splits.values())


def test_a_monthly_series_has_its_lags_and_last_year(root: Path) -> None:
    name = write(root / "monthly.csv", 300, "MS").name
    data = read(root, train=name, lags=["1y"], calendar=True, window=3)
    batch = data.splits["train"][torch.tensor([200])]
    known, target = values(root / name), int(data.splits["train"].locate(batch.indices)[0])
    assert batch.window[0, -1, 1].item() == known[target - 12]
    assert batch.baselines()["same time last year"].item() == known[target - 12]
    assert data.describe("train", batch.indices)["timestamp"][0].endswith("-01 00:00:00")
    assert data.io_schema()["calendar"]["columns"][-1] == "cosine of the year"
    data = SeriesDataModule(Path("/gone"), input=write(root / "now.csv", 20, "MS"), window=3)
    data.load_state_dict({"step": "month", "statistics": {}})
    data.setup("predict")
    assert data.describe("predict", torch.tensor([17]))["timestamp"] == ["2021-10-01 00:00:00"]


def test_measured_days_alone_are_samples(root: Path) -> None:
    days = pd.date_range("2005-01-03", periods=400, freq="D")
    kept = days[(days.day_of_week < 6) & (days.day != 14)]  # without Sundays and some more
    pd.DataFrame({"timestamp": kept, "value": range(len(kept))}).to_csv(root / "d.csv", index=False)
    data = read(root, train="d.csv", problems="interpolate", window=5, val_blocks=1)
    described = data.describe("test", torch.arange(len(data.splits["test"])))["timestamp"]
    assert set(described) <= {f"{day:%Y-%m-%d} 00:00:00" for day in kept}


def test_validation_and_test_windows_may_begin_in_what_was_known(root: Path) -> None:
    name = write(root / "monthly.csv", 150, "MS").name
    settings = {"train": name, "window": 13, "overlap": True, "val_fraction": 0.2}
    data = read(root, **settings)
    steps = {split: len(data.splits[split]) for split in ("train", "val", "test")}
    assert steps == {"train": 120 - 24 - 13, "val": 24, "test": 30}
    parts = [data.splits[split].locate(torch.arange(steps[split]))[0] for split in steps]
    assert torch.cat(parts).tolist() == list(range(13, 150))
    with pytest.raises(UserError, match=r"takes 200 and one to predict") as caught:
        read(root, **settings | {"window": 200})
    window = int(str(caught.value).rpartition("--data.window=")[2])
    assert len(read(root, **settings | {"window": window}).splits["train"]) > 1
