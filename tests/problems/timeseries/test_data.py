from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from problems.timeseries.data import TimeseriesDataModule


def write(path: Path, steps: int, freq: str = "15min", start: str = "2020-01-06") -> Path:
    time = pd.date_range(start, periods=steps, freq=freq)
    values = np.sin(np.arange(steps) / 10) + np.arange(steps) / steps
    pd.DataFrame({"timestamp": time, "consumption": values}).to_csv(path, index=False)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "electricity_train.csv", 4000)
    write(tmp_path / "electricity_test.csv", 1000, start="2020-06-01")
    return tmp_path


def module(root: Path, **settings: Any) -> TimeseriesDataModule:
    data = TimeseriesDataModule(root, **settings)
    data.prepare_data()
    data.setup("fit")
    return data


def test_statistics_are_of_the_training_steps_alone(root: Path) -> None:
    data = module(root, window=24)
    values = pd.read_csv(root / "electricity_train.csv")["consumption"].to_numpy()
    kept = np.concatenate([values[s.start : s.stop] for s in data._kept])
    assert len(kept) == 3600
    assert data.splits["train"].statistics.center == pytest.approx(kept.mean(), rel=1e-5)
    assert data.splits["train"].statistics.scale == pytest.approx(kept.std(), rel=1e-5)


def test_changing_a_held_out_step_changes_nothing_in_training(root: Path) -> None:
    before = module(root, window=24, lags=["1h"])
    path = root / "electricity_train.csv"
    table = pd.read_csv(path)
    _, held_out = np.split(np.arange(4000), [0])
    train = {t for s in before._kept for t in range(s.start, s.stop)}
    table.loc[[t for t in held_out if t not in train], "consumption"] = 99.0
    table.to_csv(path, index=False)
    write(root / "electricity_test.csv", 500, start="2021-06-01")
    after = module(root, window=24, lags=["1h"])
    assert after.splits["train"].statistics == before.splits["train"].statistics
    index = torch.arange(len(before.splits["train"]))
    for a, b in zip(before.splits["train"][index], after.splits["train"][index], strict=True):
        torch.testing.assert_close(a, b, equal_nan=True, rtol=0, atol=0)


def test_one_file_is_cut_in_time(tmp_path: Path) -> None:
    write(tmp_path / "load.csv", 2000)
    data = module(tmp_path, train="load.csv", test=None, window=24)
    train, test = (data.splits[s][torch.arange(len(data.splits[s]))] for s in ("train", "test"))
    assert len(data.splits["test"]) == 400 - 24
    first_test = data.describe("test", torch.tensor([0]))["timestamp"][0]
    last_train = data.describe("train", train.indices[-1:])["timestamp"][0]
    assert last_train < first_test
    assert not set(train.target.tolist()) & set(test.window.flatten().tolist())


def test_samples_are_described_by_the_time_that_they_predict(root: Path) -> None:
    data = module(root, window=24)
    table = pd.read_csv(root / "electricity_test.csv")
    place = torch.tensor([0, 5])
    assert list(data.describe("test", place)["timestamp"]) == list(table["timestamp"][[24, 29]])
    assert data.splits["test"][place].target.tolist() == pytest.approx(
        table["consumption"][[24, 29]]
    )


def test_lags_and_baselines_follow_the_step(tmp_path: Path) -> None:
    write(tmp_path / "hourly.csv", 3000, freq="h")
    data = module(tmp_path, train="hourly.csv", test=None, window=12, lags=["1d"])
    batch = data.splits["train"][torch.tensor([200])]
    values = pd.read_csv(tmp_path / "hourly.csv")["consumption"]
    target = 12 + 23 + 200
    assert batch.window[0, -1, 1].item() == pytest.approx(values[target - 24])
    assert batch.naive[0].tolist() == pytest.approx([values[target - k] for k in (1, 24, 168)])


def test_validation_blocks_get_fewer_where_they_would_get_too_short(root: Path) -> None:
    assert len(module(root, window=24)._kept) == 5
    assert len(module(root, window=24, lags=["1d"], val_fraction=0.15)._kept) == 3
    assert len(module(root, window=24, val_blocks=1)._kept) == 1


def test_a_day_s_step_has_no_yesterday_but_the_last_value(tmp_path: Path) -> None:
    write(tmp_path / "daily.csv", 900, freq="D")
    data = module(tmp_path, train="daily.csv", test=None, window=14, calendar=True)
    naive = data.splits["test"][torch.tensor([0])].naive[0]
    assert naive.isnan().tolist() == [False, True, False]


def test_a_raw_file_is_forecast_to_one_step_beyond_its_end(root: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "now.csv", 30)
    data = TimeseriesDataModule(Path("/gone"), input=path, window=24)
    data.load_state_dict(module(root, window=24).state_dict())
    data.setup("predict")
    assert len(data.splits["predict"]) == 30 - 24 + 1
    assert data.describe("predict", torch.tensor([6]))["timestamp"] == ["2020-01-06 07:30:00"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 0}, "data.window=0: must be at least 1"),
        ({"window": -3}, "data.window=-3"),
        ({"window": 5000}, "takes 5000 and one to predict"),
        ({"window": 99, "val_fraction": 0.02}, "the val part has 80 steps"),
        ({"lags": ["soon"]}, '"soon" is not a duration such as "1d"'),
        ({"lags": ["10min"]}, "0:10:00 is not a multiple of the series' step (0:15:00)"),
        ({"val_fraction": 1.5}, "data.val_fraction=1.5: must lie between 0 and 1"),
        ({"batch_size": 0}, "data.batch_size=0"),
        ({"train": "nope.csv"}, "nope.csv"),
        ({"time": "date"}, "timestamp"),
        ({"value": "load"}, "consumption"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    root: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        module(root, **settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_of_different_steps_are_an_error(root: Path) -> None:
    write(root / "electricity_test.csv", 500, freq="h")
    with pytest.raises(UserError, match="a step is 1:00:00, but 0:15:00 in the training series"):
        module(root, window=24)


def test_no_root_is_the_sample_and_a_wrong_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        module(tmp_path / "nowhere")
    assert TimeseriesDataModule().is_sample
