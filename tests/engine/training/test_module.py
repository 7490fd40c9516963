"""The base on the smallest problem there is: a line through points, with one head and with two."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from kindling.data.loader import Batches, load
from kindling.errors import UserError
from kindling.evaluation import results
from kindling.training.metrics import PENDING, Head, Heads, StepOutput
from kindling.training.module import EvalOutput, Module


class LineBatch(NamedTuple):
    x: Tensor
    y: Tensor
    indices: Tensor


class Points(torch.utils.data.Dataset[LineBatch]):
    def __init__(self, size: int) -> None:
        self.x = torch.linspace(-1, 1, size)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: Any) -> LineBatch:
        x = self.x[index]
        return LineBatch(x, 3 * x + 1, torch.as_tensor(index))


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


def trainer(**settings: Any) -> pl.Trainer:
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    defaults = {"max_epochs": 1, "enable_model_summary": False, "accelerator": "cpu"}
    return pl.Trainer(**{**defaults, **quiet, **settings})


def loader(size: int, batch_size: int, seed: int | None = None) -> Any:
    return load(Points(size), Batches(size, batch_size, seed))


pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
]


def test_learns() -> None:
    model = Line()
    trainer(max_epochs=60).fit(model, loader(64, 16, seed=0), loader(64, 64))
    assert model.net.weight.item() == pytest.approx(3, abs=1e-2)
    assert model.net.bias.item() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("batch_size", [7, 64])
def test_scores_are_those_of_the_whole_split(batch_size: int) -> None:
    """Also where the last batch is smaller, and where there are more batches than are kept."""
    size = PENDING * 7 + 10 if batch_size == 7 else 100
    model = Line()
    [scores] = trainer().test(model, loader(size, batch_size), verbose=False)
    x = np.linspace(-1, 1, size)
    residual = model.net.weight.item() * x + model.net.bias.item() - (3 * x + 1)
    assert scores["test/mse"] == pytest.approx(np.mean(residual**2), rel=1e-4)
    assert scores["test/mae"] == pytest.approx(np.mean(np.abs(residual)), rel=1e-4)
    assert scores["test/loss"] == pytest.approx(np.mean(residual**2), rel=1e-4)


def test_metrics_are_modules_and_no_weights() -> None:
    line = Line()
    assert [m for m in line.modules() if isinstance(m, MeanSquaredError)]
    assert set(line.state_dict()) == {"net.weight", "net.bias"}


def test_an_epoch_starts_with_empty_scores() -> None:
    model, runner = Line(), trainer()
    first = runner.test(model, loader(100, 32), verbose=False)
    assert runner.test(model, loader(100, 32), verbose=False) == first


def test_one_head_has_plain_names_and_two_have_their_own() -> None:
    assert Line().named("y", "mse") == "mse"
    model = Line(("identity", "age"))
    [scores] = trainer().test(model, loader(10, 5), verbose=False)
    assert {"test/identity/mse", "test/age/mae", "test/loss"} <= set(scores)


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


def test_a_head_is_scored_on_the_samples_that_have_its_target() -> None:
    model = Gappy()
    [scores] = trainer().test(model, loader(100, 8), verbose=False)
    x = np.linspace(-1, 1, 100)
    square = (model.net.weight.item() * x + model.net.bias.item() - (3 * x + 1)) ** 2
    assert scores["test/y/mse"] == pytest.approx(square.mean(), rel=1e-4)
    assert scores["test/gappy/mse"] == pytest.approx(square[:50:2].mean(), rel=1e-4)
    assert scores["test/gappy/loss"] == pytest.approx(square[:50:2].mean(), rel=1e-4)
    assert scores["test/y/loss"] == pytest.approx(square.mean(), rel=1e-4)


def test_a_head_without_any_target_is_not_scored() -> None:
    [scores] = trainer().test(Gappy(held=0), loader(100, 8), verbose=False)
    assert {"test/loss", "test/y/loss", "test/y/mse", "test/y/mae"} == set(scores)


def test_results_count_the_targets_that_are_known() -> None:
    model, given = Gappy(), Points(100)[torch.arange(100)]
    step = model.step(given)
    predictions = {head: value.detach() for head, value in step.predictions.items()}
    outcome = EvalOutput(given.indices, predictions, step.targets, model.baselines(given))
    found = results.evaluate(model, outcome, block=1)
    assert found["known_targets"] == {"y": 100, "gappy": 25}
    assert set(found["skill"]) == {"y/mse", "y/mae", "gappy/mse", "gappy/mae"}
    model.held = 0
    unscored = results.evaluate(model, outcome._replace(targets=model.step(given).targets), block=1)
    assert unscored["known_targets"] == {"y": 100, "gappy": 0}
    assert set(unscored["metrics"]) == set(unscored["skill"]) == {"y/mse", "y/mae"}


class Rows(DummyLogger):
    """Keeps what the Trainer hands to a logger."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []

    def log_metrics(self, metrics: dict[str, float], *args: Any, **kwargs: Any) -> None:
        self.rows.append(metrics)


def test_training_logs_once_an_epoch() -> None:
    logger = Rows()
    runner = trainer(max_epochs=2, logger=logger, log_every_n_steps=1)
    runner.fit(Line(), loader(64, 4, seed=0), loader(64, 4))
    val, train = {"val/loss", "val/mse", "val/mae"}, {"train/loss", "train/mse", "train/mae", "lr"}
    assert [set(row) for row in logger.rows] == 2 * [val | {"epoch"}, train | {"epoch"}]
    assert runner.callback_metrics["val/loss"].item() == logger.rows[2]["val/loss"]


def test_the_cosine_ends_at_zero() -> None:
    model, runner = Line(schedule="cosine"), trainer(max_epochs=4)
    runner.fit(model, loader(16, 4, seed=0), loader(16, 16))
    assert runner.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def test_predicts_every_sample_in_order() -> None:
    outcomes = trainer().predict(Line(), loader(10, 4))
    assert outcomes is not None
    assert torch.cat([o.indices for o in outcomes if isinstance(o, EvalOutput)]).tolist() == list(
        range(10)
    )


@pytest.mark.parametrize("wrong", [{"lr": 0}, {"lr": -1.0}, {"weight_decay": -0.1}])
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match=rf"model\.{next(iter(wrong))}="):
        Line(**wrong)
