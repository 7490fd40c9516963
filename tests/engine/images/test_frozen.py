"""A pretrained backbone, frozen or not: its features, their cache, and complaints."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor

from kindling.errors import UserError
from kindling.images.backbone import CHUNK, Backbone
from kindling.images.frozen import FrozenFeatures
from tests.engine.toy import refused

NAME = "test_efficientnet"  # 0.1 million weights
INDEX = torch.arange(40).reshape(20, 2)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights that are not the initial ones, with the classifier that timm's files have."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(timm.create_model(NAME).state_dict(), path)
    return str(path)


@pytest.fixture
def images() -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=rng)


def frozen(weights: str, **settings: Any) -> FrozenFeatures:
    torch.manual_seed(0)
    given = {"views": 2, "components": 3, "dropout": 0.0, **settings}
    backbone = Backbone(given.pop("name", NAME), 16)
    net = FrozenFeatures(backbone, **given)
    backbone.load(weights)
    return net.eval()


def test_features_are_those_of_timm_s_net(weights: str, images: Tensor) -> None:
    net = timm.create_model(NAME, num_classes=0).eval()
    state = torch.load(weights, weights_only=True)
    net.load_state_dict({k: v for k, v in state.items() if not k.startswith("classifier")})
    mean, std = (torch.tensor(net.pretrained_cfg[k])[:, None, None] for k in ("mean", "std"))
    with torch.no_grad():
        expected = net((images / 255 - mean) / std)
    shown = torch.tensor([[3, 0], [39, 38], [5, 6], [7, 8]])
    own = frozen(weights).train().backbone
    own.cache_features(images, torch.cat([shown.flatten(), torch.tensor([20, 21])]))
    found = own.cached(torch.arange(40)[:, None])[:, 0]
    seen = [*shown.flatten().tolist(), 20, 21]
    torch.testing.assert_close(found[seen], expected[seen], rtol=1e-3, atol=1e-4)
    assert found[1].isnan().all(), "features of other rows are not computed"


def test_components_are_the_principal_ones_of_training(weights: str, images: Tensor) -> None:
    net = frozen(weights)
    net.backbone.cache_features(images, INDEX)
    features = net.backbone.cached(INDEX)
    net.fit(features[:15])
    kept = net(images.reshape(20, 2, 3, 16, 16)).reshape(20, 2, 3).double().numpy()
    for view in range(2):
        rows = features[:, view].double().numpy()
        values, axes = np.linalg.eigh(np.cov(rows[:15].T, bias=True))
        expected = (rows - rows[:15].mean(0)) @ axes[:, ::-1][:, :3] / np.sqrt(values[-1])
        np.testing.assert_allclose(np.abs(kept[:, view]), np.abs(expected), rtol=0.01, atol=0.01)


def test_a_graph_of_it_takes_any_number_of_photos(weights: str, images: Tensor) -> None:
    """Also more than go through the net at a time."""
    net, rows = frozen(weights), images.reshape(20, 2, 3, 16, 16)
    net.backbone.cache_features(images, INDEX)
    net.fit(net.backbone.cached(INDEX))
    size = {0: torch.export.Dim("batch")}
    graph = torch.export.export(net, (rows[:3],), dynamic_shapes=(size,)).module()
    assert len(images) > 2 * CHUNK
    torch.testing.assert_close(graph(rows), net(rows), rtol=1e-3, atol=1e-4)


def test_features_of_several_views_are_cached(weights: str, images: Tensor) -> None:
    net = Backbone(NAME, (16, 16))
    net.load(weights)
    net.cache_features(images, torch.arange(8), lambda photos, index, view: photos.flip(-1), 2)
    cached = net.cached(torch.arange(4), torch.tensor([0, 1, 0, 1]))
    expected = net(torch.stack([images[0], images[1].flip(-1), images[2], images[3].flip(-1)]))
    torch.testing.assert_close(cached, expected, rtol=1e-3, atol=1e-4)


def test_features_of_stages_are_moments_of_all_channels(images: Tensor) -> None:
    net = Backbone(NAME, (16, 24), frozen=False, layers="stages").eval()
    stages = net.net.forward_intermediates(net.pixels(images[:4]), intermediates_only=True)
    found = net(images[:4])
    assert found.shape == (4, net.features) == (4, 2 * sum(stage.shape[1] for stage in stages))
    first = stages[0].shape[1]
    torch.testing.assert_close(found[:, :first], stages[0].mean((2, 3)))
    deviation = stages[0].std((2, 3), correction=0)
    torch.testing.assert_close(found[:, first : 2 * first], deviation, rtol=1e-2, atol=1e-3)
    net.train()(torch.zeros(2, 3, 16, 24)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_stages_are_chosen_by_number(images: Tensor, weights: str) -> None:
    every, early = (Backbone(NAME, 16, layers=layers) for layers in ("stages", [1, 0]))
    for net in (every, early):
        net.load(weights)
    assert early.features < every.features
    torch.testing.assert_close(every(images[:4])[:, : early.features], early(images[:4]))
    assert len(early.net.state_dict()) < len(every.net.state_dict())
    for wrong in ([], [5], [-1]):
        with pytest.raises(UserError, match=r"model\.layers=.*stages 0 to 4; or last"):
            Backbone(NAME, 16, layers=wrong)


def test_weights_of_other_names_are_taken_by_order_and_shape(weights: str, tmp_path: Path) -> None:
    named = torch.load(weights, weights_only=True)
    torch.save({f"their.{k}": v for k, v in named.items()}, tmp_path / "theirs.pth")
    net, other = Backbone(NAME, 16), Backbone(NAME, 16)
    net.load(weights)
    other.load(str(tmp_path / "theirs.pth"))
    for value, same in zip(
        net.net.state_dict().values(), other.net.state_dict().values(), strict=True
    ):
        assert torch.equal(value, same)
    assert net.origin["sha256"] == other.origin["sha256"]
    assert (net.origin["backbone"], other.origin["weights"]) == (NAME, "theirs.pth")


def test_a_net_that_is_not_frozen_learns_and_may_start_afresh(images: Tensor) -> None:
    net = Backbone(NAME, 16, frozen=False)
    net.load(None)
    net.train()(images[:4]).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    with pytest.raises(UserError, match="a frozen net needs pretrained weights"):
        Backbone(NAME, 16).load(None)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": "resnet_18"}, "resnet_18: timm has no such net; did you mean resnet18?"),
        ({"name": "vit_tiny_patch16_224"}, "cannot take photos of 16x16; try --data.image_size=2"),
        ({"components": 0}, "model.components=0: must be at least 1"),
        ({"components": 257}, f"model.components=257: {NAME} has 256 features"),
        ({"components": 20}, "model.components=20: more than 20 training rows needed"),
    ],
)
def test_no_such_net_or_none_for_these_photos(
    weights: str, images: Tensor, wrong: dict[str, Any], message: str
) -> None:
    with refused(message):
        net = frozen(weights, **wrong)
        net.backbone.cache_features(images, INDEX)
        net.fit(net.backbone.cached(INDEX))


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def test_weights_that_are_not_there_or_of_another_net(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    with pytest.raises(UserError, match=rf"model.weights={path}: no such file"):
        frozen(str(path))
    path.write_text("no weights")
    with pytest.raises(UserError, match=rf"model.weights={path}: cannot be read \("):
        frozen(str(path))
    torch.save({"net": Runs(tmp_path / "ran")}, path)
    with pytest.raises(UserError, match=rf"model.weights={path}: cannot be read \("):
        frozen(str(path))
    assert not (tmp_path / "ran").exists()
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    with pytest.raises(UserError, match=rf"{path}: not those of timm's {NAME}"):
        frozen(str(path))


def test_no_connection_and_no_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Backbone(NAME, 16)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(UserError, match=r"cannot be downloaded \(no route to host\); name a file"):
        net.load("default")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs timm, which is not installed: pip install"):
        Backbone(NAME, 16)
