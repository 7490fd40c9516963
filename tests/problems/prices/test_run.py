"""Prices through the command line: a branch alone, a frozen net, the real houses."""

import csv
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import timm
import torch

from kindling.__main__ import main

SMALL = (
    "--config=prices", "--data.image_size=16", "--data.batch_size=8", "--model.channels=[8,8]",
    "--model.hidden=[16]", "--model.lr=1e-2", "--trainer.enable_progress_bar=false",
)  # fmt: skip
NAME = "test_efficientnet"  # 0.1 million weights


@pytest.mark.parametrize("branch", ["photos", "table"])
@pytest.mark.slow
def test_a_branch_alone_trains_and_predicts(branch: str, lots: Path, tmp_path: Path) -> None:
    flags = [f"--data.root={lots}", f"--logs={tmp_path}", "--trainer.max_epochs=2"]
    assert main(["train", *SMALL, f"--config=prices_{branch}", *flags]) == 0
    table = pd.read_csv(lots / "lots.csv")
    kept = ["front", "back"] if branch == "photos" else ["area", "place", "zipcode"]
    table[kept].to_csv(lots / f"{branch}.csv.new", index=False)
    flags = [f"--data.input={lots / f'{branch}.csv.new'}", "--trainer.enable_progress_bar=false"]
    assert main(["predict", f"--run={tmp_path / 'prices' / 'latest'}", *flags]) == 0


# A frozen net.


@pytest.fixture(scope="module")
def frozen(lots: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Weights that are not the initial ones, with the classifier that timm's files have."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(timm.create_model(NAME).state_dict(), path)
    net = [f"--model.backbone={NAME}", f"--model.weights={path}", "--model.trees=20"]
    return [*SMALL, f"--data.root={lots}", *net]


@pytest.mark.slow
def test_what_was_looked_up_scores_as_what_is_looked_at(
    frozen: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In training, photos are seen once, before the first epoch; afterwards each time."""
    assert main(["train", *frozen, f"--logs={tmp_path}", "--trainer.max_epochs=12"]) == 0
    run = (tmp_path / "prices" / "latest").resolve()
    assert json.loads((run / "results.json").read_text())["skill"]["mape"] > 0.3
    assert "timm" in json.loads((run / "provenance.json").read_text())["packages"]
    with (run / "metrics.csv").open(newline="") as stream:
        epochs = [row for row in csv.DictReader(stream) if row["val/loss"]]
    best = min(epochs, key=lambda row: float(row["val/loss"]))
    capsys.readouterr()
    assert main(["validate", "--run", str(run)]) == 0
    printed = re.search(r" mape +([\d.]+) ", capsys.readouterr().out)
    assert printed is not None
    assert float(printed[1]) == pytest.approx(float(best["val/mape"]), rel=1e-3)


def test_a_resumed_run_goes_on_as_it_would_have_and_needs_no_weights(
    frozen: list[str], tmp_path: Path
) -> None:
    copy = shutil.copy(frozen[-2].partition("=")[2], tmp_path / "net.pth")
    given = [*frozen, f"--model.weights={copy}", "--model.schedule=constant", f"--logs={tmp_path}"]
    assert main(["fit", *given, "--trainer.max_epochs=4"]) == 0
    assert main(["fit", *given, "--trainer.max_epochs=2"]) == 0
    whole, stopped = (tmp_path / "prices" / f"version_{k}" for k in range(2))
    Path(copy).unlink()
    assert main(["fit", "--run", str(stopped), "--trainer.max_epochs=4"]) == 0
    one, other = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_what_looks_before_training_sees_the_pretrained_net(
    frozen: list[str], tmp_path: Path
) -> None:
    """The search for a learning rate runs before the first epoch, and needs finite losses."""
    flags = ["--trainer.callbacks+=LearningRateFinder", f"--logs={tmp_path}"]
    assert main(["fit", *frozen, *flags, "--trainer.max_epochs=12"]) == 0
    metrics = pd.read_csv(tmp_path / "prices" / "latest" / "metrics.csv")
    assert metrics["lr"].iloc[0] not in (0, 1e-2), "the rate of the finder"


def test_the_real_houses(real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By flags, as one would type them; and by the preset."""
    flags = [f"--data.root={real / 'houses'}", f"--logs={tmp_path}", "--model.channels=[8]"]
    flags += ["--config=smoke", "--data.image_size=16", "--trainer.enable_progress_bar=false"]
    for how in (["--data.table=houses_362.csv"], ["--config=prices_houses"]):
        assert main(["train", "--config=prices", *how, *flags]) == 0
        assert (
            "columns: numbers bedrooms, bathrooms, area; categories zipcode (7); photos frontal, "
            "bedroom, kitchen, bathroom; identifiers house; target price\n"
        ) in (printed := capsys.readouterr().out)
        assert "train 232, val 58, test 72" in printed
