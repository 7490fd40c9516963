"""A frozen net in the place of the photos' blocks: what it keeps of photos, and complaints."""

import csv
import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import timm
import torch
from torch import Tensor

from kindling.__main__ import main
from kindling.errors import UserError
from problems.prices.backbone import CHUNK, Backbone

NAME = "test_efficientnet"  # 0.1 million weights
Run = Callable[..., int]


@pytest.fixture(scope="session")
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


def backbone(weights: str, **settings: Any) -> Backbone:
    torch.manual_seed(0)
    given = {"name": NAME, "views": 2, "image_size": 16, "components": 3, "dropout": 0.0}
    net = Backbone(**{**given, **settings})
    net.load(weights)
    return net.eval()


def test_features_are_those_of_timm_s_net(weights: str, images: Tensor) -> None:
    net = timm.create_model(NAME, num_classes=0).eval()
    state = torch.load(weights, weights_only=True)
    net.load_state_dict({k: v for k, v in state.items() if not k.startswith("classifier")})
    mean, std = (torch.tensor(net.pretrained_cfg[k])[:, None, None] for k in ("mean", "std"))
    with torch.no_grad():
        expected = net((images / 255 - mean) / std)
    shown = torch.tensor([3, 0, 39])
    own = backbone(weights).train()
    own.remember(images, shown)
    found = own.recall(torch.arange(40)[:, None])[:, 0]
    torch.testing.assert_close(found[shown], expected[shown], rtol=1e-3, atol=1e-4)
    assert found[1].isnan().all(), "photos of other rows are not looked at"


def test_components_are_the_principal_ones(weights: str, images: Tensor) -> None:
    net = backbone(weights)
    net.remember(images, torch.arange(40))
    features = net.recall(torch.arange(40).reshape(20, 2))
    net.fit(features)
    kept = net(images.reshape(20, 2, 3, 16, 16)).reshape(20, 2, 3).double().numpy()
    for view in range(2):
        rows = features[:, view].double().numpy()
        values, axes = np.linalg.eigh(np.cov(rows.T, bias=True))
        expected = (rows - rows.mean(0)) @ axes[:, ::-1][:, :3] / np.sqrt(values[-1])
        np.testing.assert_allclose(np.abs(kept[:, view]), np.abs(expected), rtol=0.01, atol=0.01)


def test_a_graph_of_it_takes_any_number_of_photos(weights: str, images: Tensor) -> None:
    """Also more than go through the net at a time."""
    net, rows = backbone(weights), images.reshape(20, 2, 3, 16, 16)
    net.remember(images, torch.arange(40))
    net.fit(net.recall(torch.arange(40).reshape(20, 2)))
    size = {0: torch.export.Dim("batch")}
    graph = torch.export.export(net, (rows[:3],), dynamic_shapes=(size,)).module()
    assert len(images) > 2 * CHUNK
    torch.testing.assert_close(graph(rows), net(rows), rtol=1e-3, atol=1e-4)


def test_training_leaves_it_as_it_was(weights: str, images: Tensor) -> None:
    net = backbone(weights).train()
    before = {name: value.clone() for name, value in net.net.state_dict().items()}
    net.remember(images, torch.arange(40))
    assert net.net.training, "as the Trainer left it"
    assert not any(parameter.requires_grad for parameter in net.parameters())
    for name, value in net.net.state_dict().items():
        assert torch.equal(value, before[name]), name


# Through the command line.


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory, write: Callable[[Path], Path]) -> list[str]:
    lots = write(tmp_path_factory.mktemp("prices") / "lots")
    small = ["--data.image_size=16", "--data.batch_size=8", "--model.hidden=[16]"]
    quiet = ["--trainer.enable_progress_bar=false", "--trainer.max_epochs=12"]
    return ["--config=prices", f"--data.root={lots}", *small, *quiet, "--model.lr=1e-2"]


