"""Exported models say what their checkpoints say, to whoever has neither kindling nor torch."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import torch

from kindling.__main__ import main
from kindling.data import paths
from kindling.tools.export import program
from tests.engine.toy import QUIET, ToyNet
from tests.tools.export.conftest import Exported, Run

PAGE = (paths.PROJECT / "docs" / "export.md").read_text()
TABLE, PHOTOS, _ = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SLOW = pytest.mark.slow
SEQUENCE, OFFER = ["window", "calendar"], ["photos", "numbers", "codes"]
CASES = [
    ("timeseries", "--model.cell=gru", SEQUENCE),
    ("timeseries", "--model.cell=rnn --model.layers=2", SEQUENCE),
    ("timeseries", "--model.members=2 --model.folded=true --model.patch=3", SEQUENCE),
    ("timeseries", "--data.calendar=false --data.lags=[]", ["window"]),
    ("prices", "", OFFER),
    ("prices", "--data.use_photos=false", ["numbers", "codes"]),
    ("prices", "--data.use_table=false", ["photos"]),
    ("potability", "", ["features"]),
    ("potability", "--model.indicators=true --model.batch_norm=true", ["features"]),
    ("clouds", "", ["image"]),
    ("clouds", "--model.net=resnet18 --data.image_size=32", ["image"]),
    ("faces", "", ["image"]),
    ("faces", "--model.age_output=classification", ["image"]),
    ("faces", "--model.use_identity=false", ["image"]),
]
CASES = [case for case in CASES if (paths.CONFIGS / f"{case[0]}.yaml").is_file()]
SHORT = (("potability", ""),)
OUTPUTS = {
    "timeseries": ["value"],
    "prices": ["price"],
    "potability": ["potability"],
    "clouds": ["cloud"],
    "faces": ["identity", "age"],
}


@pytest.mark.parametrize(
    ("task", "flags", "inputs"),
    [pytest.param(*case, marks=[] if case[:2] in SHORT else SLOW) for case in CASES],
)
def test_every_kind_of_input_and_head(
    exported: Exported, task: str, flags: str, inputs: list[str]
) -> None:
    card = exported(task, *flags.split())
    assert [entry["name"] for entry in card["inputs"]] == inputs
    assert all(entry["shape"][0] == "batch" and entry["unit"] for entry in card["inputs"])
    heads = ["age"] if "--model.use_identity=false" in flags else OUTPUTS[task]
    assert [entry["name"] for entry in card["outputs"]] == heads
    assert card["checked"]["samples"] == 100
    graph = onnx.load(card["folder"] / "model.onnx").graph
    for tensor in (*graph.input, *graph.output):
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_what_the_description_says(exported: Exported) -> None:
    card = exported("toy")
    [features], [output] = card["inputs"], card["outputs"]
    assert features["shape"] == ["batch", 2]
    assert features["type"] == "float32"
    assert features["columns"] == ["a", "b"]
    assert output["classes"] == ["0", "1"]
    assert output["meaning"] == "probability that label is 1"
    run = card["folder"].parent
    provenance = json.loads((run / "provenance.json").read_text())
    assert card["origin"]["data"] == {"sample": False, "sha256": provenance["data"]["sha256"]}
    assert card["origin"]["trained_by"] == provenance["git"]
    assert card["origin"]["checkpoint"] == "checkpoints/best.ckpt"
    assert {"torch", "onnx", "onnxruntime"} <= card["versions"].keys()
    names = {path.name for path in card["folder"].iterdir()}
    assert names == {"model.json", "model.onnx", "model.pt2"}


@pytest.mark.parametrize("size", [1, 7, 100, 513])
def test_batches_of_any_size_holes_included(exported: Exported, size: int) -> None:
    """Beside the model as its class has it."""
    folder = exported("toy")["folder"]
    rows = np.random.default_rng(0).normal(50, 30, (size, 2)).astype(np.float32)
    rows[::2, 1], rows[-1] = np.nan, np.nan
    model = ToyNet.load_from_checkpoint(
        folder.parent / "checkpoints" / "best.ckpt", map_location="cpu", weights_only=True
    ).eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(rows)).sigmoid().numpy()
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    [output] = session.run(["label"], {"numbers": rows})
    np.testing.assert_allclose(output, expected, atol=1e-6)
    program = torch.export.load(folder / "model.pt2").module()
    output = program({"numbers": torch.from_numpy(rows)})["label"].detach().numpy()
    np.testing.assert_allclose(output, expected, atol=1e-6)


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., str]:
    """Runs a script where importing torch or kindling fails."""
    for name in ("torch", "kindling", "lightning"):
        (tmp_path / "none" / name).mkdir(parents=True)
        (tmp_path / "none" / name / "__init__.py").write_text(f"raise ImportError('{name}')")

    def run(script: str, *args: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "none")}
        command = [sys.executable, "-W", "error", "-c", script, *args]
        failing = subprocess.run([sys.executable, "-c", "import torch"], env=environment,
                                 capture_output=True, check=False)  # fmt: skip
        assert failing.returncode != 0
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def needs(task: str) -> pytest.MarkDecorator:
    there = (paths.CONFIGS / f"{task}.yaml").is_file()
    return pytest.mark.skipif(not there, reason=f"{task} was deleted")


def predicted(run: Path, source: Path) -> pd.DataFrame:
    assert main(["predict", "--run", str(run), f"--data.input={source}", QUIET]) == 0
    return pd.read_csv(run / "predictions" / f"{source.stem}.csv")


@needs("potability")
def test_the_page_s_script_for_a_table(
    exported: Exported, alone: Callable[..., str], tmp_path: Path
) -> None:
    assert len(list(filter(None, TABLE.splitlines()))) <= 11
    folder = exported("potability")["folder"]
    rows = pd.read_csv(paths.SAMPLES / "potability" / "water_potability.csv")[:40]
    source = tmp_path / "new.csv"
    rows.drop(columns="Potability")[rows.columns[:-1][::-1]].to_csv(source, index=False)
    output = [float(word) for word in alone(TABLE, str(folder), str(source)).split()]
    expected = predicted(folder.parent, source)["probability_1"]
    np.testing.assert_allclose(output, expected, atol=1e-4)


@SLOW
@needs("clouds")
def test_the_page_s_script_for_photos(exported: Exported, alone: Callable[..., str]) -> None:
    assert len(list(filter(None, PHOTOS.splitlines()))) <= 10
    folder = exported("clouds")["folder"]
    photo = next((paths.SAMPLES / "clouds" / "clouds_test").rglob("*.*"))
    label, _, share = alone(PHOTOS, str(folder), str(photo)).strip().rpartition(" ")
    row = predicted(folder.parent, photo).iloc[0]
    assert label == row["prediction"]
    assert float(share) == pytest.approx(row[f"probability_{label}"], abs=1e-4)


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """A run of its own, not yet exported."""
    folder = tmp_path / "logs" / "toy" / "version_0"
    shutil.copytree(run("toy"), folder, ignore=shutil.ignore_patterns("export"))
    return folder


Refuse = Callable[..., str]


@pytest.fixture
def refuse(copy: Path, refused: Refuse) -> Refuse:
    """Exports, and returns the one line of why it is refused."""

    def run(*flags: str) -> str:
        before = sorted(copy.rglob("*"))
        message = refused("export", "--run", str(copy), *flags)
        assert sorted(copy.rglob("*")) == before, "nothing half-written is left"
        return message

    return run


def test_what_differs_is_not_exported(
    copy: Path, refuse: Refuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = program.predict

    def wrong(*args: Any) -> Any:
        return {name: v + 1e-3 for name, v in sound(*args).items()}

    assert main(["export", "--run", str(copy), "--format=torch"]) == 0
    (copy / "export" / "notes.txt").write_text("mine")
    whole = (copy / "export" / "model.pt2").read_bytes()
    monkeypatch.setattr(program, "predict", wrong)
    message = refuse("--format=torch")
    assert "model.pt2 differs from the checkpoint in label: not exported: " in message
    assert (copy / "export" / "model.pt2").read_bytes() == whole, "an earlier export stays"
    assert (copy / "export" / "notes.txt").exists()


def branching(model: ToyNet, batch: Any) -> Any:
    return {"label": batch.numbers[:, 0 if batch.numbers[0, 1] > 0 else 1]}


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (branching, "ToyNet: cannot be exported by torch.export"),
        (lambda model, batch: {"label": torch.zeros(3)}, "predicts from no field of a batch"),
    ],
)
def test_a_model_that_no_graph_can_say(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, predict: Callable[..., Any], message: str
) -> None:
    monkeypatch.setattr(ToyNet, "predict", predict)
    assert message in refuse()


def test_without_the_packages(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install -e '.[export]'" in refuse()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--data.root=none"], "none: no such folder"),
        (["--model.hidden=[5]"], "does not fit the configured model"),
        (["--data.rot=x"], "data.rot: no such option"),
        (["--run=logs/none"], "logs/none: no such run"),
        (["--ckpt_path=last"], "best checkpoint is exported: leave it out"),
    ],
)
def test_flags_that_are_wrong(copy: Path, refuse: Refuse, flags: list[str], message: str) -> None:
    (copy / "checkpoints" / "last.ckpt").unlink()
    assert message in refuse(*flags)
