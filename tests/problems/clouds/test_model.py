from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from problems.clouds.model import HEAD, CloudsModule
from problems.clouds.net import Backbone, ConvNet, first_filters
from problems.clouds.photos import CloudsBatch, Photos
from problems.clouds.sample import KINDS, draw

CLASSES = ["a", "b", "c"]
NETS: dict[str, dict[str, Any]] = {
    "course": {"channels": [8, 16], "batch_norm": False, "pool": "flatten"},
    "default": {"channels": [8, 16, 16]},
    "dropout": {"channels": [8, 16], "dropout": 0.3},
    "linear": {"net": "linear"},
    "mobilenet": {"net": "mobilenet_v3_small"},
}


def batch(size: int = 12, side: int = 32) -> CloudsBatch:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (size, 3, side, side), generator=generator).to(torch.uint8)
    return CloudsBatch(image, torch.arange(size) % 3, torch.arange(size))


def module(**settings: Any) -> CloudsModule:
    torch.manual_seed(0)
    model = CloudsModule(CLASSES, **{"image_size": 32, **settings})
    model.shares.copy_(torch.tensor([0.2, 0.5, 0.3]))
    return model


@pytest.mark.parametrize("net", NETS)
def test_shape_finite_gradients_and_equal_output_after_saving(net: str, tmp_path: Path) -> None:
    model = module(**NETS[net])
    step = model.step(batch())
    assert step.predictions[HEAD].shape == (12, 3)
    torch.testing.assert_close(step.predictions[HEAD].sum(1), torch.ones(12))
    step.loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    torch.save(model.state_dict(), tmp_path / "x.pt")
    other = module(**NETS[net])
    other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
    assert torch.equal(model.eval()(batch().image), other.eval()(batch().image))


@pytest.mark.parametrize("net", ["course", "default", "linear"])
def test_learns_one_batch_by_heart(net: str) -> None:
    model, data = module(**NETS[net]), batch()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(80):
        optimizer.zero_grad()
        loss = model.step(data).loss
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_beats_the_majority_on_photos_like_the_sample_s() -> None:
    """Three kinds of the sample, other photos for the test than for training."""
    kinds = ("clear sky", "stratiform clouds", "high cumuliform clouds")
    assert set(kinds) <= set(KINDS)
    images = [
        torch.from_numpy(draw(kind, np.random.default_rng([k, number]))[::4, ::4]).permute(2, 0, 1)
        for k, kind in enumerate(kinds)
        for number in range(24)
    ]
    label = torch.arange(3).repeat_interleave(24)
    photos = Photos(torch.stack(images), torch.arange(72), label, [])
    train, test = torch.arange(72)[torch.arange(72) % 3 > 0], torch.arange(0, 72, 3)
    model = module(image_size=64, channels=[8, 16, 16])
    model.fit_statistics(photos)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(15):
        for index in torch.randperm(48).split(16):
            optimizer.zero_grad()
            model.step(photos[train[index]]).loss.backward()
            optimizer.step()
    said = model.eval().predict(photos[test])[HEAD].argmax(1)
    assert (said == photos[test].label).float().mean() > 0.7


def test_the_course_s_net() -> None:
    net = module(image_size=128, **{**NETS["course"], "channels": [32, 64]}).net
    sizes = {name: tuple(p.shape) for name, p in net.named_parameters() if "weight" in name}
    assert list(sizes.values()) == [(32, 3, 3, 3), (64, 32, 3, 3), (3, 64 * 32 * 32)]


def test_pooling_before_elu_changes_nothing() -> None:
    net = ConvNet(32, 3, [8], False, "flatten", 0.0)
    x = torch.randn(2, 3, 32, 32)
    conv, pool, elu = net.blocks[0]
    torch.testing.assert_close(net.blocks(x), pool(elu(conv(x))))


def test_each_setting_of_the_net_counts() -> None:
    plain = dict(NETS["course"])
    sizes = {sum(p.numel() for p in module(**plain).parameters())}
    for change in ({"batch_norm": True}, {"pool": "average"}, {"channels": [8]}, {"net": "linear"}):
        sizes.add(sum(p.numel() for p in module(**{**plain, **change}).parameters()))
    assert len(sizes) == 5


# Augmentation in training only.


def shown(model: CloudsModule, data: CloudsBatch, stage: str) -> torch.Tensor:
    """The photos as they come to the net."""
    seen: list[torch.Tensor] = []
    model.pixels.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    model._trainer = type("Trainer", (), {"current_epoch": 0, "global_step": 0})()  # type: ignore
    getattr(model, f"{stage}_step")(data)
    return seen[-1]


def test_validation_and_test_see_the_photo_as_it_is() -> None:
    data = batch()
    for stage in ("validation", "test", "predict"):
        assert torch.equal(shown(module(**NETS["default"]).eval(), data, stage), data.image)
        # Also in a net that somebody left in training mode.
        assert torch.equal(shown(module(**NETS["default"]).train(), data, stage), data.image)
    assert not torch.equal(shown(module(**NETS["default"]).train(), data, "training"), data.image)


def test_each_part_of_the_augmentation_has_its_own_setting() -> None:
    data = batch()
    off: dict[str, Any] = {"rotation": 0.0, "flip": 0.0, "autocontrast": 0.0}
    assert torch.equal(shown(module(net="linear", **off).train(), data, "training"), data.image)
    flipped = shown(module(net="linear", **{**off, "flip": 1.0}).train(), data, "training")
    assert torch.equal(flipped, data.image.flip(-1))
    some = shown(module(net="linear", **{**off, "flip": 0.5}).train(), data, "training")
    turned = [torch.equal(a, b) for a, b in zip(some, data.image, strict=True)]
    assert 0 < sum(turned) < len(turned), "each photo is drawn for on its own"


