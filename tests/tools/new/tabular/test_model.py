"""What the model computes, learns and refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from kindling.tools.new.tabular.model import TabularModule
from kindling.tools.new.tabular.rows import Rows, TabularBatch

CLASSES = ["a", "b", "c"]
SIZES: dict[str, Any] = {"features": 3, "vocabularies": [2, 4], "classes": CLASSES}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"vocabularies": []},
    {"features": 0},
    {"indicators": False, "dropout": 0.2, "hidden": []},
    {"balance": True},
]


def rows(count: int = 48, features: int = 3, categories: int = 2) -> Rows:
    """Numbers far from zero, one of them with holes."""
    rng = torch.Generator().manual_seed(0)
    numbers = 100 + 20 * torch.randn(count, features, generator=rng)
    numbers[::7, 2:] = torch.nan
    codes = torch.randint(0, 3, (count, categories), generator=rng)
    target = (torch.arange(count) % 6).clamp(max=2)
    return Rows(numbers, codes, target, torch.arange(count), {})


def module(**settings: Any) -> tuple[TabularModule, TabularBatch]:
    torch.manual_seed(0)
    sizes = {**SIZES, **settings}
    data = rows(features=sizes["features"], categories=len(sizes["vocabularies"]))
    model = TabularModule(**sizes)
    model.fit_statistics(data)
    return model, data[torch.arange(len(data))]


@pytest.mark.parametrize("settings", VARIANTS)
def test_shape_finite_gradients_and_equal_output_after_saving(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    model, batch = module(**settings)
    step = model.step(batch)
    assert step.predictions["target"].shape == (48, 3)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    torch.save(model.state_dict(), tmp_path / "x.pt")
    other = TabularModule(**{**SIZES, **settings})
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    same = model.eval().predict(batch)["target"], other.eval().predict(batch)["target"]
    assert torch.equal(*same)


def test_learns_one_batch_by_heart() -> None:
    model, batch = module(dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        loss = model.step(batch).loss
        loss.backward()
        optimizer.step()
    assert loss < 0.02
    assert torch.equal(model.predict(batch)["target"].argmax(1), batch.target)


@pytest.mark.parametrize("balance", [False, True])
def test_the_loss_is_the_cross_entropy_of_the_predictions(balance: bool) -> None:
    model, batch = module(balance=balance)
    step = model.eval().step(batch)
    target = batch.target.numpy()
    said = step.predictions["target"].detach().double().numpy()[np.arange(48), target]
    weight = 1 / np.bincount(target)[target] if balance else np.ones(48)
    expected = -(weight * np.log(said)).sum() / weight.sum()
    assert step.loss.item() == pytest.approx(expected, rel=1e-5)


def test_metrics_against_numpy() -> None:
    rng = np.random.default_rng(0)
    target, said = rng.integers(0, 3, 200), rng.dirichlet(np.ones(3), 200)
    head = module()[0].heads["target"]
    scores = head.metrics(torch.from_numpy(said), torch.from_numpy(target))
    count = np.zeros((3, 3))
    np.add.at(count, (target, said.argmax(1)), 1)
    recall, precision = np.diag(count) / count.sum(1), np.diag(count) / count.sum(0)
    assert scores["accuracy"] == pytest.approx(np.diag(count).sum() / 200)
    assert scores["recall_macro"] == pytest.approx(recall.mean())
    assert scores["precision_macro"] == pytest.approx(precision.mean())
    assert scores["f1_macro"] == pytest.approx(
        (2 * recall * precision / (recall + precision)).mean()
    )


def test_the_baseline_is_the_training_majority() -> None:
    model, batch = module()
    (baseline,) = model.baselines(batch).values()
    assert (baseline["target"].argmax(1) == 2).all()
    assert baseline["target"][0].tolist() == pytest.approx([8 / 48, 8 / 48, 32 / 48])


def test_a_missing_number_is_told_from_a_middling_one() -> None:
    for indicators in (False, True):
        model, batch = module(indicators=indicators)
        filled = torch.where(batch.numbers.isnan(), model.normalize.center, batch.numbers)
        model.eval()
        same = torch.equal(model(batch.numbers, batch.codes), model(filled, batch.codes))
        assert same != indicators


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": [8, 0]}, "model.hidden=0: must be at least 1"),
        ({"embedding": 0}, "model.embedding=0"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"lr": 0.0}, "model.lr=0.0"),
        ({"classes": ["a"]}, "1 classes: it takes two or more"),
        ({"features": 0, "vocabularies": []}, "no column to learn from"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TabularModule(**{**SIZES, **settings})
