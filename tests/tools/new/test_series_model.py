"""What `make new` writes for series: what it is worth before the net has learned anything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from kindling.series.datamodule import SeriesDataModule
from kindling.tools.new.templates.series import TaskNameModule

pytest.importorskip("sklearn")


def fitted(
    values: np.ndarray, step: str, folder: Path, lags: Sequence[str] = (), **settings: Any
) -> tuple[TaskNameModule, SeriesDataModule]:
    time = pd.date_range("2020-01-06", periods=len(values), freq=step)
    table = pd.DataFrame({"timestamp": time, "value": values}).dropna()
    table.to_csv(folder / "train.csv", index=False)
    how: dict[str, Any] = {"window": 12, "overlap": True, "problems": "interpolate"}
    data = SeriesDataModule(folder, test=None, lags=lags, **how)
    data.setup("fit")
    model = TaskNameModule(data.inputs, data.values, window=12, trees=150, **settings)
    model.fit_statistics(data.splits["train"])
    return model.eval(), data


def errors(model: TaskNameModule, data: SeriesDataModule) -> dict[str, float]:
    test = data.splits["test"]
    batch = test[torch.arange(len(test))]
    with torch.no_grad():
        heads = {"model": model.predict(batch), **model.baselines(batch)}
    return {name: float((h["value"] - batch.target).square().mean()) for name, h in heads.items()}


def test_nothing_is_added_to_a_random_walk(tmp_path: Path) -> None:
    walk = np.random.default_rng(0).normal(size=600).cumsum()
    model, data = fitted(walk, "D", tmp_path)
    assert model.trees is not None
    assert model.trees.share < 0.3
    found = errors(model, data)
    assert list(found)[1] == "last value"
    assert found["model"] < 1.03 * found["last value"]


def test_trees_add_what_is_not_linear(tmp_path: Path) -> None:
    x = [0.4]
    for shock in np.random.default_rng(0).normal(0, 0.01, 599):
        x.append(min(max(3.7 * x[-1] * (1 - x[-1]) + shock, 0.01), 0.99))
    model, data = fitted(np.array(x), "D", tmp_path)
    assert model.trees is not None
    assert model.trees.share > 0.8
    assert errors(model, data)["model"] < 0.5 * errors(model, data)["last value"]


def test_what_follows_a_gap_does_not_outweigh_the_rest(tmp_path: Path) -> None:
    rng, step = np.random.default_rng(0), np.arange(3000)
    values = 5 * np.sin(2 * np.pi * step / 288) + rng.normal(0, 0.02, 3000).cumsum()
    values += rng.normal(0, 0.05, 3000)
    for start in (500, 1200, 1730, 2600):
        values[start : start + 140] = np.nan
    found = errors(*fitted(values, "5min", tmp_path, ["1d"]))
    assert found["model"] < 0.8 * found["last value"]


@pytest.mark.parametrize("logarithm", [False, True])
def test_a_season_is_the_baseline_and_its_growth_is_learned(
    logarithm: bool, tmp_path: Path
) -> None:
    month = np.arange(240)
    values = np.exp(4 + month / 200 + 0.4 * np.sin(2 * np.pi * month / 12))
    model, data = fitted(values, "MS", tmp_path, logarithm=logarithm)
    found = errors(model, data)
    assert list(found)[1] == "same time last year"
    assert found["model"] < 0.1 * found["same time last year"]
    window = torch.full((1, 12, 1), -5.0, dtype=torch.float64)  # has no logarithm
    assert model(window, torch.zeros(1, 12, 0)).isfinite().all()
