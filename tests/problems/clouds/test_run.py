"""Photos through the command line: what a run leaves, and predictions from its checkpoint."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.images.pretrained import TorchvisionNet
from problems.clouds.data import CloudsDataModule

SMALL = (
    "--config=clouds",
    "--data.image_size=24",
    "--data.batch_size=8",
    "--model.channels=[8,16]",
    "--trainer.max_epochs=3",
    "--trainer.enable_progress_bar=false",
)
AVERAGES = ("micro", "macro", "weighted")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clouds")


@pytest.fixture(scope="module")
def photos(folder: Path, write: Callable[[Path], Path]) -> Path:
    return write(folder / "photos")


@pytest.fixture(scope="module")
def trained(photos: Path, folder: Path) -> Path:
    assert main(["train", *SMALL, f"--data.root={photos}", f"--logs={folder / 'logs'}"]) == 0
    return (folder / "logs" / "clouds" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_results_are_by_the_names_of_the_classes(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["baseline"]["name"] == "training majority"
    averages = {f"{s}_{a}" for s in ("precision", "recall", "f1") for a in AVERAGES}
    assert set(results["metrics"]) == {"accuracy", *averages}
    assert list(results["per_class"]) == ["blue sky", "grey layer", "white heaps"]
    row = results["per_class"]["blue sky"]
    assert set(row) == {"precision", "recall", "f1", "support"}
    assert row["support"] == 4


def test_the_terminal_shows_the_classes(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "--run", str(trained), "--trainer.enable_progress_bar=false"]) == 0
    printed = capsys.readouterr().out
    for words in ("training majority", "f1_macro", "grey layer", "support"):
        assert words in " ".join(printed.split())


def test_figures(trained: Path) -> None:
    written = {path.stem for path in (trained / "figures").iterdir()}
    shared = {"confusion_matrix", "per_class", "worst_mistakes", "filters", "feature_maps"}
    assert written == shared
    events = EventAccumulator(str(trained / "val"))
    events.Reload()
    assert {f"figures/{name}" for name in shared | {"augmentation"}} == set(events.Tags()["images"])


def test_predictions_and_results_agree(trained: Path) -> None:
    rows = rows_of(trained / "predictions.csv")
    probabilities = [f"probability_{name}" for name in ("blue sky", "grey layer", "white heaps")]
    assert list(rows[0]) == ["file", "class", "prediction", *probabilities]
    assert rows[0]["file"] == "clouds_test/blue sky/0.png"
    results = json.loads((trained / "results.json").read_text())
    share = sum(row["class"] == row["prediction"] for row in rows) / len(rows)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(share)


@pytest.mark.parametrize("path", ["clouds_test", "clouds_test/grey layer/2.png"])
def test_a_checkpoint_alone_predicts(
    path: str, trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder or one photo, far from the run and from the photos that it was trained on."""
    checkpoint = tmp_path / "mine.ckpt"
    shutil.copy(trained / "checkpoints" / "best.ckpt", checkpoint)
    monkeypatch.chdir(tmp_path)
    flags = [f"--ckpt_path={checkpoint}", f"--data.input={photos / path}", "--data.root=/gone"]
    assert main(["predict", *flags, "--trainer.enable_progress_bar=false"]) == 0
    rows = rows_of(tmp_path / "predictions" / f"{Path(path).stem}.csv")
    assert list(rows[0])[:3] == ["file", "prediction", "probability_blue sky"]
    by_file = {
        row["file"].removeprefix("clouds_test/"): row
        for row in rows_of(trained / "predictions.csv")
    }
    name = "grey layer/" if path.endswith("png") else ""
    for row in rows:
        known = by_file[name + row["file"]]
        assert row["prediction"] == known["prediction"]
        probability = float(known["probability_blue sky"])
        assert float(row["probability_blue sky"]) == pytest.approx(probability, abs=1e-5)
    assert len(rows) == (1 if name else 12)


@pytest.mark.parametrize("name", ["classes=[a,b]", "image_size=64"])
def test_what_the_data_say_is_no_setting_of_the_model(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "--config=clouds", f"--model.{name}"]) == 2
    assert "is computed from the data" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["nothing.jpg", "empty"])
def test_an_input_that_is_not_there(
    missing: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    flags = [f"--data.input={tmp_path / missing}", "--trainer.enable_progress_bar=false"]
    assert main(["predict", "--run", str(trained), *flags]) == 2
    error = capsys.readouterr().err
    assert missing in error
    assert error.count("\n") == 1


def test_a_resumed_run_does_not_fetch_weights_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(TorchvisionNet, "load_pretrained", lambda net: fetched.append(net.name))
    flags = [f"--data.root={photos}", f"--logs={tmp_path}", "--model.net=squeezenet1_1"]
    assert main(["fit", *SMALL, *flags, "--model.weights=DEFAULT"]) == 0
    run = tmp_path / "clouds" / "version_0"
    assert main(["fit", "--run", str(run), "--trainer.max_epochs=4"]) == 0
    assert fetched == ["squeezenet1_1"]


def test_the_real_photos(real: Path) -> None:
    data = CloudsDataModule(root=real / "clouds", image_size=16)
    data.setup("fit")
    assert data.sizes()["test"] == 486
    assert sum(data.sizes().values()) == 474 - 5 + 486
    assert len(data.classes) == 7
