"""Two heads on one trunk: losses, unknown targets, baselines, the age in two ways."""

from typing import Any

import numpy as np
import pytest
import torch

from kindling.data.dataset import FieldDataset
from kindling.data.targets import IGNORE_INDEX
from kindling.errors import UserError
from problems.faces.data import FacesBatch
from problems.faces.model import FacesModule
from problems.faces.sample import draw, invent

PEOPLE = ["Ann", "Bob", "Cy"]
VARIANTS: dict[str, dict[str, Any]] = {
    "both": {},
    "identity": {"use_age": False},
    "age": {"use_identity": False},
    "classification": {"age_output": "classification"},
    "uncertainty": {"weighting": "uncertainty", "dropout": 0.2},
}


def batch() -> FacesBatch:
    rng = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (12, 3, 32, 32), generator=rng).to(torch.uint8)
    age = torch.randint(5, 81, (12,), generator=rng).float()
    return FacesBatch(image, torch.arange(12) % 3, age, torch.arange(12))


def masked(data: FacesBatch) -> FacesBatch:
    """Every third identity and every fourth age is missing."""
    return data._replace(
        identity=data.identity.masked_fill(data.indices % 3 == 0, IGNORE_INDEX),
        age=data.age.masked_fill(data.indices % 4 == 1, torch.nan),
    )


def faces(data: FacesBatch) -> FieldDataset[FacesBatch]:
    fields = {"image": data.indices, "identity": data.identity, "age": data.age}
    return FieldDataset(FacesBatch, fields, {"image": data.image})


def module(data: FacesBatch | None = None, **settings: Any) -> FacesModule:
    torch.manual_seed(0)
    model = FacesModule(PEOPLE, [5.0, 80.0], **{"image_size": 32, "channels": [8, 16], **settings})
    model.fit_statistics(faces(data or batch()))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_head_predicts_and_reaches_every_parameter(variant: str) -> None:
    model = module(**VARIANTS[variant])
    step = model.step(masked(batch()))
    assert set(step.predictions) == set(step.losses) == set(model.heads)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


@pytest.mark.slow
def test_beats_the_baselines_on_faces_like_the_sample_s() -> None:
    """Three of the sample's people, other photos for the test than for training."""
    people, rng = invent(np.random.default_rng(0))[:3], np.random.default_rng(1)
    who, age = torch.arange(120) % 3, torch.from_numpy(rng.integers(5, 81, 120)).float()
    drawn = [draw(people[k], a, rng) for k, a in zip(who.tolist(), age.tolist(), strict=True)]
    image = torch.from_numpy(np.stack(drawn)[:, ::2, ::2]).permute(0, 3, 1, 2)
    data = FacesBatch(image, who, age, torch.arange(120))
    model = module(data, image_size=48, channels=[8, 16, 32])
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(20):
        for index in torch.randperm(90).split(15):
            optimizer.zero_grad()
            model.step(faces(data)[index]).loss.backward()
            optimizer.step()
    test = faces(data)[torch.arange(90, 120)]
    predicted = model.eval().predict(test)
    assert (predicted["identity"].argmax(1) == test.identity).float().mean() > 0.65
    trivial = model.baselines(test)["commonest identity, median age"]["age"]
    assert (predicted["age"] - test.age).abs().mean() < 0.85 * (trivial - test.age).abs().mean()


@pytest.mark.parametrize(
    ("variant", "name", "score"),
    [
        ("both", "commonest identity, median age", "age/mae"),
        ("identity", "commonest identity", "accuracy"),
        ("age", "median age", "mae"),
    ],
)
def test_the_baseline_is_of_the_active_heads(variant: str, name: str, score: str) -> None:
    identity = torch.tensor([0, 1, 1, 1, 2, 2, IGNORE_INDEX, IGNORE_INDEX, 1, 2, 1, 0])
    data = batch()._replace(identity=identity)
    model = module(data, **VARIANTS[variant])
    ((found, values),) = model.baselines(data).items()
    assert found == name
    assert model.named(list(model.heads)[-1], score.rpartition("/")[2]) == score
    assert set(values) == set(model.heads)
    if "identity" in values:
        shares = torch.tensor([0.2, 0.5, 0.3])
        torch.testing.assert_close(values["identity"], shares.expand(12, 3))
    if "age" in values:
        assert set(values["age"].tolist()) == {np.median(data.age.numpy())}


def test_losses_are_means_over_the_known_targets_and_weighted() -> None:
    model, data = module(identity_weight=0.5, age_weight=3.0).eval(), masked(batch())
    output = {head: value.detach().double().numpy() for head, value in model(data.image).items()}
    identity, age = data.identity.numpy(), data.age.numpy().astype(float)
    exp = np.exp(output["identity"])
    logs = np.log(exp / exp.sum(1, keepdims=True))
    named, dated, every = identity != IGNORE_INDEX, ~np.isnan(age), batch().age.double()
    normal = (age - every.mean().item()) / every.std(correction=0).item()
    expected = {
        "identity": -logs[named, identity[named]].mean(),
        "age": ((output["age"][:, 0] - normal)[dated] ** 2).mean(),
    }
    step = model.step(data)
    for head, loss in expected.items():
        assert step.losses[head].item() == pytest.approx(loss, rel=1e-4)
    total = 0.5 * expected["identity"] + 3 * expected["age"]
    assert step.loss.item() == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
@pytest.mark.parametrize(("head", "nothing"), [("identity", IGNORE_INDEX), ("age", torch.nan)])
def test_a_batch_without_any_target_of_a_head_trains_the_other(
    head: str, nothing: float, weighting: Any
) -> None:
    data = batch()
    unknown = torch.full_like(getattr(data, head), nothing)
    model = module(weighting=weighting)
    step = model.step(data._replace(**{head: unknown}))
    assert step.losses[head] == 0
    step.loss.backward()
    for name, parameter in model.net.heads[head].named_parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any(), name
    assert all(p.grad.any() for p in model.net.trunk.parameters() if p.grad is not None)


def test_the_classified_age_is_the_expectation_over_whole_years() -> None:
    model, years = module(age_output="classification").eval(), np.arange(5, 81)
    data = batch()._replace(age=torch.tensor([7.2] * 6 + [99.0] * 6))
    output = model(data.image)["age"].detach().double().numpy()
    assert output.shape == (12, 76)
    share = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    predicted = model.predict(data)["age"].detach().numpy()
    np.testing.assert_allclose(predicted, share @ years, rtol=1e-4)
    # Whoever is older than all in training counts as the oldest.
    expected = -np.log(np.concatenate([share[:6, 2], share[6:, 75]])).mean()
    assert model.step(data).losses["age"].item() == pytest.approx(expected, rel=1e-4)


def test_one_age_for_all_is_predicted_and_no_division_by_zero() -> None:
    data = batch()._replace(age=torch.full((12,), 30.0))
    step = module(data).step(data)
    assert step.loss.isfinite()
    assert step.predictions["age"].tolist() == pytest.approx([30] * 12, abs=0.1)


def test_the_best_five_of_three_people_are_all() -> None:
    metrics = module().heads["identity"].metrics
    assert metrics(torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([2]))["top5"] == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": ["Ann"]}, "1 people in training (Ann): two or more are needed"),
        ({"classes": []}, "or --model.use_identity=false"),
        ({"ages": []}, "no training photo has an age (--data.age): add some"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        FacesModule(**{"classes": PEOPLE, "ages": [5.0, 80.0], "image_size": 32, **wrong})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
