"""The two branches, what each adds, and prices in their own unit."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss
from torch import Tensor, nn

from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from problems.prices.data import PricesBatch
from problems.prices.model import HEAD, PricesModule
from problems.prices.net import MedianAbsolutePercentageError, QuantileLoss

Prices = FieldDataset[PricesBatch]
VARIANTS: dict[str, dict[str, Any]] = {
    "both": {},
    "concatenated": {"merge": "concatenate", "loss": "huber"},
    "price as it is": {"log_price": False, "loss": "mse"},
    "photos alone": {"features": 0, "vocabularies": ()},
    "table alone": {"views": 0},
    "numbers alone": {"vocabularies": (), "views": 0, "indicators": False},
    "categories alone": {"features": 0, "views": 0},
    "one photo": {"views": 1, "hidden": []},
    "trees at a quantile": {"trees": 10, "quantile": 0.3},
    "trees without a table": {"trees": 10, "features": 0, "vocabularies": ()},
}


def prices(rows: int = 24, seed: int = 0, **sizes: Any) -> Prices:
    """Each half of the logarithm of the price is in the photos, or in the table."""
    features, views = sizes.get("features", 2), sizes.get("views", 2)
    categories = len(sizes.get("vocabularies", (3, 5)))
    rng = torch.Generator().manual_seed(seed)
    bright = torch.rand(rows, generator=rng)
    image = (40 + 170 * bright).repeat_interleave(2)[:, None, None, None].expand(-1, 3, 16, 16)
    image = image + 15 * torch.randn(2 * rows, 3, 16, 16, generator=rng)
    numbers = 100 + 10 * torch.randn(rows, 2, generator=rng)
    codes = torch.randint(1, 4, (rows, 2), generator=rng)
    log = 2 * bright + 0.05 * numbers[:, 0] + 0.3 * codes[:, 0]
    numbers[::7, 1] = torch.nan
    index = torch.arange(2 * rows).reshape(rows, 2)[:, :views]
    fields = {"photos": index, "photo_index": index, "price": log.exp()}
    fields |= {"numbers": numbers[:, :features], "codes": codes[:, :categories]}
    return FieldDataset(PricesBatch, fields, {"photos": image.clamp(0, 255).byte()})


def whole(data: Prices) -> PricesBatch:
    return data[torch.arange(len(data))]


def module(training: Prices | None = None, **settings: Any) -> PricesModule:
    torch.manual_seed(0)
    sizes = {"features": 2, "vocabularies": (3, 5), "views": 2, "image_size": 16}
    small = {"channels": [8, 8], "hidden": [16], "readout": 8}
    model = PricesModule(**{**sizes, **small, **settings})
    model.fit_statistics(prices(**settings) if training is None else training)
    return model


def learn(model: PricesModule, data: Prices, steps: int) -> None:
    optimizer = torch.optim.Adam(model.train().parameters(), 1e-2)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        optimizer.zero_grad()
        model.step(data[torch.randperm(len(data), generator=order)[:64]]).loss.backward()
        optimizer.step()


def predicted(model: PricesModule, batch: PricesBatch) -> Tensor:
    return model.eval().predict(batch)[HEAD]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_branch_without_input_is_left_out(variant: str) -> None:
    settings = VARIANTS[variant]
    model, batch = module(**settings), whole(prices(**settings))
    step = model.step(batch)
    assert step.predictions[HEAD].shape == (24,)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    branches = {name.split(".")[1] for name, _ in model.named_parameters()}
    absent = {"photos"} if settings.get("views") == 0 else set()
    absent |= {"table"} if settings.get("features") == 0 and variant[0] != "c" else set()
    assert branches == {"photos", "table", "readout"} - absent


@pytest.mark.parametrize(("loss", "log"), [("l1", True), ("huber", True), ("mse", False)])
def test_the_loss_is_of_the_standardized_price(loss: str, log: bool) -> None:
    model, batch = module(loss=loss, log_price=log), whole(prices())
    step = model.step(batch)
    value, found = batch.price.double(), step.predictions[HEAD].detach().double()
    if log:
        value, found = value.log(), found.log()
    error = (found - value) / value.std(correction=0)
    expected = {
        "l1": error.abs(),
        "mse": error**2,
        "huber": torch.where(error.abs() < 1, error**2 / 2, error.abs() - 0.5),
    }
    assert step.loss.item() == pytest.approx(float(expected[loss].mean()), rel=1e-3)


def test_net_and_trees_aim_at_the_same_quantile() -> None:
    """From columns that tell nothing, the share of prices below a prediction is the quantile."""
    data = prices(400, views=0)
    data.fields["numbers"].zero_()
    data.fields["codes"].zero_()
    for quantile in (0.25, 0.75):
        model = module(data, views=0, trees=10, quantile=quantile, dropout=0.0)
        learn(model, data, 100)
        for trees in (model.trees, None):
            model.trees = trees
            share = (data.fields["price"] < predicted(model, whole(data))).float().mean()
            assert share == pytest.approx(quantile, abs=0.05)


def test_no_prediction_runs_away() -> None:
    model, batch = module(), whole(prices())
    apart = math.exp(2.01 * batch.price.log().std(correction=0))
    for bias in (-1e9, -50.0, 50.0, 1e9):
        nn.init.constant_(model.net.readout[-1].bias, bias)  # type: ignore[arg-type]
        found = predicted(model, batch)
        assert (found > batch.price.min() / apart).all()
        assert (found < batch.price.max() * apart).all()
    data = prices()
    data.fields["price"].fill_(5.0)
    step = module(data).step(whole(data))
    assert step.loss.isfinite(), "prices that are all the same"
    assert step.predictions[HEAD].isfinite().all()


def test_trees_count_for_half_where_the_net_is_not_being_trained() -> None:
    sure: dict[str, Any] = {"dropout": 0.0, "hide": 0.0}
    model, alone, batch = module(trees=10, **sure), module(**sure), whole(prices())
    assert model.trees is not None
    assert torch.equal(model.step(batch).loss, alone.step(batch).loss)
    numbers = model.normalize(model.logarithms(batch.numbers))
    places = [batch.codes[:, k, None] == torch.arange(1, n + 1) for k, n in enumerate((3, 5))]
    grown = model.scale.price(model.trees(torch.cat([numbers, *places], 1))).log()
    half = (predicted(alone, batch).log() + grown) / 2
    torch.testing.assert_close(predicted(model, batch).log(), half, rtol=1e-4, atol=1e-4)
    unseen = batch._replace(codes=torch.zeros_like(batch.codes))
    assert predicted(model, unseen).isfinite().all()


def test_averaged_photos_have_no_order_and_concatenated_ones_do() -> None:
    batch = whole(prices())
    other = batch._replace(photos=batch.photos.flip(1))
    for merge, same in (("average", True), ("concatenate", False)):
        model = module(merge=merge)
        pair = predicted(model, batch), predicted(model, other)
        assert torch.allclose(*pair, rtol=1e-5) is same


def test_photos_are_augmented() -> None:
    batch = whole(prices())
    assert not torch.equal(module().augmented(batch).photos, batch.photos)
    assert torch.equal(module(flip=0.0).augmented(batch).photos, batch.photos)


@pytest.mark.parametrize("quantile", [0.1, 0.45, 0.5, 0.9])
def test_the_quantile_loss_is_twice_the_pinball_loss_and_least_there(quantile: float) -> None:
    target = (0.3 * torch.randn(2001, generator=torch.Generator().manual_seed(0))).exp()
    estimate, loss, best = target.flip(0), QuantileLoss(quantile), target.quantile(quantile)
    expected = 2 * mean_pinball_loss(target.numpy(), estimate.numpy(), alpha=quantile)
    assert loss(estimate, target).item() == pytest.approx(expected, rel=1e-5)
    for aside in (0.97, 1.03):
        assert loss(best.expand_as(target), target) < loss(aside * best.expand_as(target), target)


@pytest.mark.parametrize("size", [1, 2, 100, 101])
def test_the_median_error_of_several_batches(size: int) -> None:
    rng = np.random.default_rng(size)
    true = rng.uniform(1, 100, size) * rng.choice([-1, 1], size)
    found = true * rng.uniform(0, 3, size)
    metric = MedianAbsolutePercentageError()
    for part in np.array_split(np.arange(size), min(3, size)):
        metric.update(torch.from_numpy(found[part]), torch.from_numpy(true[part]))
    assert metric.compute().item() == pytest.approx(np.median(np.abs(found - true) / np.abs(true)))
    metric.reset()
    assert metric(torch.tensor([3.0]), torch.tensor([0.0])).isfinite(), "no division by zero"


def test_a_table_alone_has_no_backbone_and_nothing_at_all_is_no_model() -> None:
    with pytest.raises(UserError, match="no photos, so it has no backbone"):
        _ = module(views=0).backbone
    with pytest.raises(UserError, match="no column to learn from: name numbers"):
        module(views=0, features=0, vocabularies=())
