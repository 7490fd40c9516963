from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.data.targets import IGNORE_INDEX, target_mask
from kindling.errors import UserError
from kindling.training.module import EvalOutput
from problems.faces.drawing import draw
from problems.faces.figures import draw as draw_figures
from problems.faces.model import FacesModule
from problems.faces.people import invent
from problems.faces.photos import Faces, FacesBatch
from problems.faces.weighting import LossWeights

PEOPLE = ["Ann", "Bob", "Cy"]
VARIANTS: dict[str, dict[str, Any]] = {
    "both": {},
    "identity": {"use_age": False},
    "age": {"use_identity": False},
    "classification": {"age_output": "classification"},
    "uncertainty": {"weighting": "uncertainty", "dropout": 0.2},
}


def batch(size: int = 12, side: int = 32) -> FacesBatch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (size, 3, side, side), generator=generator).to(torch.uint8)
    age = torch.randint(5, 81, (size,), generator=generator).float()
    return FacesBatch(image, torch.arange(size) % 3, age, torch.arange(size))


def masked(data: FacesBatch) -> FacesBatch:
    """Every third identity and every fourth age is missing."""
    return data._replace(
        identity=data.identity.masked_fill(data.indices % 3 == 0, IGNORE_INDEX),
        age=data.age.masked_fill(data.indices % 4 == 1, torch.nan),
    )


def module(**settings: Any) -> FacesModule:
    torch.manual_seed(0)
    model = FacesModule(PEOPLE, [5.0, 80.0], **{"image_size": 32, "channels": [8, 16], **settings})
    data = batch()
    model.fit_statistics(Faces(data.image, data.indices, data.identity, data.age, [""] * 12))
    return model


@pytest.mark.parametrize("variant", VARIANTS)
def test_shape_finite_gradients_and_equal_output_after_saving(variant: str, tmp_path: Path) -> None:
    model = module(**VARIANTS[variant])
    step = model.step(masked(batch()))
    assert set(step.predictions) == set(step.losses) == set(model.heads)
    if "identity" in model.heads:
        assert step.predictions["identity"].shape == (12, 3)
        torch.testing.assert_close(step.predictions["identity"].sum(1), torch.ones(12))
    if "age" in model.heads:
        assert step.predictions["age"].shape == (12,)
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
    torch.save(model.state_dict(), tmp_path / "x.pt")
    other = FacesModule(
        PEOPLE, [5.0, 80.0], **{"image_size": 32, "channels": [8, 16], **VARIANTS[variant]}
    )
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    for head, said in model.eval().predict(batch()).items():
        assert torch.equal(said, other.eval().predict(batch())[head])


@pytest.mark.parametrize("variant", ["both", "classification", "uncertainty"])
def test_learns_one_batch_by_heart(variant: str) -> None:
    model, data = module(**{**VARIANTS[variant], "dropout": 0.0}), masked(batch())
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        step = model.step(data)
        step.loss.backward()
        optimizer.step()
    there = target_mask(data.identity)
    assert torch.equal(step.predictions["identity"].argmax(1)[there], data.identity[there])
    assert (step.predictions["age"] - data.age)[target_mask(data.age)].abs().mean() < 1.5


def test_beats_the_baselines_on_faces_like_the_sample_s() -> None:
    """Three of the sample's people, other photos for the test than for training."""
    people, rng = invent(np.random.default_rng(0))[:3], np.random.default_rng(1)
    who = torch.arange(120) % 3
    age = torch.from_numpy(rng.integers(5, 81, 120)).float()
    images = [
        torch.from_numpy(draw(people[k], a, rng)[::2, ::2]).permute(2, 0, 1)
        for k, a in zip(who.tolist(), age.tolist(), strict=True)
    ]
    faces = Faces(torch.stack(images), torch.arange(120), who, age, [""] * 120)
    torch.manual_seed(0)
    model = FacesModule(PEOPLE, [5.0, 80.0], 48, channels=[8, 16, 32])
    model.fit_statistics(faces)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(20):
        for index in torch.randperm(90).split(15):
            optimizer.zero_grad()
            model.step(faces[index]).loss.backward()
            optimizer.step()
    test = faces[torch.arange(90, 120)]
    said = model.eval().predict(test)
    assert (said["identity"].argmax(1) == test.identity).float().mean() > 0.65
    trivial = model.baselines(test)["commonest identity, median age"]["age"]
    assert (said["age"] - test.age).abs().mean() < 0.85 * (trivial - test.age).abs().mean()


