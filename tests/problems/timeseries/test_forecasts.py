"""Forecasts of several steps, columns and series, with intervals: runs, files, exported models."""

import json
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from kindling.__main__ import main
from kindling.data.dataset import BatchDataset
from kindling.errors import UserError
from kindling.evaluation.callback import gathered
from kindling.evaluation.results import evaluate
from kindling.series.datamodule import SeriesDataModule
from kindling.series.windows import SeriesBatch, Windows
from problems.timeseries.model import TimeseriesModule

SMALL = {"window": 12, "lags": ["12h"], "val_fraction": 0.25, "batch_size": 64, "val_blocks": 1}
NET = {"cell": "lstm", "hidden": 8, "bins": 0, "increments": False, "patch": 1}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shops with a daily rhythm, one much larger; prices are known ahead."""
    folder, rng = tmp_path_factory.mktemp("shops"), np.random.default_rng(0)
    parts = []
    for name, steps, size in (("small", 500, 1.0), ("large", 400, 1000.0)):
        hours = np.arange(steps)
        price = (hours // 24 % 3 == 0) * 1.0
        sold = size * (10 + 3 * np.sin(hours * np.pi / 12) + 4 * price + rng.normal(0, 0.3, steps))
        time = pd.date_range("2024-01-01", periods=steps, freq="h")
        rows = {"timestamp": time, "shop": name, "sold": sold, "stock": -sold, "price": price}
        parts.append(pd.DataFrame(rows))
    pd.concat(parts).to_csv(folder / "shops.csv", index=False)
    parts[0].to_csv(folder / "one.csv", index=False)
    return folder


def run(command: str, root: Path, logs: Path, data: dict[str, Any], model: dict[str, Any]) -> Path:
    settings = {
        "logs": str(logs),
        "trainer": {"max_epochs": 5, "enable_progress_bar": False, "accelerator": "cpu"},
        "data": {"init_args": {"root": str(root), "test": None, **SMALL, **data}},
        "model": {"init_args": {**NET, **model}},
    }
    path = logs.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(settings))
    assert main([command, "--config=timeseries", f"--config={path}"]) == 0
    return logs / "timeseries" / "version_0"


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = {"train": "shops.csv", "value": "sold", "series": "shop", "known": ["price"]}
    logs = tmp_path_factory.mktemp("runs") / "logs"
    settings = {**data, "inputs": ["stock"], "horizon": 6, "stride": 2}
    return run("train", root, logs, settings, {"quantiles": [0.1, 0.5, 0.9]})


def test_a_run_scores_each_step_and_each_series_beside_the_strongest_naive(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    rows = pd.read_csv(trained / "predictions.csv")
    names = ["shop", "origin", "step", "timestamp", "sold", "prediction"]
    assert list(rows) == [*names, "prediction_0.1", "prediction_0.9"]
    error = (rows["prediction"] - rows["sold"]).abs()
    assert results["metrics"]["mae"]["value"] == pytest.approx(error.mean(), rel=1e-5)
    by_step = error.groupby(rows["step"]).mean()
    assert [v["mae"] for v in results["per_step"].values()] == pytest.approx([*by_step], rel=1e-5)
    by_shop = error.groupby(rows["shop"]).mean().to_dict()
    found = {name: scores["mae"] for name, scores in results["per_series"].items()}
    assert found == pytest.approx(by_shop, rel=1e-5)
    inside = rows["sold"].between(rows["prediction_0.1"], rows["prediction_0.9"]).mean()
    assert results["metrics"]["coverage_80"]["value"] == pytest.approx(inside, rel=1e-5)
    assert (rows["prediction_0.1"] < rows["prediction"]).all()
    assert (rows["prediction"] < rows["prediction_0.9"]).all()
    others = [other["metrics"]["mse"]["value"] for other in results["other_baselines"]]
    assert results["baseline"]["metrics"]["mse"]["value"] < min(others)
    assert results["baseline"].keys() == {"name", "metrics", "per_step", "per_series"}
    assert {"mase", "wql", "interval_score_80"} <= results["skill"].keys()
    assert "coverage_80" not in results["skill"], "more is not better"
    assert results["skill"]["wql"] > 0
    # Each shop's error in units of what the value of a day before had in training, then the mean.
    assert results["metrics"]["mase"]["value"] < 2
    times = pd.to_datetime(rows["timestamp"]) - pd.to_datetime(rows["origin"])
    assert (times == pd.to_timedelta(rows["step"], "h")).all()
    assert {path.name for path in (trained / "figures").iterdir()} == {
        "fan.png",
        "error_by_step.png",
    }


def test_a_checkpoint_predicts_the_steps_beyond_the_end_of_each_series(
    trained: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = pd.read_csv(root / "shops.csv")
    last = rows.groupby("shop").cumcount(ascending=False) < 6
    rows.loc[last, ["sold", "stock"]] = None
    rows.to_csv(tmp_path / "now.csv", index=False)
    flags = [f"--data.input={tmp_path / 'now.csv'}", "--trainer.enable_progress_bar=false"]
    assert main(["predict", f"--run={trained}", *flags]) == 0
    [path] = trained.glob("predictions/*.csv")
    found = pd.read_csv(path)
    assert not found.duplicated(["shop", "timestamp"]).any()
    beyond = found.groupby("shop").tail(6)
    assert set(zip(beyond["shop"], beyond["timestamp"], strict=True)) == set(
        zip(rows["shop"][last], rows["timestamp"][last], strict=True)
    )
    assert found.drop(columns=["shop", "origin", "timestamp"]).notna().all(axis=None)


@pytest.mark.slow
def test_an_exported_panel_takes_the_statistics_of_each_series(trained: Path, root: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    assert main(["export", f"--run={trained}", "--format=onnx"]) == 0
    card = json.loads((trained / "export" / "model.json").read_text())
    names = ["window", "calendar", "statistics"]
    assert [part["name"] for part in card["inputs"]] == names
    assert card["outputs"][0]["shape"] == ["batch", 6, 3]
    shops = {"train": "shops.csv", "value": "sold", "series": "shop", "known": ["price"]}
    data, _ = read(root, **shops, inputs=["stock"], horizon=6, stride=2, calendar=True)
    test: Any = data.splits["test"]
    batch = test[torch.arange(len(test))]
    session = runtime.InferenceSession(trained / "export" / "model.onnx")
    [found] = session.run(None, {name: getattr(batch, name).numpy() for name in names})
    rows = pd.read_csv(trained / "predictions.csv")
    expected = rows[["prediction_0.1", "prediction", "prediction_0.9"]]
    np.testing.assert_allclose(found.reshape(-1, 3), expected, rtol=1e-4)


def read(root: Path, **settings: Any) -> tuple[SeriesDataModule, dict[str, Any]]:
    data = SeriesDataModule(root, **{**SMALL, **settings})
    data.setup("fit")
    names = ("inputs", "values", "targets", "horizon", "window", "panel")
    return data, {name: getattr(data, name) for name in names}


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "steps": ({"value": "sold", "horizon": 4}, {}),
    "columns": ({"value": ["sold", "stock"]}, {"change": False}),
    "both": (
        {"value": ["sold", "stock"], "horizon": 4, "known": ["price"], "calendar": True},
        {"bins": 4, "increments": True},
    ),
    "quantiles": ({"value": "sold", "inputs": ["stock"]}, {"quantiles": [0.05, 0.5, 0.8, 0.95]}),
    "linear": (
        {"value": ["sold", "stock"], "horizon": 4, "calendar": True},
        {"cell": "linear", "quantiles": [0.25, 0.5, 0.75]},
    ),
    "panel": (
        {"train": "shops.csv", "value": ["sold", "stock"], "series": "shop", "horizon": 3},
        {},
    ),
}


@pytest.fixture(params=CASES)
def made(request: pytest.FixtureRequest, root: Path) -> tuple[TimeseriesModule, SeriesBatch]:
    given, net = CASES[request.param]
    data, linked = read(root, **{"train": "one.csv", **given})
    torch.manual_seed(0)
    model = TimeseriesModule(**{**NET, **net, **linked})
    training = data.splits["train"]
    assert isinstance(training, Windows)
    model.fit_statistics(training)
    return model, training[torch.arange(64) * (len(training) // 64)]


def test_every_kind_of_forecast_learns_and_is_exported(
    made: tuple[TimeseriesModule, SeriesBatch],
) -> None:
    model, batch = made
    optimizer, first = torch.optim.Adam(model.parameters(), 3e-2), model.step(batch).loss.item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = model.step(batch).loss
        loss.backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert loss < 0.5 * first
    names = ["window", "calendar", *(["statistics"] if model.panel else [])]
    inputs = {name: getattr(batch, name) for name in names}
    sizes = {name: {0: torch.export.Dim("batch", min=1)} for name in names}
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        program = torch.export.export(model.eval(), (), inputs, dynamic_shapes=sizes).module()
        for size in (1, 64):
            part = {name: value[:size] for name, value in inputs.items()}
            torch.testing.assert_close(program(**part), model(**part))
    step = model.step(batch)
    for head, prediction in step.predictions.items():
        shape = step.targets[head].shape
        assert prediction.shape == (*shape, *([len(model.quantiles)] if model.quantiles else []))
        if model.quantiles:
            assert (prediction.diff(dim=-1) > 0).all()
    assert model.baselines(batch).keys() >= {"last value"}


def test_errors_of_all_columns_are_scored_together_in_deviations_of_training(root: Path) -> None:
    data, linked = read(root, train="shops.csv", value=["sold", "stock"], series="shop", horizon=3)
    model = TimeseriesModule(**NET, **linked).eval()
    training, windows = data.splits["train"], data.splits["test"]
    assert isinstance(training, Windows)
    assert isinstance(windows, Windows)
    model.fit_statistics(training)
    batch = windows[torch.arange(len(windows))]
    outcome = gathered([model.test_step(batch)])
    assert outcome is not None
    found = evaluate(model, outcome, block=1, groups=data.groups("test", batch.indices))
    deviation = batch.statistics[:, None, :, 1]
    error = (batch.window[:, -1:, :2] - batch.target) / deviation  # untrained: the last value
    naive = (batch.naive[:, 1] - batch.target) / deviation
    for name, of in ("standardized_mse", torch.square), ("standardized_mae", torch.abs):
        score, value = found["metrics"][name], of(error).mean().item()
        assert score["value"] == pytest.approx(value, rel=1e-5)
        assert score["low"] < value < score["high"]
        beside = found["other_baselines"][0]["metrics"][name]["value"]
        assert beside == pytest.approx(of(naive).nanmean().item(), rel=1e-4)
        assert found["skill"][name] == pytest.approx(0, abs=1e-6)
        by_step = [scores[name] for scores in found["per_step"].values()]
        assert by_step == pytest.approx(of(error).mean((0, 2)).tolist(), rel=1e-5)
    assert found["baseline"]["name"] == "last value", "which errs less in training"
    assert found["other_baselines"][0]["name"] == "same time yesterday"
    assert found["per_series"]["large"]["standardized_mae"] < 10, "in no shop's own units"


def test_a_target_that_was_not_measured_changes_nothing(root: Path) -> None:
    data, linked = read(root, train="one.csv", value="sold", horizon=4)
    model = TimeseriesModule(**NET, **linked)
    training: Any = data.splits["train"]
    assert isinstance(training, BatchDataset)
    model.fit_statistics(training)
    batch = training[torch.arange(8)]
    lacking = batch.target.clone()
    lacking[:, 2] = torch.nan
    kept = torch.tensor([0, 1, 3])
    loss = model.step(batch._replace(target=lacking)).loss
    errors = (batch.window[:, -1:, 0] - batch.target)[:, kept] / model.scale
    torch.testing.assert_close(loss, errors.square().mean().float())
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_a_linear_net_is_one_layer_that_all_columns_share(root: Path) -> None:
    data, linked = read(root, train="one.csv", value=["sold", "stock"], lags=[], horizon=4)
    model = TimeseriesModule(**{**NET, "cell": "linear"}, **linked)
    training: Any = data.splits["train"]
    model.fit_statistics(training)
    assert [tuple(p.shape) for p in model.parameters()] == [(4, 12), (4,)]
    torch.nn.init.normal_(model.nets[0].own.weight)
    batch = training[torch.arange(5)]
    last = batch.window[:, -1:]
    weight = model.nets[0].own.weight.double()
    expected = last + torch.einsum("btv,ht->bhv", batch.window - last, weight)
    torch.testing.assert_close(model(batch.window, batch.calendar), expected, atol=1e-4, rtol=0)
    with pytest.raises(
        UserError, match=r"model.cell=linear: takes plain values; set --model.bins=0"
    ):
        TimeseriesModule(**{**NET, "cell": "linear", "bins": 4})


def test_folds_of_several_steps_lie_one_after_the_other(root: Path) -> None:
    ends = []
    for fold in range(3):
        data, _ = read(
            root, train="shops.csv", value="sold", series="shop", horizon=4, folds=3, fold=fold
        )
        rows = pd.DataFrame(data.describe("test", torch.arange(len(data.splits["test"]))))
        trained = pd.DataFrame(data.describe("train", torch.arange(len(data.splits["train"]))))
        latest = trained.groupby("shop")["timestamp"].max()
        earliest = rows.groupby("shop")["timestamp"].min()
        assert (latest < earliest).all()
        ends.append((earliest, rows.groupby("shop")["timestamp"].max()))
    assert all((a[1] < b[0]).all() for a, b in pairwise(ends))


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("value=[a,b c]", ["a", "b c"]),
        ("wide=[MT_*,b]", ["MT_*", "b"]),
        ("wide=*", "*"),
    ],
)
def test_columns_are_named_by_a_flag(
    flag: str, expected: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config=timeseries", f"--data.{flag}", "--print_config"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["data"]["init_args"][flag.partition("=")[0]] == expected
