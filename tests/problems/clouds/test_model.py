"""Tests of the nets, the scores and the baseline, beside the contract of all problems."""

from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.trainer.states import TrainerFn

from kindling.data.dataset import FieldDataset
from kindling.errors import UserError
from kindling.images import ImageBatch
from problems.clouds.figures import first_filters
from problems.clouds.model import HEAD, CloudsModule

CLASSES = ["a", "b", "c"]
NETS: dict[str, dict[str, Any]] = {
    "course": {"channels": [8, 16], "batch_norm": False, "pool": "flatten"},
    "default": {"channels": [8, 16, 16]},
    "linear": {"net": "linear"},
    "mobilenet": {"net": "mobilenet_v3_small"},
}


def batch(size: int = 12, side: int = 32) -> ImageBatch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (size, 3, side, side), generator=generator).to(torch.uint8)
    return ImageBatch(image, torch.arange(size) % 3, torch.arange(size))


def module(**settings: Any) -> CloudsModule:
    torch.manual_seed(0)
    return CloudsModule(CLASSES, **{"image_size": 32, **settings})


def test_a_linear_net_has_no_backbone_and_one_class_is_none() -> None:
    with pytest.raises(UserError, match=r"model\.net=linear has no backbone"):
        _ = module(net="linear").backbone
    with pytest.raises(UserError, match=r"^1 classes \(sky\): two or more are needed$"):
        CloudsModule(["sky"], 32)


@pytest.mark.parametrize("net", NETS)
def test_every_net_has_shape_and_finite_gradients(net: str) -> None:
    model = module(**NETS[net])
    step = model.step(batch())
    assert step.predictions[HEAD].shape == (12, 3)
    torch.testing.assert_close(step.predictions[HEAD].sum(1), torch.ones(12))
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_course_s_net() -> None:
    net = module(image_size=128, **{**NETS["course"], "channels": [32, 64]}).net
    sizes = {name: tuple(p.shape) for name, p in net.named_parameters() if "weight" in name}
    assert list(sizes.values()) == [(32, 3, 3, 3), (64, 32, 3, 3), (3, 64 * 32 * 32)]


def test_metrics_against_numpy() -> None:
    rng = np.random.default_rng(0)
    truth, probability = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    predicted = probability.argmax(1)
    right = np.array([((predicted == k) & (truth == k)).sum() for k in range(3)])
    precision, recall = right / np.bincount(predicted), right / np.bincount(truth)
    scores = {"precision": precision, "recall": recall}
    scores["f1"] = 2 * precision * recall / (precision + recall)
    head = module().heads[HEAD]
    given = torch.from_numpy(probability).float(), torch.from_numpy(truth)
    accuracy, weights = (predicted == truth).mean(), np.bincount(truth) / 200
    expected = {"accuracy": accuracy}
    for name, score in scores.items():
        expected |= {f"{name}_micro": accuracy, f"{name}_macro": score.mean()}
        expected[f"{name}_weighted"] = (weights * score).sum()
    metrics = {name: value.item() for name, value in head.metrics(*given).items()}
    assert metrics == pytest.approx(expected, rel=1e-5)
    assert head.per_class is not None
    for name, value in head.per_class(*given).items():
        assert value.tolist() == pytest.approx(scores[name].tolist(), rel=1e-5)


def test_the_training_loss_may_be_smoothed_and_balanced() -> None:
    torch.manual_seed(0)
    logits, label = torch.randn(6, 3), torch.tensor([0, 0, 0, 0, 1, 2])
    grey = torch.full((6, 3, 32, 32), 128, dtype=torch.uint8)
    fields = {"image": torch.arange(6), "label": label}
    log = logits.log_softmax(-1)
    plain = -log[torch.arange(6), label]
    weight = 6 / (3 * torch.bincount(label))[label]
    balanced, smoothed = (weight * plain).sum() / weight.sum(), 0.9 * plain - 0.1 * log.mean(1)
    for settings, expected in (
        ({"class_weights": "balanced"}, balanced),
        ({"label_smoothing": 0.1}, smoothed.mean()),
    ):
        model = module(**settings)
        model.fit_statistics(FieldDataset(ImageBatch, fields, {"image": grey}))
        torch.testing.assert_close(model.loss(logits, label), expected)
        torch.testing.assert_close(model.eval().loss(logits, label), plain.mean())


def test_mixed_photos_are_of_shares_of_classes_in_training_alone() -> None:
    model, given = module(mixup=1.0), batch()
    mixed = model.augmented(given)
    assert mixed.label.shape == (12, 3)
    torch.testing.assert_close(mixed.label.sum(1), torch.ones(12))
    log = model(mixed.image).log_softmax(-1)
    torch.testing.assert_close(model.step(mixed).loss, -(mixed.label * log).sum(1).mean())
    assert torch.equal(model.augmented(given).image, mixed.image), "drawn by seed, epoch and photo"
    seen = model.validation_step(given)
    assert torch.equal(seen.targets[HEAD], given.label)
    with pytest.raises(UserError, match="frozen backbone's features are cached"):
        module(backbone="test_efficientnet", weights="default", cutmix=1.0)


def test_at_test_time_a_photo_and_its_mirror_image_are_averaged() -> None:
    model, given = module(tta="flip").eval(), batch()
    plain, mirrored = (model.predict(given._replace(image=i))[HEAD]
                       for i in (given.image, given.image.flip(-1)))  # fmt: skip
    model.trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
    model.trainer.state.fn = TrainerFn.TESTING
    for output in (model.test_step(given), model.predict_step(given)):
        torch.testing.assert_close(output.predictions[HEAD], (plain + mirrored) / 2)
    model.trainer.state.fn = TrainerFn.FITTING
    torch.testing.assert_close(model.validation_step(given).predictions[HEAD], plain)


def test_the_backbone_may_have_a_rate_of_its_own() -> None:
    model = module(backbone="test_efficientnet", freeze=False, backbone_lr=0.1, lr=0.01)
    head, body = model.parameter_groups()
    assert body["lr"] == pytest.approx(0.001)
    assert {id(p) for p in head["params"]} == {id(p) for p in model.net.classifier.parameters()}
    assert len(head["params"]) + len(body["params"]) == len([*model.parameters()])


def test_of_many_classes_the_five_likeliest_are_scored() -> None:
    metrics = CloudsModule([f"class {k}" for k in range(12)], 32).heads[HEAD].metrics
    likelihood = torch.arange(12.0).expand(2, 12) / 66
    assert metrics["top5"](likelihood, torch.tensor([7, 6])) == 0.5


def test_the_baseline_is_the_training_majority() -> None:
    model, grey = module(), torch.full((4, 3, 32, 32), 128, dtype=torch.uint8)
    fields = {"image": torch.arange(4), "label": torch.tensor([0, 1, 2, 1])}
    model.fit_statistics(FieldDataset(ImageBatch, fields, {"image": grey}))
    predicted = model.baselines(batch())["training majority"][HEAD]
    assert predicted.tolist() == [[0.25, 0.5, 0.25]] * 12


def test_filters_are_of_the_first_layer_that_sees_colours() -> None:
    for net, shape in (("default", (8, 3, 3, 3)), ("linear", (3, 3, 32, 32))):
        filters = first_filters(module(**NETS[net]).net, (32, 32))
        assert filters is not None
        assert filters.shape == shape
