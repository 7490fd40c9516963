"""Several steps, columns and series: what a sample sees, is scored by and is called."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.errors import UserError
from kindling.series.datamodule import SeriesDataModule
from kindling.series.splits import Segment
from kindling.series.windows import Windows
from tests.engine.toy import refused


def read(root: Path, **settings: Any) -> SeriesDataModule:
    data = SeriesDataModule(root, **{"window": 6, "val_blocks": 1, **settings})
    data.setup("fit")
    return data


def forecast(
    trained: SeriesDataModule, path: Path, horizon: int, **settings: Any
) -> SeriesDataModule:
    data = SeriesDataModule(Path("/gone"), input=path, window=6, horizon=horizon, **settings)
    data.load_state_dict(trained.state_dict())
    data.setup("predict")
    return data


def table(path: Path, columns: dict[str, Any], start: str = "2024-01-01", freq: str = "h") -> str:
    rows = pd.DataFrame(columns)
    rows.insert(0, "timestamp", pd.date_range(start, periods=len(rows), freq=freq))
    rows.to_csv(path, index=False)
    return path.name


def test_targets_that_were_not_measured_are_masked_and_the_rest_of_a_window_counts() -> None:
    values = torch.stack([torch.arange(40.0), 100 + torch.arange(40.0)]).double()
    filled = torch.tensor([12, 13, 40 + 13, 40 + 20])  # 13 in both columns
    windows = Windows(values, [Segment(0, 40)], 4, [3], filled=filled, horizon=3)
    batch = windows[torch.arange(len(windows))]
    first = windows.locate(batch.indices)[0]
    assert first.tolist() == [k for k in range(6, 38) if k != 13]
    for k, target in enumerate(first.tolist()):
        steps = torch.arange(target, target + 3).double()
        expected = torch.stack([steps, 100 + steps], 1)
        for column, missing in ((0, (12, 13)), (1, (13, 20))):
            expected[:, column][torch.isin(steps, torch.tensor(missing).double())] = torch.nan
        torch.testing.assert_close(batch.target[k], expected, equal_nan=True)
    # A window that ends before the next measured value has the last one in its place.
    assert batch.window[first.tolist().index(14), -2:, 0].tolist() == [11, 11]
    assert batch.window[first.tolist().index(14), -2:, 1].tolist() == [112, 112]
    assert batch.window[first.tolist().index(15), -3:, 0].tolist() == [12, 13, 14]


def panel(path: Path, sizes: dict[str, int], **columns: Any) -> str:
    parts = []
    for k, (name, steps) in enumerate(sizes.items()):
        time = pd.date_range(f"2024-01-0{k + 1}", periods=steps, freq="h")
        value = 1000.0 * k + np.arange(steps)
        parts.append(pd.DataFrame({"timestamp": time, "shop": name, "value": value, **columns}))
    rows = pd.concat(parts).sample(frac=1, random_state=0).sort_values("timestamp", kind="stable")
    rows.to_csv(path, index=False)
    return path.name


def test_each_series_of_a_panel_is_cut_and_scaled_by_itself(tmp_path: Path) -> None:
    sizes = {"a": 200, "b": 120, "c": 90}
    name = panel(tmp_path / "p.csv", sizes)
    data = read(tmp_path, train=name, series="shop", horizon=3, val_fraction=0.2)
    for split in ("train", "val", "test"):
        windows = data.splits[split]
        batch = windows[torch.arange(len(windows))]
        inputs = torch.cat([batch.window.flatten(1), batch.target], 1)
        assert (inputs.max(1).values - inputs.min(1).values).eq(8).all(), "of one series"
    groups = data.groups("test", torch.arange(len(data.splits["test"])))
    assert {k: len(part) for k, part in groups.items()} == {"a": 32, "b": 16, "c": 10}
    for k, (shop, steps) in enumerate(sizes.items()):
        training = 1000 * k + np.arange(round(0.8 * steps) - round(0.2 * round(0.8 * steps)))
        mean, deviation, error = data.statistics[shop][0]
        np.testing.assert_allclose((mean, deviation), (training.mean(), training.std()))
        assert error == 24, "the values of a day before"
    described = data.describe("test", torch.arange(1))
    assert described["step"] == [1, 2, 3]
    assert described["shop"] == ["a"] * 3
    assert described["origin"] == ["2024-01-07 21:00:00"] * 3
    assert described["timestamp"][-1] == "2024-01-08 00:00:00"


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("resample", [None, "2h"])
def test_a_wide_file_is_the_panel_that_a_long_one_is(
    separator: str, resample: str | None, tmp_path: Path
) -> None:
    """A column for each series, which may begin later or end earlier."""
    panel(tmp_path / "long.csv", {"MT_1": 200, "MT_2": 120, "other": 90})
    long = pd.read_csv(tmp_path / "long.csv")
    long["value"] += 0.125 * (long["shop"] == "MT_2") + 0.5 * (long["shop"] == "MT_1")
    long.to_csv(tmp_path / "long.csv", index=False)
    wide = long.pivot(index="timestamp", columns="shop", values="value")
    text = wide.to_csv(sep=separator, decimal="." if separator == "," else ",")
    (tmp_path / "wide.csv").write_text(text)
    same: dict[str, Any] = {"horizon": 3, "resample": resample, "val_fraction": 0.2}
    expected = read(tmp_path, train="long.csv", series="shop", **same)
    found = read(tmp_path, train="wide.csv", wide=["MT_*", "oth*"], **same)
    assert found.statistics == expected.statistics
    for split in ("train", "val", "test"):
        indices = torch.arange(len(expected.splits[split]))
        batch, other = found.splits[split][indices], expected.splits[split][indices]
        torch.testing.assert_close(batch, other, rtol=0, atol=0, equal_nan=True)
        assert list(found.groups(split, indices)) == list(expected.groups(split, indices))
        described = pd.DataFrame(expected.describe(split, indices))
        described = described.rename(columns={"shop": "series"})
        pd.testing.assert_frame_equal(pd.DataFrame(found.describe(split, indices)), described)
    assert found.target_names == {"value": "value"}
    looked_at, others = (d.sources().series[0].read(10_000) for d in (found, expected))
    assert {k: len(v.values) for k, v in looked_at.items()} == {
        k: len(v.values) for k, v in others.items()
    }


def test_a_wide_file_is_forecast_and_what_is_wrong_with_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    steps = np.arange(200)
    columns = {"a": steps % 7, "b": steps % 5, "price": steps % 3, "none": np.nan}
    name = table(tmp_path / "t.csv", columns)
    trained = read(tmp_path, train=name, wide="*", known=["price"], horizon=2)
    assert "columns without a value left out: none" in caplog.text
    now = pd.read_csv(tmp_path / "t.csv").head(30)
    now.loc[28:, ["a", "b"]] = np.nan
    now.assign(new=now["a"]).to_csv(tmp_path / "now.csv", index=False)
    data = forecast(trained, tmp_path / "now.csv", 2, wide="*", known=["price"])
    assert "own statistics: new" in caplog.text
    rows = pd.DataFrame(data.describe("predict", torch.arange(len(data.splits["predict"]))))
    last = rows.groupby("series")["timestamp"].max()
    assert last.to_dict() == dict.fromkeys(["a", "b", "new"], "2024-01-02 05:00:00")

    for wrong, message in (
        ({"wide": "MT_*"}, "no column 'MT_*' among"),
        ({"wide": ["a"], "series": "b"}, "data.wide replaces data.series"),
        ({"wide": ["a"], "value": ["a", "b"]}, "data.wide replaces data.series"),
    ):
        with pytest.raises(UserError, match=re.escape(message)):
            read(tmp_path, train=name, **wrong)
    now = pd.read_csv(tmp_path / "t.csv")
    now.loc[50, "b"] = np.nan
    now.to_csv(tmp_path / "gap.csv", index=False)
    with pytest.raises(UserError, match=r"series 'b', timestamp '2024-01-03T02.*column 'b'"):
        read(tmp_path, train="gap.csv", wide=["a", "b"])
    read(tmp_path, train="gap.csv", wide=["a", "b"], problems="interpolate")
    assert "series 'b' corrected by interpolate: 1 values interpolated" in caplog.text


def test_a_panel_is_forecast_beyond_the_end_of_each_series(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained = read(
        tmp_path, train=panel(tmp_path / "p.csv", {"a": 200, "b": 120}), series="shop", horizon=3
    )
    panel(tmp_path / "now.csv", {"b": 30, "new": 31, "short": 4})
    data = forecast(trained, tmp_path / "now.csv", 3, series="shop")
    assert "not in training, scaled by their own statistics: new, short" in caplog.text
    windows = data.splits["predict"]
    rows = pd.DataFrame(data.describe("predict", torch.arange(len(windows))))
    assert not rows.duplicated(["shop", "timestamp"]).any(), "each step once"
    last = rows.groupby("shop")["timestamp"].max().to_dict()
    assert last == {"b": "2024-01-02 08:00:00", "new": "2024-01-03 09:00:00"}
    batch = windows[torch.arange(len(windows))]
    assert batch.target[-1].isnan().all()
    assert batch.statistics[0, 0, :2].tolist() == trained.statistics["b"][0][:2]
    assert batch.statistics[-1, 0, 0] == 1015, "its own mean"


def test_what_is_known_ahead_is_given_with_the_steps_to_come(tmp_path: Path) -> None:
    steps = np.arange(200)
    columns = {"value": steps % 7, "wind": steps * 1.0, "price": steps * 10.0}
    name = table(tmp_path / "t.csv", columns)
    data = read(tmp_path, train=name, inputs=["wind"], known=["price"], horizon=4)
    batch = data.splits["train"][torch.arange(3)]
    center, scale, _ = np.array(data.statistics[""])[1]
    assert (data.inputs, batch.calendar.shape) == (3, (3, 6, 2))
    wind, price = batch.calendar.double().unbind(-1)
    # The last row has what is known of the last step to forecast.
    for column, first in ((wind, 1.0), (price, 5.0)):
        expected = torch.arange(first, first + 6).double()
        torch.testing.assert_close(column[1] * scale + center, expected, atol=1e-4, rtol=0)

    now = pd.read_csv(tmp_path / "t.csv").head(30)
    now.loc[26:, ["value", "wind"]] = None
    now.to_csv(tmp_path / "now.csv", index=False)
    data = forecast(data, tmp_path / "now.csv", 4, inputs=["wind"], known=["price"])
    described = data.describe("predict", torch.arange(len(data.splits["predict"])))
    assert described["timestamp"][-4:] == [f"2024-01-02 0{h}:00:00" for h in (2, 3, 4, 5)]
    assert data.splits["predict"][len(data.splits["predict"]) - 1].calendar.isfinite().all()
    now.head(28).to_csv(tmp_path / "now.csv", index=False)
    with pytest.raises(UserError) as caught:
        forecast(data, tmp_path / "now.csv", 4, inputs=["wind"], known=["price"])
    assert "price (--data.known) must be there until 2024-01-02 05:00:00" in str(caught.value)
    assert "the last row is 2024-01-02 03:00:00; add the rows between" in str(caught.value)


@pytest.mark.parametrize(
    ("start", "freq", "zone", "expected"),
    [
        ("2024-01-31", "ME", {}, ["2026-07-31", "2026-08-31", "2026-09-30"]),
        ("2024-01-01", "B", {}, ["2024-02-12", "2024-02-13", "2024-02-14"]),
        ("2024-03-29 21:00", "h", {"timezone": "Europe/Berlin"},
         ["2024-03-31T03:00:00+02:00", "2024-03-31T04:00:00+02:00", "2024-03-31T05:00:00+02:00"]),
    ],
)  # fmt: skip
def test_steps_to_come_have_the_times_of_the_calendar(
    start: str, freq: str, zone: dict[str, Any], expected: Sequence[str], tmp_path: Path
) -> None:
    name = table(tmp_path / "t.csv", {"value": range(300)}, "2023-01-01", freq)
    trained = read(tmp_path, train=name, horizon=3, **zone)
    table(tmp_path / "now.csv", {"value": range(29 if zone else 30)}, start, freq)
    data = forecast(trained, tmp_path / "now.csv", 3, **zone)
    times = data.describe("predict", torch.tensor([len(data.splits["predict"]) - 1]))["timestamp"]
    assert [time[: len(name)] for time, name in zip(times, expected, strict=True)] == expected


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"horizon": 0}, "data.horizon=0: must be at least 1"),
        ({"value": []}, "data.value=[]: names no column"),
        ({"value": ["a", "b"], "inputs": ["b"]}, "value and inputs are both 'b'"),
        ({"value": ["a", "c"]}, "no column 'c'"),
        ({"value": ["a.b", "a_b"]}, "are the same name"),
        (
            {"value": "a", "known": ["b"], "horizon": 7},
            "data.window=6: must hold the columns known ahead",
        ),
        ({"value": "a", "horizon": 50}, "takes 6 and 50 (--data.horizon) to predict; set --data"),
        ({"value": "a", "series": "shop"}, "no column 'shop'"),
    ],
)
def test_what_cannot_be_forecast_is_said_in_one_line(
    chosen: dict[str, Any], message: str, tmp_path: Path
) -> None:
    columns = {"a": range(200), "b": range(200), "a.b": range(200), "a_b": range(200)}
    with refused(message):
        data = read(tmp_path, train=table(tmp_path / "t.csv", columns), **chosen)
        assert data.target_names


def test_a_file_of_several_series_names_the_setting_and_their_zones_must_agree(
    tmp_path: Path,
) -> None:
    name = panel(tmp_path / "p.csv", {"a": 200, "b": 120})
    with pytest.raises(UserError, match=r"named by column 'shop'.*set --data.series=shop"):
        read(tmp_path, train=name)
    rows = pd.read_csv(tmp_path / "p.csv")
    offsets = rows["shop"].map({"a": "+01:00", "b": "+03:00"})
    rows["timestamp"] = rows["timestamp"].str.replace(" ", "T") + offsets
    rows.to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(UserError, match="its series are of different time zones"):
        read(tmp_path, train=name, series="shop")


def test_columns_that_begin_or_end_on_their_own_are_cut_and_gaps_are_mended(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=300), "b": rng.normal(size=300)}
    columns["a"][:5], columns["b"][-3:], columns["b"][50:53] = np.nan, np.nan, np.nan
    name = table(tmp_path / "t.csv", columns)
    with pytest.raises(UserError, match="the value is missing or infinite"):
        read(tmp_path, train=name, value=["a", "b"])
    data = read(tmp_path, train=name, value=["a", "b"], problems="interpolate")
    assert "8 steps dropped where a column has no value, 3 values interpolated" in caplog.text
    batch = data.splits["train"][torch.arange(100)]
    assert batch.window[0, 0].tolist() == [columns["a"][5], columns["b"][5]]
    assert batch.target[:, 0, 1].isnan().sum() == 3
    data = read(tmp_path, train=name, value=["a", "b"], problems="drop")
    assert data.splits["train"][0].window[0].tolist() == [columns["a"][53], columns["b"][53]]