# Heads.


def test_a_head_that_is_off_leaves_no_prefix_and_no_parameters() -> None:
    both, identity, age = (module(**VARIANTS[name]) for name in ("both", "identity", "age"))
    assert both.named("age", "mae") == "age/mae"
    assert identity.named("identity", "accuracy") == "accuracy"
    assert age.named("age", "mae") == "mae"
    layers = {name for model in (identity, age) for name, _ in model.named_parameters()}
    assert layers == {name for name, _ in both.named_parameters()}
    assert not any("age" in name for name, _ in identity.named_parameters())


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("both", "commonest identity, median age"),
        ("identity", "commonest identity"),
        ("age", "median age"),
    ],
)
def test_the_baseline_is_of_the_active_heads(variant: str, name: str) -> None:
    model = module(**VARIANTS[variant])
    data = batch()
    identity = torch.tensor([0, 1, 1, 1, 2, 2, IGNORE_INDEX, IGNORE_INDEX, 1, 2, 1, 0])
    model.fit_statistics(Faces(data.image, data.indices, identity, data.age, [""] * 12))
    baselines = model.baselines(data)
    assert list(baselines) == [name]
    assert set(baselines[name]) == set(model.heads)
    if "identity" in model.heads:
        shares = torch.tensor([0.2, 0.5, 0.3])
        torch.testing.assert_close(baselines[name]["identity"], shares.expand(12, 3))
    if "age" in model.heads:
        assert set(baselines[name]["age"].tolist()) == {np.median(data.age.numpy())}


# Losses.


def reference(model: FacesModule, data: FacesBatch) -> dict[str, float]:
    """Mean losses over the targets that are known, in NumPy."""
    output = {head: value.detach().double().numpy() for head, value in model(data.image).items()}
    identity, age = data.identity.numpy(), data.age.numpy().astype(float)
    exp = np.exp(output["identity"])
    logs = np.log(exp / exp.sum(1, keepdims=True))
    named, dated = identity != IGNORE_INDEX, ~np.isnan(age)
    normal = (age - model.age.mean.item()) / model.age.deviation.item()
    return {
        "identity": -logs[named, identity[named]].mean(),
        "age": ((output["age"][:, 0] - normal)[dated] ** 2).mean(),
    }


def test_losses_are_means_over_the_known_targets_and_weighted() -> None:
    model, data = module(identity_weight=0.5, age_weight=3.0).eval(), masked(batch())
    step, expected = model.step(data), reference(model, data)
    for head, loss in expected.items():
        assert step.losses[head].item() == pytest.approx(loss, rel=1e-4)
    total = 0.5 * expected["identity"] + 3 * expected["age"]
    assert step.loss.item() == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("weighting", ["fixed", "uncertainty"])
def test_a_batch_without_any_target_of_a_head_trains_the_other(weighting: Any) -> None:
    data = batch()
    for head, nothing in (
        ("identity", data._replace(identity=torch.full((12,), IGNORE_INDEX))),
        ("age", data._replace(age=torch.full((12,), torch.nan))),
    ):
        model = module(weighting=weighting)
        step = model.step(nothing)
        assert step.losses[head] == 0
        step.loss.backward()
        for name, parameter in model.net.heads[head].named_parameters():
            assert parameter.grad is not None
            assert not parameter.grad.any(), name
        assert all(p.grad.any() for p in model.net.trunk.parameters() if p.grad is not None)
        if weighting == "uncertainty":
            assert model.weights.shift.grad is not None
            place = model.weights.heads.index(head)
            assert model.weights.shift.grad[place] == 0, "nothing to be sure of"


