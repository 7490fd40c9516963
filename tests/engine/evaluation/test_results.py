"""Intervals and skill against the formulas, and the table in the terminal."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torchmetrics import Accuracy, MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.evaluation import bootstrap
from kindling.evaluation.bootstrap import score, skill
from kindling.evaluation.results import Results
from kindling.evaluation.terminal import CLASSES, show

RMSE = MeanSquaredError(squared=False)
ERRORS = MetricCollection({"mse": MeanSquaredError(), "rmse": RMSE, "mae": MeanAbsoluteError()})


def test_leaves_out_what_a_baseline_cannot_predict() -> None:
    prediction = torch.tensor([torch.nan, 1.0, 3.0])
    assert score(ERRORS, prediction, torch.tensor([9.0, 1.0, 1.0]))["mae"]["value"] == 1.0
    assert score(ERRORS, torch.full((3,), torch.nan), torch.zeros(3)) == {}


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    mse = MetricCollection({"mse": MeanSquaredError()})
    for seed in range(60):
        prediction = torch.randn(100, generator=torch.Generator().manual_seed(seed))
        interval = score(mse, prediction, torch.zeros(100), seed=seed)["mse"]
        covered += interval["low"] <= 1.0 <= interval["high"]
    assert 51 <= covered <= 59


def test_blocks_widen_the_interval_of_dependent_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)
    prediction = torch.randn(50, generator=torch.Generator().manual_seed(0)).repeat_interleave(20)
    widths = []
    for block in (1, 20):
        mae = score(ERRORS, prediction, torch.zeros(1000), block=block)["mae"]
        widths.append(mae["high"] - mae["low"])
    # Twenty equal neighbours are worth one: the interval is the root of twenty as wide.
    assert widths[1] == pytest.approx(widths[0] * 20**0.5, rel=0.3)


def test_skill_is_what_of_the_gain_is_gained() -> None:
    assert skill(MeanSquaredError(), 0.03, 0.04) == pytest.approx(0.25)
    assert skill(MeanSquaredError(), 0.05, 0.04) == pytest.approx(-0.25)
    assert skill(Accuracy(task="binary"), 0.8, 0.6) == pytest.approx(0.5)
    assert skill(Accuracy(task="binary"), 1.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("classes", "shown"), [(3, "class 2"), (CLASSES, f"class {CLASSES - 1}"), (1000, "1,000, ")]
)
def test_classes_have_a_line_each_unless_they_are_many(classes: int, shown: str) -> None:
    value = {"value": 0.5, "low": 0.4, "high": 0.6}
    results: Results = {
        "samples": 90,
        "split": "test",
        "metrics": {"accuracy": value},
        "baseline": {"name": "majority", "metrics": {"accuracy": value}},
        "other_baselines": [],
        "skill": {"accuracy": 0.0},
        "per_class": {f"class {k}": {"recall": 0.25, "support": 3} for k in range(classes)},
        "data": {"root": "somewhere", "sample": False},
    }
    stream = io.StringIO()
    show(results, Path("/logs/task/version_0"), Console(file=stream, width=100, highlight=False))
    text = stream.getvalue()
    assert shown in text
    assert ("class 0" in text) == (classes <= CLASSES)
    assert len(text.splitlines()) < CLASSES + 20
