"""The base on the smallest problem there is: a line through points, with one head and with two."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.dataset import FieldDataset
from kindling.data.loader import Batches, load
from kindling.evaluation import results
from kindling.training.metrics import PENDING, Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
]


class LineBatch(NamedTuple):
    x: Tensor
    y: Tensor
    indices: Tensor


class Line(Module):
    def __init__(self, heads: tuple[str, ...] = ("y",), **settings: Any) -> None:
        metrics = MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})
        super().__init__({head: Head(metrics) for head in heads}, **{"lr": 0.1, **settings})
        self.net = nn.Linear(1, 1)

    def step(self, batch: LineBatch) -> StepOutput:
        prediction = self.net(batch.x[:, None]).squeeze(-1)
        loss = nn.functional.mse_loss(prediction, batch.y)
        every = dict.fromkeys(self.heads, prediction)
        return StepOutput(loss, every, dict.fromkeys(self.heads, batch.y))

    def predict(self, batch: LineBatch) -> Heads:
        return self.step(batch).predictions

    def baselines(self, batch: LineBatch) -> Mapping[str, Heads]:
        return {"zero": {head: torch.zeros_like(batch.y) for head in self.heads}}


class Gappy(Line):
    """Two heads; of the second, every other target is missing in the batches that hold any."""

    def __init__(self, held: int = 50) -> None:
        super().__init__(("y", "gappy"))
        self.heads["gappy"] = replace(self.heads["gappy"], optional=True)
        self.held = held

    def step(self, batch: LineBatch) -> StepOutput:
        step = super().step(batch)
        gone = (batch.indices % 2 == 1) | (batch.indices >= self.held)
        target = batch.y.masked_fill(gone, torch.nan)
        error = (step.predictions["y"] - target)[~gone].square()
        losses = {"y": step.loss, "gappy": error.sum() / max(len(error), 1)}
        return StepOutput(step.loss, step.predictions, {"y": batch.y, "gappy": target}, losses)


def points(size: int) -> FieldDataset[LineBatch]:
    x = torch.linspace(-1, 1, size)
    return FieldDataset(LineBatch, {"x": x, "y": 3 * x + 1})


def loader(size: int, batch_size: int, seed: int | None = None) -> Any:
    return load(points(size), Batches(size, batch_size, seed))


def errors(model: Line, size: int) -> Any:
    x = np.linspace(-1, 1, size)
    return model.net.weight.item() * x + model.net.bias.item() - (3 * x + 1)


def trainer(**settings: Any) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    defaults = {"max_epochs": 1, "enable_model_summary": False, "accelerator": "cpu"}
    return pl.Trainer(**{**defaults, **quiet, **settings})


def test_learns_and_the_cosine_ends_at_zero() -> None:
    model, runner = Line(schedule="cosine"), trainer(max_epochs=60)
    runner.fit(model, loader(64, 16, seed=0), loader(64, 64))
    assert model.net.weight.item() == pytest.approx(3, abs=1e-2)
    assert model.net.bias.item() == pytest.approx(1, abs=1e-2)
    assert runner.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("size", "batch_size"), [(PENDING * 7 + 10, 7), (100, 64)])
def test_scores_are_those_of_the_whole_split_and_start_anew(size: int, batch_size: int) -> None:
    """Also where the last batch is smaller, and where there are more batches than are kept."""
    model, runner = Line(), trainer()
    [scores] = first = runner.test(model, loader(size, batch_size), verbose=False)
    residual = errors(model, size)
    assert scores["test/mse"] == pytest.approx(np.mean(residual**2), rel=1e-4)
    assert scores["test/mae"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-4)
    assert scores["test/loss"] == pytest.approx(np.mean(residual**2), rel=1e-4)
    assert runner.test(model, loader(size, batch_size), verbose=False) == first


def test_metrics_are_modules_and_no_weights() -> None:
    line = Line()
    assert [m for m in line.modules() if isinstance(m, MeanSquaredError)]
    assert set(line.state_dict()) == {"net.weight", "net.bias"}


def test_one_head_has_plain_names_and_two_have_their_own() -> None:
    assert Line().named("y", "mse") == "mse"
    [scores] = trainer().test(Line(("identity", "age")), loader(10, 5), verbose=False)
    assert {"test/identity/mse", "test/age/mae", "test/loss"} <= set(scores)


def test_a_head_is_scored_on_the_samples_that_have_its_target() -> None:
    model = Gappy()
    [scores] = trainer().test(model, loader(100, 8), verbose=False)
    square = errors(model, 100) ** 2
    for name in ("mse", "loss"):
        assert scores[f"test/y/{name}"] == pytest.approx(square.mean(), rel=1e-4)
        assert scores[f"test/gappy/{name}"] == pytest.approx(square[:50:2].mean(), rel=1e-4)
    [scores] = trainer().test(Gappy(held=0), loader(100, 8), verbose=False)
    assert {"test/loss", "test/y/loss", "test/y/mse", "test/y/mae"} == set(scores)


@pytest.mark.parametrize(("held", "known", "heads"), [(50, 25, {"y", "gappy"}), (0, 0, {"y"})])
def test_results_count_the_targets_that_are_known(held: int, known: int, heads: set[str]) -> None:
    model, given = Gappy(held), points(100)[torch.arange(100)]
    step = model.step(given)
    predictions = {head: value.detach() for head, value in step.predictions.items()}
    outcome = EvalOutput(given.indices, predictions, step.targets, model.baselines(given))
    found = results.evaluate(model, outcome, block=1)
    assert found["known_targets"] == {"y": 100, "gappy": known}
    scores = {f"{head}/{metric}" for head in heads for metric in ("mse", "mae")}
    assert set(found["metrics"]) == set(found["skill"]) == scores


def test_predictions_that_are_no_numbers_have_no_scores() -> None:
    model, given = Gappy(), points(100)[torch.arange(100)]
    predictions = dict.fromkeys(model.heads, torch.full((100,), torch.nan))
    targets = model.step(given).targets
    outcome = EvalOutput(given.indices, predictions, targets, model.baselines(given))
    found = results.evaluate(model, outcome, block=1)
    assert found["metrics"] == found["skill"] == {}
    assert found["baseline"]["metrics"]


def test_predicts_every_sample_in_order() -> None:
    outcomes: Any = trainer().predict(Line(), loader(10, 4))
    assert torch.cat([outcome.indices for outcome in outcomes]).tolist() == list(range(10))
