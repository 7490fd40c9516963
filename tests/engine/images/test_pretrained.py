"""Tests of torchvision's networks with a last layer of our own."""

from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.errors import UserError
from kindling.images.pretrained import TorchvisionNet
from tests.engine.toy import refused


def test_pretrained_weights_bring_their_normalization_and_no_download() -> None:
    expected = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalization = TorchvisionNet("resnet18", "DEFAULT", 32, 3).normalization
    torch.testing.assert_close(normalization, expected)
    assert TorchvisionNet("resnet18", None, 32, 3).normalization is None


def test_pretrained_weights_are_taken_but_for_the_last_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = TorchvisionNet("squeezenet1_1", "DEFAULT", 32, 3)
    source = {k: torch.zeros_like(v) for k, v in net.body.state_dict().items()}
    source["classifier.1.weight"] = torch.zeros(1000, 512, 1, 1)
    source["classifier.1.bias"] = torch.zeros(1000)
    monkeypatch.setattr(type(net.weights), "get_state_dict", lambda *_, **__: source)
    before = {k: v.clone() for k, v in net.body.state_dict().items()}
    net.load_pretrained()
    for name, value in net.body.state_dict().items():
        assert torch.equal(value, before[name] if "classifier" in name else source[name]), name


def test_a_missing_download_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    net = TorchvisionNet("squeezenet1_1", "DEFAULT", 32, 3)
    with pytest.raises(UserError, match=r"model.weights=IMAGENET1K_V1: cannot be downloaded") as e:
        net.load_pretrained()
    assert "\n" not in str(e.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["alexnet", "densenet121", "efficientnet_b0", "googlenet", "swin_t", "vit_b_16"]
)
@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
def test_networks_of_every_build_give_our_classes(name: str) -> None:
    net = TorchvisionNet(name, None, 224, 3)
    assert net(torch.rand(2, 3, 224, 224)).shape == (2, 3)
    assert any(True for _ in net.backbone.parameters())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("resnet19", None), "model.net=resnet19: neither a net of ours nor one of"),
        (("resnet18", "BEST"), "model.weights=BEST: resnet18 has IMAGENET1K_V1"),
        (("vit_b_16", None), "model.net=vit_b_16: cannot take photos of 32x32"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(wrong: tuple[str, Any], message: str) -> None:
    with refused(message):
        TorchvisionNet(*wrong, 32, 3)