@pytest.fixture(scope="module")
def trained(flags: list[str], weights: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    logs = tmp_path_factory.mktemp("logs")
    seen = [f"--model.backbone={NAME}", f"--model.weights={weights}", "--model.trees=20"]
    assert main(["train", *flags, *seen, f"--logs={logs}"]) == 0
    return (logs / "prices" / "latest").resolve()


def test_it_helps_to_beat_the_training_median(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["skill"]["mape"] > 0.3
    packages = json.loads((trained / "provenance.json").read_text())["packages"]
    assert packages["timm"] == timm.__version__
    assert packages["scikit-learn"] == sklearn.__version__


def test_what_was_looked_up_scores_as_what_is_looked_at(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In training, photos are seen once, before the first epoch; afterwards each time."""
    with (trained / "metrics.csv").open(newline="") as stream:
        epochs = [row for row in csv.DictReader(stream) if row["val/loss"]]
    best = min(epochs, key=lambda row: float(row["val/loss"]))
    assert main(["validate", "--run", str(trained)]) == 0
    printed = re.search(r" mape +([\d.]+) ", capsys.readouterr().out)
    assert printed is not None
    assert float(printed[1]) == pytest.approx(float(best["val/mape"]), rel=1e-3)


def test_a_resumed_run_goes_on_as_it_would_have_and_needs_no_weights(
    flags: list[str], weights: str, tmp_path: Path
) -> None:
    copy = shutil.copy(weights, tmp_path / "net.pth")
    given = [*flags, f"--model.backbone={NAME}", f"--model.weights={copy}", "--model.trees=20"]
    given += ["--model.schedule=constant", f"--logs={tmp_path}"]
    assert main(["fit", *given, "--trainer.max_epochs=4"]) == 0
    assert main(["fit", *given, "--trainer.max_epochs=2"]) == 0
    whole, stopped = (tmp_path / "prices" / f"version_{k}" for k in range(2))
    Path(copy).unlink()
    assert main(["fit", "--run", str(stopped), "--trainer.max_epochs=4"]) == 0
    states = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_looks_before_training_sees_the_pretrained_net(
    flags: list[str], weights: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The search for a learning rate runs before the first epoch, and needs finite losses."""
    given = [*flags, f"--model.backbone={NAME}", f"--model.weights={weights}"]
    assert main(["fit", *given, "--config=lr_find", f"--logs={tmp_path}"]) == 0
    assert re.search(r"lr finder +suggests [\d.e-]+,", caplog.text)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--model.backbone=resnet_18"], "not a net of timm's; did you mean resnet18?"),
        ([f"--model.backbone={NAME}", "--model.weights=no.pth"], "no.pth: no such file"),
        (
            ["--model.backbone=vit_tiny_patch16_224"],
            "cannot take photos of 16x16; try --data.image_size=224",
        ),
        ([f"--model.backbone={NAME}", "--model.components=0"], "model.components=0: must be"),
        ([f"--model.backbone={NAME}", "--model.components=50"], "more than 50 training rows"),
        ([f"--model.backbone={NAME}", "--model.components=257"], f"{NAME} has 256 features"),
    ],
)
def test_complaints(
    wrong: list[str],
    message: str,
    flags: list[str],
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [f"--model.weights={weights}", *wrong]
    assert main(["train", *flags, *given, f"--logs={tmp_path}"]) != 0
    assert message in capsys.readouterr().err
    assert not list(tmp_path.glob("prices/version_*")), "no half-written run"


def test_weights_of_another_net(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save(timm.create_model("test_resnet").state_dict(), path)
    with pytest.raises(UserError, match=rf"{path}: not those of timm's {NAME}"):
        backbone(str(path))


def test_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Backbone(NAME, 1, 16, 1, 0.0)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(UserError, match=r"cannot be downloaded \(no route to host\); name a file"):
        net.load(None)


def test_without_timm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs timm, which is not installed: pip install"):
        Backbone(NAME, 1, 16, 1, 0.0)
