import numpy as np
import pytest
import torch
from torchmetrics import Accuracy, MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.evaluation.bootstrap import score, skill


def errors() -> MetricCollection:
    return MetricCollection(
        {
            "mse": MeanSquaredError(),
            "rmse": MeanSquaredError(squared=False),
            "mae": MeanAbsoluteError(),
        }
    )


def test_agrees_with_the_formulas() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.randn(2, 500, generator=generator)
    scores = score(errors(), prediction, target)
    residual = (prediction - target).numpy().astype(np.float64)
    assert scores["mse"]["value"] == pytest.approx(np.mean(residual**2), rel=1e-5)
    assert scores["rmse"]["value"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-5)
    assert scores["mae"]["value"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-5)


def test_leaves_out_what_a_baseline_cannot_predict() -> None:
    prediction = torch.tensor([torch.nan, 1.0, 3.0])
    scores = score(errors(), prediction, torch.tensor([9.0, 1.0, 1.0]))
    assert scores["mae"]["value"] == 1.0
    assert score(errors(), torch.full((3,), torch.nan), torch.zeros(3)) == {}


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    mse = MetricCollection({"mse": MeanSquaredError()})
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        prediction = torch.randn(100, generator=generator)
        interval = score(mse, prediction, torch.zeros(100), seed=seed)["mse"]
        covered += interval["low"] <= 1.0 <= interval["high"]
    assert 51 <= covered <= 59


def test_blocks_widen_the_interval_of_dependent_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    prediction = torch.randn(50, generator=generator).repeat_interleave(20)
    widths = []
    for block in (1, 20):
        mae = score(errors(), prediction, torch.zeros(1000), block=block)["mae"]
        widths.append(mae["high"] - mae["low"])
    # Twenty equal neighbours are worth one: the interval is the root of twenty as wide.
    assert widths[1] == pytest.approx(widths[0] * 20**0.5, rel=0.3)


def test_skill_is_what_of_the_gain_is_gained() -> None:
    assert skill(MeanSquaredError(), 0.03, 0.04) == pytest.approx(0.25)
    assert skill(MeanSquaredError(), 0.05, 0.04) == pytest.approx(-0.25)
    accuracy = Accuracy(task="binary")
    assert skill(accuracy, 0.8, 0.6) == pytest.approx(0.5)
    assert skill(accuracy, 1.0, 1.0) == 0.0