def test_the_classified_age_is_the_expectation_over_whole_years() -> None:
    model = module(age_output="classification").eval()
    years = np.arange(5, 81)
    output = model(batch().image)["age"].detach().double().numpy()
    assert output.shape == (12, 76)
    share = np.exp(output) / np.exp(output).sum(1, keepdims=True)
    said = model.predict(batch())["age"].detach().numpy()
    np.testing.assert_allclose(said, share @ years, rtol=1e-4)
    # Whoever is older than all in training counts as the oldest.
    losses = model.age.loss(torch.from_numpy(output).float(), torch.tensor([7.2] * 6 + [99.0] * 6))
    expected = -np.log(np.concatenate([share[:6, 2], share[6:, 75]]))
    np.testing.assert_allclose(losses.detach().numpy(), expected, rtol=1e-4)


def test_one_age_for_all_is_predicted_and_no_division_by_zero() -> None:
    model, data = module(), batch()
    ages = torch.full((12,), 30.0)
    model.fit_statistics(Faces(data.image, data.indices, data.identity, ages, [""] * 12))
    step = model.step(data._replace(age=ages))
    assert step.loss.isfinite()
    assert step.predictions["age"].tolist() == pytest.approx([30] * 12, abs=0.1)


# Learned weights.


def losses(**values: float) -> dict[str, torch.Tensor]:
    return {head: torch.tensor(value) for head, value in values.items()}


def test_learned_weights_come_to_half_the_inverse_of_the_loss() -> None:
    weights = LossWeights({"identity": 1.0, "age": 2.0}, "uncertainty")
    optimizer = torch.optim.Adam(weights.parameters(), 0.05)
    given, there = losses(identity=0.05, age=4.0), losses(identity=3, age=3)
    assert weights(given, there).item() == pytest.approx(0.05 + 8 - np.log(2) / 2)
    for _ in range(400):
        optimizer.zero_grad()
        weights(given, there).backward()
        optimizer.step()
    assert weights.by_head() == pytest.approx({"identity": 10, "age": 0.125}, rel=1e-3)


def test_fixed_weights_have_no_parameters() -> None:
    weights = LossWeights({"identity": 1.0, "age": 2.0}, "fixed")
    assert not list(weights.parameters())
    assert weights.by_head() == pytest.approx({"identity": 1, "age": 2})


# Augmentation in training only.


def shown(model: FacesModule, data: FacesBatch, stage: str) -> torch.Tensor:
    """The photos as they come to the net."""
    seen: list[torch.Tensor] = []
    model.pixels.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model._trainer = type("Trainer", (), {"current_epoch": 0, "global_step": 0})()  # type: ignore
    getattr(model, f"{stage}_step")(data)
    return seen[-1]


def test_validation_and_test_see_the_photo_as_it_is() -> None:
    data = batch()
    for stage in ("validation", "test", "predict"):
        assert torch.equal(shown(module().train(), data, stage), data.image)
    assert not torch.equal(shown(module().train(), data, "training"), data.image)


def test_what_is_drawn_follows_from_seed_epoch_and_sample() -> None:
    data = batch()
    whole = shown(module().train(), data, "training")
    part = FacesBatch(*(value[5:8] for value in data))
    assert torch.equal(shown(module().train(), part, "training"), whole[5:8])
    off = {"rotation": 0.0, "flip": 0.0, "autocontrast": 0.0}
    assert torch.equal(shown(module(**off).train(), data, "training"), data.image)


# EpochMetrics.


