"""What the model computes, learns and refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from kindling.tools.new.tabular.regression import TabularModule
from kindling.tools.new.tabular.rows import Rows, TabularBatch

SIZES: dict[str, Any] = {"features": 3, "vocabularies": [2, 4]}
VARIANTS: list[dict[str, Any]] = [
    {},
    {"vocabularies": []},
    {"features": 0},
    {"indicators": False, "dropout": 0.2, "hidden": []},
    {"loss": "l1"},
]


def rows(count: int = 48, features: int = 3, categories: int = 2) -> Rows:
    """Numbers far from zero, one of them with holes."""
    rng = torch.Generator().manual_seed(0)
    numbers = 100 + 20 * torch.randn(count, features, generator=rng)
    numbers[::7, 2:] = torch.nan
    codes = torch.randint(0, 3, (count, categories), generator=rng)
    target = 1000 + 50 * torch.randn(count, generator=rng)
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
    assert step.predictions["target"].shape == (48,)
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
    assert (model.predict(batch)["target"] - batch.target).abs().max() < 50


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_the_loss_is_in_deviations_and_the_scores_in_units(loss: str) -> None:
    model, batch = module(loss=loss)
    step = model.eval().step(batch)
    target = batch.target.double().numpy()
    error = step.predictions["target"].detach().double().numpy() - target
    scaled = np.abs(error / target.std())
    expected = scaled.mean() if loss == "l1" else (scaled**2).mean()
    assert step.loss.item() == pytest.approx(expected, rel=1e-4)
    scores = model.heads["target"].metrics(step.predictions["target"], batch.target)
    assert scores["mae"].item() == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert scores["rmse"].item() == pytest.approx((error**2).mean() ** 0.5, rel=1e-4)


def test_the_baseline_is_the_training_median() -> None:
    model, batch = module()
    (baseline,) = model.baselines(batch).values()
    assert baseline["target"].tolist() == pytest.approx([float(np.median(batch.target))] * 48)


def test_one_number_for_all_is_no_division_by_zero() -> None:
    model, data = module()[0], rows()
    data.target.fill_(7.0)
    model.fit_statistics(data)
    assert model.step(data[torch.arange(48)]).loss.isfinite()


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
        ({"features": 0, "vocabularies": []}, "no column to learn from"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TabularModule(**{**SIZES, **settings})
