"""The two branches, what each adds, and prices in their own unit."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from problems.prices.model import HEAD, PricesModule
from problems.prices.net import PhotoBranch
from problems.prices.offers import PriceDataset, PricesBatch

VARIANTS: dict[str, dict[str, Any]] = {
    "both": {},
    "concatenated": {"merge": "concatenate", "loss": "huber"},
    "price as it is": {"log_price": False, "loss": "mse"},
    "photos alone": {"features": 0, "vocabularies": ()},
    "table alone": {"views": 0},
    "numbers alone": {"vocabularies": (), "views": 0, "indicators": False},
    "categories alone": {"features": 0, "views": 0},
    "one photo": {"views": 1, "hidden": []},
    "trees": {"trees": 10},
    "trees at a quantile": {"trees": 10, "quantile": 0.3},
    "trees without a table": {"trees": 10, "features": 0, "vocabularies": ()},
}


def offers(rows: int = 24, seed: int = 0, **sizes: Any) -> PriceDataset:
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
    return PriceDataset(
        image.clamp(0, 255).byte(),
        torch.arange(2 * rows).reshape(rows, 2)[:, :views],
        numbers[:, :features],
        codes[:, :categories],
        log.exp(),
        torch.arange(rows) + 2,
        {},
    )


def whole(data: PriceDataset) -> PricesBatch:
    return data[torch.arange(len(data))]


def module(training: PriceDataset | None = None, **settings: Any) -> PricesModule:
    torch.manual_seed(0)
    sizes = {"features": 2, "vocabularies": (3, 5), "views": 2, "image_size": 16}
    small = {"channels": [8, 8], "hidden": [16], "readout": 8}
    model = PricesModule(**{**sizes, **small, **settings})
    model.fit_statistics(offers(**settings) if training is None else training)
    return model


def learn(model: PricesModule, data: PriceDataset, steps: int, lr: float = 1e-2) -> float:
    optimizer = torch.optim.Adam(model.train().parameters(), lr)
    order = torch.Generator().manual_seed(0)
    for _ in range(steps):
        batch = data[torch.randperm(len(data), generator=order)[:64]]
        optimizer.zero_grad()
        loss = model.step(batch).loss
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("variant", VARIANTS)
def test_shape_finite_gradients_and_equal_output_after_saving(variant: str, tmp_path: Path) -> None:
    settings = VARIANTS[variant]
    model, batch = module(**settings), whole(offers(**settings))
    step = model.step(batch)
    assert step.predictions[HEAD].shape == (24,)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    torch.save(model.state_dict(), tmp_path / "x.pt")
    other = module(offers(seed=1, **settings), **settings)
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    given = batch.photos, batch.numbers, batch.codes
    assert torch.equal(model.eval()(*given), other.eval()(*given))


@pytest.mark.parametrize("variant", ["both", "concatenated", "price as it is"])
def test_learns_one_batch_by_heart(variant: str) -> None:
    settings = {**VARIANTS[variant], "dropout": 0.0, "hide": 0.0}
    model, data = module(**settings), offers(**settings)
    learn(model, data, 150)
    said = model.eval().predict(whole(data))[HEAD]
    torch.testing.assert_close(said, data.price, rtol=0.3, atol=0)
    errors = ((said - data.price) / data.price).abs()
    assert errors.median() < 0.08


def test_both_branches_beat_either_and_either_the_median() -> None:
    """On other rows than those of training."""
    errors = {}
    for name in ("both", "photos alone", "table alone"):
        settings = VARIANTS[name]
        train, test = offers(320, **settings), offers(160, seed=1, **settings)
        model = module(train, **settings)
        learn(model, train, 150)
        said = model.eval().predict(whole(test))[HEAD]
        errors[name] = (said / test.price).log().abs().mean().item()
    errors["median"] = (model.median / test.price).log().abs().mean().item()
    assert errors["both"] < 0.6 * min(errors["photos alone"], errors["table alone"])
    assert max(errors["photos alone"], errors["table alone"]) < 0.85 * errors["median"]


# Prices in their own unit.


@pytest.mark.parametrize(("loss", "log"), [("l1", True), ("huber", True), ("mse", False)])
def test_the_loss_is_of_the_standardized_price(loss: str, log: bool) -> None:
    model, data = module(loss=loss, log_price=log), offers()
    step = model.step(whole(data))
    value = data.price.double().log() if log else data.price.double()
    said = step.predictions[HEAD].detach().double()
    error = ((said.log() if log else said) - value) / value.std(correction=0)
    expected = {
        "l1": error.abs(),
        "mse": error**2,
        "huber": torch.where(error.abs() < 1, error**2 / 2, error.abs() - 0.5),
    }
    assert step.loss.item() == pytest.approx(float(expected[loss].mean()), rel=1e-3)


def test_net_and_trees_aim_at_the_same_quantile() -> None:
    """From columns that tell nothing, the share of prices below a prediction is the quantile."""
    data = offers(400, views=0)
    data.numbers.zero_()
    data.codes.zero_()
    for quantile in (0.25, 0.75):
        model = module(data, views=0, trees=10, quantile=quantile, dropout=0.0)
        learn(model, data, 100)
        for trees in (model.trees, None):
            model.trees = trees
            share = (data.price < model.eval().predict(whole(data))[HEAD]).float().mean()
            assert share == pytest.approx(quantile, abs=0.05)


def test_metrics_against_numpy() -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(1e5, 1e6, 200)
    said = truth * rng.uniform(0.5, 1.6, 200)
    error = said - truth
    scores = (
        module()
        .heads[HEAD]
        .metrics(torch.from_numpy(said).float(), torch.from_numpy(truth).float())
    )
    assert {name: value.item() for name, value in scores.items()} == {
        "mae": pytest.approx(np.abs(error).mean(), rel=1e-5),
        "rmse": pytest.approx(np.sqrt((error**2).mean()), rel=1e-5),
        "mape": pytest.approx((np.abs(error) / truth).mean(), rel=1e-5),
        "median_ape": pytest.approx(np.median(np.abs(error) / truth), rel=1e-5),
        "r2": pytest.approx(1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum(), rel=1e-4),
    }


@pytest.mark.parametrize("bias", [-1e9, -50.0, 50.0, 1e9])
def test_no_prediction_runs_away(bias: float) -> None:
    model, data = module(), offers()
    torch.nn.init.constant_(model.net.readout[-1].bias, bias)  # type: ignore[arg-type]
    said = model.eval().predict(whole(data))[HEAD]
    apart = math.exp(2.01 * data.price.log().std(correction=0))
    assert (said > data.price.min() / apart).all()
    assert (said < data.price.max() * apart).all()
    scores = model.heads[HEAD].metrics(said, data.price)
    assert all(value.isfinite() for value in scores.values())


def test_training_prices_that_are_all_the_same() -> None:
    data = offers()
    data.price.fill_(5.0)
    step = module(data).step(whole(data))
    assert step.loss.isfinite()
    assert step.predictions[HEAD].isfinite().all()


def test_the_baseline_is_the_training_median() -> None:
    data = offers()
    said = module().baselines(whole(data))["training median"][HEAD]
    assert said.tolist() == pytest.approx([float(np.median(data.price.numpy()))] * 24)


# Trees.


def test_trees_count_for_half_where_the_net_is_not_being_trained() -> None:
    sure: dict[str, Any] = {"dropout": 0.0, "hide": 0.0}
    model, alone, batch = module(trees=10, **sure), module(**sure), whole(offers())
    assert model.trees is not None
    assert torch.equal(model.step(batch).loss, alone.step(batch).loss)
    numbers = model.normalize(model.logarithms(batch.numbers))
    places = [batch.codes[:, k, None] == torch.arange(1, n + 1) for k, n in enumerate((3, 5))]
    grown = model.trees(torch.cat([numbers, *places], 1)) * model.scale + model.center
    net = alone.eval().predict(batch)[HEAD].log()
    said = model.eval().predict(batch)[HEAD].log()
    torch.testing.assert_close(said, (net + grown) / 2, rtol=1e-4, atol=1e-4)


def test_trees_take_a_category_that_training_has_not_seen() -> None:
    batch = whole(offers())
    unseen = batch._replace(codes=torch.zeros_like(batch.codes))
    assert module(trees=10).eval().predict(unseen)[HEAD].isfinite().all()


# Photos.


def test_averaged_photos_have_no_order_and_concatenated_ones_do() -> None:
    batch = whole(offers())
    turned = batch._replace(photos=batch.photos.flip(1))
    for merge, same in (("average", True), ("concatenate", False)):
        model = module(merge=merge).eval()
        pair = model.predict(batch)[HEAD], model.predict(turned)[HEAD]
        assert torch.allclose(*pair, rtol=1e-5) is same


def shown(model: PricesModule, data: PricesBatch, stage: str) -> torch.Tensor:
    """The photos as they come to the net."""
    seen: list[torch.Tensor] = []
    assert isinstance(model.net.photos, PhotoBranch)
    model.net.photos.pixels.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model._trainer = type("Trainer", (), {"current_epoch": 0, "global_step": 0})()  # type: ignore
    getattr(model, f"{stage}_step")(data)
    return seen[-1]


def test_photos_are_augmented_in_training_alone_and_each_on_its_own() -> None:
    batch = whole(offers())
    plain = batch.photos.flatten(0, 1)
    for stage in ("validation", "test", "predict"):
        assert torch.equal(shown(module().train(), batch, stage), plain)
    flipped = shown(module().train(), batch, "training")
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(flipped, plain, strict=True)]
    assert 0 < sum(mirrored) < len(plain)
    assert mirrored[0::2] != mirrored[1::2], "a row's photos are drawn for one by one"
    assert torch.equal(shown(module(flip=0.0).train(), batch, "training"), plain)
    part = PricesBatch(*(values[5:8] for values in batch))
    assert torch.equal(shown(module().train(), part, "training"), flipped[10:16])


# The table.


def test_a_missing_number_is_told_from_a_middling_one() -> None:
    for indicators in (True, False):
        model = module(indicators=indicators).eval()
        batch = whole(offers())
        filled = torch.where(batch.numbers.isnan(), model.normalize.center, batch.numbers)
        pair = model.predict(batch)[HEAD], model.predict(batch._replace(numbers=filled))[HEAD]
        assert torch.equal(*pair) is not indicators


def test_the_entry_of_unseen_categories_is_learned_though_none_is_in_training() -> None:
    batch = whole(offers(200))
    assert (batch.codes > 0).all()
    for hide, learned in ((0.5, True), (0.0, False)):
        model = module(hide=hide)
        model.step(batch).loss.backward()
        assert model.net.table is not None
        for embed in model.net.table.embeddings:
            gradient = embed.weight.grad  # type: ignore[union-attr]
            assert gradient is not None
            assert bool(gradient[0].any()) is learned
    model.eval()
    unseen = batch._replace(codes=torch.zeros_like(batch.codes))
    assert model.predict(unseen)[HEAD].isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": 0, "vocabularies": (), "views": 0}, "no column to learn from"),
        ({"dropout": 1.0}, "model.dropout=1.0: must be 0 or more and below 1"),
        ({"hide": -0.1}, "model.hide=-0.1"),
        ({"hidden": [8, 0]}, "model.hidden=0: must be at least 1"),
        ({"embedding": 0}, "model.embedding=0"),
        ({"readout": 0}, "model.readout=0"),
        ({"channels": []}, "model.channels=[]: one width a block"),
        ({"channels": [8] * 5}, "5 blocks halve 16 pixels to nothing"),
        ({"flip": 2.0}, "flip=2.0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        module(**settings)
    assert message in str(caught.value)
