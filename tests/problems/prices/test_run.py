"""Prices through the command line: a run, its predictions, its resumption, its complaints."""

import csv
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from kindling.__main__ import main
from kindling.cli import lightning_cli as cli

SMALL = (
    "--config=prices",
    "--data.image_size=16",
    "--data.batch_size=8",
    "--model.channels=[8,8]",
    "--model.hidden=[16]",
    "--model.lr=1e-2",
    "--trainer.enable_progress_bar=false",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prices")


@pytest.fixture(scope="module")
def lots(folder: Path, write: Callable[[Path], Path]) -> Path:
    return write(folder / "lots")


@pytest.fixture(scope="module")
def trained(lots: Path, folder: Path) -> Path:
    flags = [f"--data.root={lots}", f"--logs={folder / 'logs'}", "--trainer.max_epochs=12"]
    assert main(["train", *SMALL, *flags]) == 0
    return (folder / "logs" / "prices" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_results_beat_the_training_median(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["samples"] == 12
    assert results["baseline"]["name"] == "training median"
    assert list(results["metrics"]) == ["mae", "mape", "median_ape", "r2", "rmse"]
    assert all(skill > 0.2 for skill in results["skill"].values())


def test_figures(trained: Path) -> None:
    written = {path.stem for path in (trained / "figures").iterdir()}
    assert written == {"predicted", "error_bands", "largest_errors"}


def test_predictions_results_and_file_agree(trained: Path, lots: Path) -> None:
    rows = pd.read_csv(trained / "predictions.csv")
    assert list(rows) == ["row", "lot", "price", "prediction"]
    source = pd.read_csv(lots / "lots.csv").iloc[rows["row"] - 2]
    assert rows["lot"].tolist() == source["lot"].tolist()
    assert rows["price"].tolist() == source["price"].tolist()
    share = np.abs(rows["prediction"] - rows["price"]) / rows["price"]
    metrics = json.loads((trained / "results.json").read_text())["metrics"]
    assert metrics["mape"]["value"] == pytest.approx(share.mean(), rel=1e-4)
    assert metrics["median_ape"]["value"] == pytest.approx(share.median(), rel=1e-4)


def test_a_checkpoint_alone_predicts(
    trained: Path, lots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows without a price, far from the run and from the table that it was trained on."""
    checkpoint = tmp_path / "mine.ckpt"
    shutil.copy(trained / "checkpoints" / "best.ckpt", checkpoint)
    shutil.copytree(lots / "photos", tmp_path / "elsewhere" / "photos")
    table = pd.read_csv(lots / "lots.csv").drop(columns=["price", "lot"])
    table.to_csv(tmp_path / "elsewhere" / "new.csv", index=False)
    monkeypatch.chdir(tmp_path)
    flags = [f"--ckpt_path={checkpoint}", f"--data.input={tmp_path / 'elsewhere' / 'new.csv'}"]
    quiet = ["--data.root=/gone", "--trainer.enable_progress_bar=false"]
    assert main(["predict", *flags, *quiet]) == 0
    said = rows_of(tmp_path / "predictions" / "new.csv")
    assert list(said[0]) == ["row", "prediction"]
    assert len(said) == 60
    by_row = {row["row"]: float(row["prediction"]) for row in said}
    for row in rows_of(trained / "predictions.csv"):
        assert by_row[row["row"]] == pytest.approx(float(row["prediction"]), rel=1e-4)


@pytest.mark.parametrize("branch", ["photos", "table"])
def test_a_branch_alone_trains_and_predicts(branch: str, lots: Path, tmp_path: Path) -> None:
    flags = [f"--data.root={lots}", f"--logs={tmp_path}", "--trainer.max_epochs=2"]
    chosen = [f"--data.use_{name}={name == branch}".lower() for name in ("photos", "table")]
    assert main(["train", *SMALL, *chosen, *flags]) == 0
    run = tmp_path / "prices" / "latest"
    table = pd.read_csv(lots / "lots.csv")
    kept = ["front", "back"] if branch == "photos" else ["area", "place", "zipcode"]
    table[kept].to_csv(lots / f"{branch}.csv.new", index=False)
    flags = [f"--data.input={lots / f'{branch}.csv.new'}", "--trainer.enable_progress_bar=false"]
    assert main(["predict", f"--run={run}", *flags]) == 0
    state = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    branches = {name.split(".")[1] for name in state if name.startswith("net.")}
    assert branches == {branch, "readout"}


class StopAt(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        if trainer.global_step == self.step:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("step", [5, 7])
def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    step: int, lots: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Augmentation, dropout and hidden categories included, at an epoch's end and in mid-epoch."""
    settings = ["--model.dropout=0.3", "--model.hide=0.3", "--model.rotation=20"]
    flags = [*SMALL, *settings, f"--data.root={lots}", f"--logs={tmp_path}"]
    flags.append("--trainer.max_epochs=3")
    assert main(["fit", *flags]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(cli, "GradientNorms", lambda: StopAt(step))
        assert main(["fit", *flags]) == 130
    whole, stopped = tmp_path / "prices" / "version_0", tmp_path / "prices" / "version_1"
    torch.manual_seed(99)
    assert main(["fit", "--run", str(stopped), "--trainer.enable_progress_bar=false"]) == 0
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (whole, stopped)
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert (
        rows_of(whole / "metrics.csv")[-1]["val/loss"]
        == rows_of(stopped / "metrics.csv")[-1]["val/loss"]
    )


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("photos/3_back.png", "no photo", "3_back.png: not an image that Pillow reads"),
        ("photos/3_back.png", None, "row 5, column 'back': 'photos/3_back.png': no such file"),
        (
            "lots.csv",
            "a,price\n5,2\n" + "4,0\n" * 20,
            "row 3, column 'price': '0' has no logarithm",
        ),
        ("lots.csv", "a,price\n" + ",2\n" * 20, "no column to learn from"),
        ("more.csv", "a\n1\n", "name the table by --data.table: lots.csv, more.csv"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_no_run(
    file: str,
    content: str | None,
    message: str,
    lots: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "harmed"
    shutil.copytree(lots, root)
    if content is None:
        (root / file).unlink()
    else:
        (root / file).write_text(content)
    assert main(["fit", *SMALL, f"--data.root={root}", f"--logs={tmp_path / 'logs'}"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("model.views=2", "model.views is computed from the data"),
        ("model.vocabularies=[2]", "model.vocabularies is computed from the data"),
        ("model.log_price=false", "model.log_price is computed from the data (data.log_price)"),
        ("model.use_photos=false", "no such option; did you mean data.use_photos?"),
        ("model.merge=mean", "no such choice"),
    ],
)
def test_settings_that_are_none(
    flag: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config=prices", f"--{flag}"]) == 2
    assert message in capsys.readouterr().err


def test_what_was_trained_with_photos_is_not_tested_without(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["test", f"--run={trained}", "--data.use_photos=false"]) == 2
    assert "data.use_photos: the checkpoint was trained with True" in capsys.readouterr().err


def test_the_real_houses(real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By flags, as one would type them; and by the preset."""
    short = ["--config=smoke", "--data.image_size=16", "--model.channels=[8]", f"--logs={tmp_path}"]
    flags = [f"--data.root={real / 'houses'}", "--trainer.enable_progress_bar=false", *short]
    named = ["--data.table=houses_362.csv", "--data.target=price"]
    said = []
    for how in (named, ["--config=prices_houses"]):
        assert main(["train", "--config=prices", *how, *flags]) == 0
        said += [x for x in capsys.readouterr().out.splitlines() if x.startswith("columns")]
    assert (
        said
        == [
            "columns: numbers bedrooms, bathrooms, area; categories zipcode (7); photos frontal, "
            "bedroom, kitchen, bathroom; identifiers house; target price"
        ]
        * 2
    )
