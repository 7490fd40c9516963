"""Photos through the command line: what a run leaves, and predictions from its checkpoint."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kindling.__main__ import main
from kindling.images.pretrained import TorchvisionNet
from problems.clouds.data import CloudsDataModule
from tests.problems.clouds.conftest import write_photos

QUIET = "--trainer.enable_progress_bar=false"
SMALL = ("--config=clouds", "--data.image_size=24", "--data.batch_size=8", QUIET)
KINDS = ["blue sky", "grey layer", "white heaps"]
AVERAGES = ("micro", "macro", "weighted")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("clouds") / "photos")


@pytest.fixture(scope="module")
def trained(photos: Path) -> Path:
    flags = ["--model.channels=[8,16]", "--trainer.max_epochs=3", f"--data.root={photos}"]
    assert main(["train", *SMALL, *flags, f"--logs={photos.parent}"]) == 0
    return (photos.parent / "clouds" / "latest").resolve()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_results_and_predictions_are_by_the_names_of_the_classes(trained: Path) -> None:
    results = json.loads((trained / "results.json").read_text())
    assert results["baseline"]["name"] == "training majority"
    averages = {f"{s}_{a}" for s in ("precision", "recall", "f1") for a in AVERAGES}
    assert set(results["metrics"]) == {"accuracy", *averages}
    assert list(results["per_class"]) == KINDS
    row = results["per_class"]["blue sky"]
    assert set(row) == {"precision", "recall", "f1", "support"}
    assert row["support"] == 4
    rows = rows_of(trained / "predictions.csv")
    columns = ["file", "class", "prediction", *(f"probability_{kind}" for kind in KINDS)]
    assert list(rows[0]) == columns
    assert rows[0]["file"] == "clouds_test/blue sky/0.png"
    share = sum(row["class"] == row["prediction"] for row in rows) / len(rows)
    assert results["metrics"]["accuracy"]["value"] == pytest.approx(share)


def test_figures(trained: Path) -> None:
    written = {path.stem for path in (trained / "figures").iterdir()}
    shared = {"confusion_matrix", "per_class", "worst_mistakes", "filters", "feature_maps"}
    assert written == shared
    events = EventAccumulator(str(trained / "val"))
    events.Reload()
    assert {f"figures/{name}" for name in shared | {"augmentation"}} == set(events.Tags()["images"])


@pytest.mark.parametrize("path", ["clouds_test", "clouds_test/grey layer/2.png"])
def test_a_checkpoint_alone_predicts(
    path: str, trained: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder or one photo, far from the run and from the photos that it was trained on."""
    shutil.copy(trained / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt")
    monkeypatch.chdir(tmp_path)
    flags = [f"--data.input={photos / path}", "--data.root=/gone", QUIET]
    assert main(["predict", "--ckpt_path=mine.ckpt", *flags]) == 0
    known = {row["file"]: row for row in rows_of(trained / "predictions.csv")}
    rows = rows_of(tmp_path / "predictions" / f"{Path(path).stem}.csv")
    assert len(rows) == (1 if path.endswith("png") else 12)
    for row in rows:
        assert list(row)[:3] == ["file", "prediction", "probability_blue sky"]
        above = Path(path) if len(rows) > 1 else Path(path).parent
        expected = known[(above / row["file"]).as_posix()]
        assert row["prediction"] == expected["prediction"]
        probability = float(expected["probability_blue sky"])
        assert float(row["probability_blue sky"]) == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("missing", ["nothing.jpg", "empty"])
def test_an_input_that_is_not_there(
    missing: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    flags = [f"--data.input={tmp_path / missing}", QUIET]
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
    quick = ["--model.weights=DEFAULT", "--trainer.max_epochs=1"]
    assert main(["fit", *SMALL, *flags, *quick]) == 0
    run = tmp_path / "clouds" / "version_0"
    assert main(["fit", "--run", str(run), "--trainer.max_epochs=2"]) == 0
    assert fetched == ["squeezenet1_1"]


def test_the_real_photos(real: Path) -> None:
    data = CloudsDataModule(root=real / "clouds", image_size=16)
    data.setup("fit")
    assert data.sizes()["test"] == 486
    assert sum(data.sizes().values()) == 474 - 5 + 486
    assert len(data.classes) == 7