def test_metrics_against_numpy() -> None:
    rng = np.random.default_rng(0)
    people = [f"p{k}" for k in range(8)]
    heads = FacesModule(people, [5.0, 80.0], 32, channels=[8]).heads
    truth, probability = rng.integers(0, 8, 200), rng.dirichlet(np.ones(8), 200)
    given = torch.from_numpy(probability), torch.from_numpy(truth)
    scores = {name: value.item() for name, value in heads["identity"].metrics(*given).items()}
    rank = (probability > probability[np.arange(200), truth][:, None]).sum(1)
    assert scores == pytest.approx({"accuracy": (rank == 0).mean(), "top5": (rank < 5).mean()})
    age, said = rng.uniform(5, 80, 200), rng.uniform(5, 80, 200)
    values = heads["age"].metrics(torch.from_numpy(said), torch.from_numpy(age))
    error = said - age
    expected = {"mae": np.abs(error).mean(), "rmse": np.sqrt((error**2).mean())}
    assert {name: value.item() for name, value in values.items()} == pytest.approx(expected)


def test_the_best_five_of_three_people_are_all() -> None:
    metrics = module().heads["identity"].metrics
    assert metrics(torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([2]))["top5"] == 1


# Figures.


def outcome(data: FacesBatch, model: FacesModule) -> EvalOutput:
    step = model.eval().step(data)
    predictions: Mapping[str, Any] = {k: v.detach() for k, v in step.predictions.items()}
    return EvalOutput(data.indices, dict(predictions), step.targets, {})


@pytest.mark.parametrize(
    ("unknown", "heads"),
    [
        ({}, {"identity", "age"}),
        ({"identity": IGNORE_INDEX}, {"age"}),
        ({"age": torch.nan}, {"identity"}),
        ({"identity": IGNORE_INDEX, "age": torch.nan}, set()),
    ],
)
def test_a_head_without_known_targets_draws_nothing(
    unknown: dict[str, float], heads: set[str]
) -> None:
    data = masked(batch())
    for name, value in unknown.items():
        data = data._replace(**{name: torch.full_like(getattr(data, name), value)})
    faces = Faces(
        data.image, data.indices, data.identity, data.age, [f"{k}.jpg" for k in range(12)]
    )
    figures = draw_figures(PEOPLE, faces, outcome(data, module()))
    assert {name.partition("_")[0] for name in figures} == heads
    assert len(figures) == 3 * len(heads)


def test_photos_with_the_largest_errors_are_shown_with_their_own_names() -> None:
    data, model = masked(batch()), module(use_identity=False)
    faces = Faces(
        data.image, data.indices, data.identity, data.age, [f"{k}.jpg" for k in range(12)]
    )
    found = outcome(data, model)
    error = (found.predictions["age"] - data.age).abs().nan_to_num(-1)
    (page,) = draw_figures((), faces, found)["age_worst"].axes
    assert page.texts[0].get_text().endswith(f"\n{int(error.argmax())}.jpg")
    worst = data.image[error.argmax()].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(page.get_images()[0].get_array(), worst)


# Wrong settings.


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"use_identity": False, "use_age": False}, "nothing to learn"),
        ({"classes": ["Ann"]}, "1 people in training (Ann): it takes two or more"),
        ({"classes": []}, "or --model.use_identity=false"),
        ({"ages": []}, "no training photo has an age (--data.age): add some"),
        ({"identity_weight": 0.0}, "model.identity_weight=0.0: must be above 0; or --model.use_i"),
        ({"age_weight": -1.0}, "model.age_weight=-1.0: must be above 0; or --model.use_age=false"),
        ({"dropout": 1.0}, "model.dropout=1.0: must be 0 or more and below 1"),
        ({"channels": [8] * 6}, "6 blocks halve 32 pixels to nothing"),
        ({"rotation": 400.0}, "rotation=400.0"),
        ({"lr": 0.0}, "model.lr=0.0"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(wrong: dict[str, Any], message: str) -> None:
    settings = {"classes": PEOPLE, "ages": [5.0, 80.0], "image_size": 32, **wrong}
    with pytest.raises(UserError) as caught:
        FacesModule(**settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
