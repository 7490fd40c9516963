import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from kindling.data import paths
from kindling.errors import UserError
from problems.potability.measurements import Measurements, PotabilityBatch
from problems.potability.model import PotabilityModule
from problems.potability.net import ACTIVATIONS

VARIANTS: list[dict[str, Any]] = [
    {},
    {"batch_norm": True, "init": "kaiming", "dropout": 0.2},
    {"indicators": True, "normalization": "robust", "pos_weight": True},
    {"hidden": []},
    {"trees": 10},
]


def measurements(rows: int = 64) -> Measurements:
    """Measurements far from zero, one of them with holes; a third is potable."""
    rng = torch.Generator().manual_seed(0)
    features = 100 + 20 * torch.randn(rows, 4, generator=rng)
    features[::7, 2] = torch.nan
    target = (torch.arange(rows) % 3 == 0).long()
    return Measurements(features, target, torch.arange(rows))


def whole(data: Measurements) -> PotabilityBatch:
    return data[torch.arange(len(data))]


def module(**settings: Any) -> PotabilityModule:
    torch.manual_seed(0)
    model = PotabilityModule(inputs=4, **{"hidden": [16, 8], **settings})
    model.fit_statistics(measurements())
    return model


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("settings", VARIANTS)
def test_shape_finite_gradients_and_equal_output_after_saving(
    activation: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    model, data = module(activation=activation, **settings), measurements()
    step = model.step(whole(data))
    assert step.predictions["potability"].shape == (64,)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name

    torch.save(model.state_dict(), tmp_path / "x.pt")
    other = PotabilityModule(inputs=4, **{"hidden": [16, 8], "activation": activation, **settings})
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    assert torch.equal(model.eval()(data.features), other.eval()(data.features))


@pytest.mark.parametrize("settings", VARIANTS[:3])
def test_learns_one_batch_by_heart(settings: dict[str, Any]) -> None:
    model = module(**{**settings, "hidden": [64, 32], "dropout": 0.0})
    batch = whole(measurements())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        loss = model.step(batch).loss
        loss.backward()
        optimizer.step()
    assert loss < 0.02
    assert torch.equal(model.predict(batch)["potability"] > 0.5, batch.target == 1)


@pytest.mark.parametrize("pos_weight", [False, True])
def test_the_loss_is_the_cross_entropy_of_the_predictions(pos_weight: bool) -> None:
    step = module(pos_weight=pos_weight).step(whole(measurements()))
    p = step.predictions["potability"].detach().double().numpy()
    t = step.targets["potability"].numpy()
    weight = (t == 0).sum() / t.sum() if pos_weight else 1.0
    expected = -(weight * t * np.log(p) + (1 - t) * np.log(1 - p)).mean()
    assert step.loss.item() == pytest.approx(expected, rel=1e-5)


def test_trees_count_for_a_third_where_the_net_is_not_being_trained() -> None:
    model, batch = module(trees=10), whole(measurements())
    assert model.trees is not None
    inputs = model.normalize(batch.features)
    net, trees = model.eval().net(inputs).squeeze(-1).sigmoid(), model.trees(inputs)
    torch.testing.assert_close(model.predict(batch)["potability"], 2 / 3 * net + 1 / 3 * trees)
    assert torch.equal(model.train()(batch.features), module()(batch.features))


def test_certainty_of_both_is_finite() -> None:
    model, batch = module(trees=10), whole(measurements())
    assert model.trees is not None
    torch.nn.init.constant_(model.net.output.bias, 1e3)  # type: ignore[arg-type]
    model.trees.value.fill_(0)
    model.trees.offset.fill_(1)
    assert model.eval()(batch.features).isfinite().all()


@pytest.mark.parametrize("shift", [-2.0, 0.0, 2.0])
def test_metrics_are_those_of_the_textbook(shift: float) -> None:
    rng = np.random.default_rng(0)
    t = rng.random(300) < 0.4
    p = 1 / (1 + np.exp(-(rng.normal(size=300) + t + shift)))
    metrics = module().heads["potability"].metrics
    scores = metrics(torch.from_numpy(p), torch.from_numpy(t).long())
    hits, alarms, misses = (t & (p > 0.5)).sum(), (p > 0.5).sum(), (t & (p <= 0.5)).sum()
    precision, recall = hits / alarms, hits / (hits + misses)
    pairs = p[t][:, None] - p[~t]
    assert scores == {
        "accuracy": pytest.approx(((p > 0.5) == t).mean()),
        "auroc": pytest.approx((pairs > 0).mean()),
        "f1": pytest.approx(2 * precision * recall / (precision + recall)),
        "precision": pytest.approx(precision),
        "recall": pytest.approx(recall),
    }


def test_the_baseline_scores_as_the_majority_does() -> None:
    model, batch = module(), whole(measurements())
    (baseline,) = model.baselines(batch).values()
    scores = model.heads["potability"].metrics(baseline["potability"], batch.target)
    assert scores["accuracy"] == pytest.approx(float((batch.target == 0).float().mean()))
    assert scores["auroc"] == 0.5
    assert scores["f1"] == scores["precision"] == scores["recall"] == 0


def test_a_missing_value_is_as_good_as_the_training_centre() -> None:
    model = module().eval()
    holes = torch.tensor([[math.nan, 90.0, math.nan, 110.0]])
    filled = torch.where(holes.isnan(), model.normalize.center, holes)
    assert torch.equal(model(holes), model(filled))
    told = module(indicators=True).eval()
    assert not torch.equal(told(torch.full((1, 4), math.nan)), told(told.normalize.center[None]))


def preset(name: str) -> dict[str, Any]:
    config = yaml.safe_load((paths.PRESETS / f"{name}.yaml").read_text())
    return dict(config["model"]["init_args"])


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("potability_relu", ["Linear", "ReLU", "Linear", "ReLU", "Linear"]),
        (
            "potability_elu",
            ["Linear", "BatchNorm1d", "ELU", "Linear", "BatchNorm1d", "ELU", "Linear"],
        ),
    ],
)
def test_the_course_s_nets(name: str, layers: list[str]) -> None:
    net = PotabilityModule(9, **preset(name)).net
    assert [type(layer).__name__ for layer in net] == layers
    weights = [p.shape for n, p in net.named_parameters() if p.ndim == 2]
    assert weights == [(16, 9), (8, 16), (1, 8)]


@pytest.mark.parametrize("init", ["default", "kaiming"])
def test_initial_weights_spread_as_they_should(init: str) -> None:
    torch.manual_seed(0)
    net = PotabilityModule(100, hidden=[400, 400], init=init).net  # type: ignore[arg-type]
    for name, inputs in (("hidden_1", 100), ("hidden_2", 400)):
        bound = (6 / inputs) ** 0.5 if init == "kaiming" else inputs**-0.5
        largest = net.get_parameter(f"{name}.weight").abs().max().item()
        assert 0.99 * bound < largest <= bound


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": [8, 0]}, "model.hidden=0: must be at least 1"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"dropout": -0.1}, "model.dropout=-0.1"),
        ({"lr": 0.0}, "model.lr=0.0"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        module(**settings)
