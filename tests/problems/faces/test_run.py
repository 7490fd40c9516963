"""Faces through the command line: strangers, one head alone."""

from pathlib import Path

import pytest
import timm
import torch

from kindling.__main__ import main
from tests.problems.faces.conftest import results_of, rows_of

SMALL = (
    "--config=faces", "--data.image_size=24", "--data.batch_size=8", "--model.channels=[8,16]",
    "--trainer.max_epochs=2", "--trainer.enable_progress_bar=false",
)  # fmt: skip


def test_by_person_the_identity_is_trained_and_not_scored(
    faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data.by=person", f"--data.root={faces}", f"--logs={tmp_path}"]
    assert main(["train", *SMALL, *flags]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    run = (tmp_path / "faces" / "latest").resolve()
    results = results_of(run)
    assert set(results["metrics"]) == {"age/mae", "age/rmse"}
    assert results["known_targets"]["identity"] == 0
    assert "are of people not in the training split: their identity is not scored" in printed
    assert f"targets identity, 0 of {results['samples']} samples: not scored" in printed
    assert {path.stem.partition("_")[0] for path in (run / "figures").iterdir()} == {"age"}
    last = rows_of(run / "metrics.csv")[-1]
    assert "train/identity/accuracy" in last
    assert "val/identity/accuracy" not in last


@pytest.mark.slow
def test_a_frozen_net_may_see_the_faces(faces: Path, tmp_path: Path) -> None:
    torch.save(timm.create_model("test_efficientnet").state_dict(), tmp_path / "net.pth")
    net = ["--model.backbone=test_efficientnet", f"--model.weights={tmp_path / 'net.pth'}"]
    flags = [f"--data.root={faces}", f"--logs={tmp_path}", "--model.cached_views=2"]
    assert main(["train", *SMALL, *net, *flags]) == 0
    run = (tmp_path / "faces" / "latest").resolve()
    assert {"identity/accuracy", "age/mae"} <= set(results_of(run)["metrics"])
    saved = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    given = torch.load(tmp_path / "net.pth", weights_only=True)
    assert torch.equal(saved["net.trunk.net.conv_stem.weight"], given["conv_stem.weight"])


@pytest.mark.parametrize("head", ["identity", "age"])
def test_one_head_alone_has_plain_names(head: str, faces: Path, tmp_path: Path) -> None:
    flags = [f"--config=faces_{head}", f"--data.root={faces}", f"--logs={tmp_path}"]
    assert main(["train", *SMALL, *flags, "--trainer.max_epochs=1"]) == 0
    run = (tmp_path / "faces" / "latest").resolve()
    expected = {"identity": {"accuracy", "top5"}, "age": {"mae", "rmse"}}[head]
    assert set(results_of(run)["metrics"]) == expected
    columns = set(rows_of(run / "predictions.csv")[0])
    assert {"file", head, "prediction"} <= columns
    assert ("probability_Ann" in columns) == (head == "identity")
