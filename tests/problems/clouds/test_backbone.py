"""Clouds with a pretrained backbone: frozen, resumed and fine-tuned."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image

from kindling.__main__ import main
from problems.clouds.model import CloudsModule
from tests.problems.clouds.conftest import write_photos

NAME = "test_efficientnet"  # 0.1 million weights


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    torch.manual_seed(7)
    torch.save(timm.create_model(NAME).state_dict(), tmp_path / "net.pth")
    root = write_photos(tmp_path / "photos")
    given = [f"--data.root={root}", "--data.image_size=[24, 32]", "--data.batch_size=8"]
    net = [f"--model.backbone={NAME}", f"--model.weights={tmp_path / 'net.pth'}"]
    return ["--config=clouds", *given, *net, "--model.layers=stages", "--model.schedule=constant"]


FROZEN = ["cached_views=3", "layers=[0,1]", "random_features=8"]
TRAINED_ON = ["freeze=false", "backbone_lr=0.3", "crop=0.5", "randaugment=9", "mixup=1", "cutmix=1"]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [FROZEN, TRAINED_ON], ids=["frozen", "trained"])
def test_a_resumed_run_goes_on_as_it_would_have(
    settings: list[str], flags: list[str], tmp_path: Path, kindling: Callable[..., int], logs: Path
) -> None:
    flags += [f"--model.{setting}" for setting in settings]
    assert kindling("train", *flags, "--trainer.max_epochs=4") == 0
    assert kindling("fit", *flags, "--trainer.max_epochs=2") == 0
    whole, stopped = (logs / "clouds" / f"version_{k}" for k in range(2))
    assert (whole / "results.json").exists()
    assert '"weights": "net.pth"' in (whole / "provenance.json").read_text()
    (tmp_path / "net.pth").unlink()
    assert main(["fit", f"--run={stopped}", "--trainer.max_epochs=4"]) == 0
    one, other = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    rows = [(run / "metrics.csv").read_text() for run in (whole, stopped)]
    assert rows[0] == rows[1]


@pytest.mark.slow
def test_of_many_classes_the_likeliest_are_listed(
    tmp_path: Path, kindling: Callable[..., int], logs: Path
) -> None:
    rng = np.random.default_rng(0)
    for split, count in (("train", 2), ("test", 1)):
        for kind in range(32):
            (folder := tmp_path / "many" / split / f"kind {kind:02}").mkdir(parents=True)
            for number in range(count):
                pixels = np.clip(8 * kind + rng.normal(0, 9, (16, 16, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    flags = [f"--data.root={tmp_path / 'many'}", "--data.image_size=16", "--model.channels=[8]"]
    flags += ["--config=clouds", "--trainer.max_epochs=1"]
    assert kindling("train", *flags) == 0
    run = logs / "clouds" / "version_0"
    rows = pd.read_csv(run / "predictions.csv")
    listed = [
        f"{what}{k}" for k in ("", "_2", "_3", "_4", "_5") for what in ("prediction", "probability")
    ]
    assert list(rows) == ["file", "class", *listed]
    assert (rows["probability"] >= rows["probability_2"]).all()
    scored = json.loads((run / "results.json").read_text())["metrics"]
    hit = rows[listed[::2]].eq(rows["class"], axis=0)
    assert scored["accuracy"]["value"] == pytest.approx(hit["prediction"].mean())
    assert scored["top5"]["value"] == pytest.approx(hit.any(axis=1).mean())
    assert (run / "figures" / "confused_pairs.png").exists()
    flags = [f"--run={run}", f"--data.input={tmp_path / 'many' / 'test'}"]
    assert main(["predict", *flags]) == 0
    assert list(pd.read_csv(run / "predictions" / "test.csv")) == ["file", *listed]
    heads = CloudsModule([f"class {k}" for k in range(32)], all_probabilities=True).heads
    assert not any(head.likeliest for head in heads.values())