def test_what_is_drawn_follows_from_seed_epoch_and_sample() -> None:
    data = batch()
    whole = shown(module(net="linear").train(), data, "training")
    part = CloudsBatch(data.image[5:8], data.label[5:8], data.indices[5:8])
    assert torch.equal(shown(module(net="linear").train(), part, "training"), whole[5:8])


# EpochMetrics.


def test_metrics_against_numpy() -> None:
    rng = np.random.default_rng(0)
    truth, probability = rng.integers(0, 3, 200), rng.dirichlet([1, 1, 1], 200)
    said = probability.argmax(1)
    right = np.array([((said == k) & (truth == k)).sum() for k in range(3)])
    precision = right / np.array([(said == k).sum() for k in range(3)])
    recall = right / np.array([(truth == k).sum() for k in range(3)])
    scores = {"precision": precision, "recall": recall}
    scores["f1"] = 2 * precision * recall / (precision + recall)
    head = module().heads[HEAD]
    given = torch.from_numpy(probability).float(), torch.from_numpy(truth)
    metrics = {name: value.item() for name, value in head.metrics(*given).items()}
    assert metrics.pop("accuracy") == pytest.approx((said == truth).mean())
    weights = np.bincount(truth) / 200
    for name, score in scores.items():
        assert metrics.pop(f"{name}_micro") == pytest.approx((said == truth).mean())
        assert metrics.pop(f"{name}_macro") == pytest.approx(score.mean(), rel=1e-5)
        assert metrics.pop(f"{name}_weighted") == pytest.approx((weights * score).sum(), rel=1e-5)
    assert not metrics
    assert head.per_class is not None
    for name, value in head.per_class(*given).items():
        assert value.tolist() == pytest.approx(scores[name].tolist(), rel=1e-5)


def test_the_baseline_is_the_training_majority() -> None:
    said = module().baselines(batch())["training majority"][HEAD]
    assert said.shape == (12, 3)
    assert set(said.argmax(1).tolist()) == {1}


def test_photos_of_one_grey_are_normalized_to_numbers() -> None:
    model, grey = module(), torch.full((4, 3, 32, 32), 128, dtype=torch.uint8)
    model.fit_statistics(Photos(grey, torch.arange(4), torch.tensor([0, 1, 2, 2]), []))
    assert model.pixels(grey).isfinite().all()
    assert model.shares.tolist() == [0.25, 0.25, 0.5]


# Backbones.


def test_pretrained_weights_bring_their_normalization_and_no_download() -> None:
    net = module(net="resnet18", weights="DEFAULT").net
    assert isinstance(net, Backbone)
    assert net.normalization == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert module(net="resnet18").net.normalization is None  # type: ignore[union-attr]


def test_pretrained_weights_are_taken_but_for_the_last_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = module(net="squeezenet1_1", weights="DEFAULT").net
    assert isinstance(net, Backbone)
    source = {k: torch.zeros_like(v) for k, v in net.body.state_dict().items()}
    source["classifier.1.weight"] = torch.zeros(1000, 512, 1, 1)
    source["classifier.1.bias"] = torch.zeros(1000)
    monkeypatch.setattr(type(net.weights), "get_state_dict", lambda *_, **__: source)
    before = net.body.classifier[1].weight.clone()  # type: ignore[union-attr,index,operator]
    net.load_pretrained()
    assert torch.equal(net.body.classifier[1].weight, before)  # type: ignore[union-attr,index,arg-type]
    assert all((p == 0).all() for k, p in net.body.named_parameters() if "classifier" not in k)


def test_a_missing_download_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    net = module(net="squeezenet1_1", weights="DEFAULT").net
    assert isinstance(net, Backbone)
    with pytest.raises(UserError, match=r"model.weights=IMAGENET1K_V1: cannot be downloaded") as e:
        net.load_pretrained()
    assert "\n" not in str(e.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["alexnet", "densenet121", "efficientnet_b0", "googlenet", "swin_t", "vit_b_16"]
)
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_backbones_of_every_build_give_our_classes(name: str) -> None:
    model = module(net=name, image_size=224)
    assert model(batch(2, 224).image).shape == (2, 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"net": "resnet19"}, "model.net=resnet19: neither conv, linear nor a net of torchvision"),
        ({"net": "resnet18", "weights": "BEST"}, "model.weights=BEST: resnet18 has IMAGENET1K_V1"),
        ({"weights": "DEFAULT"}, "model.weights=DEFAULT: conv has none"),
        ({"net": "vit_b_16"}, "model.net=vit_b_16: cannot take photos of 32x32"),
        ({"channels": []}, "model.channels=[]: one width a block"),
        ({"channels": [8, 0]}, "model.channels=[8, 0]: one width a block"),
        ({"channels": [8] * 6}, "6 blocks halve 32 pixels to nothing"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"rotation": 400.0}, "rotation=400.0"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        module(**wrong)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_single_class_is_none() -> None:
    with pytest.raises(UserError, match=r"1 classes \(sky\): it takes two or more"):
        CloudsModule(["sky"])


def test_filters_are_of_the_first_layer_that_sees_colours() -> None:
    for net, shape in (("default", (8, 3, 3, 3)), ("linear", (3, 3, 32, 32))):
        filters = first_filters(module(**NETS[net]).net, 32)
        assert filters is not None
        assert filters.shape == shape
