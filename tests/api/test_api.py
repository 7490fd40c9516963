"""Runs from Python, which say what the command line says."""

import contextlib
import doctest
import importlib
import io
import json
import logging
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

import kindling
from kindling.__main__ import main
from kindling.data import paths
from tests.api.conftest import Runs
from tests.engine.toy import ToyNet, ToyTable

INPUTS = {
    "potability": "potability/water_potability.csv",
    "timeseries": "timeseries/electricity_test.csv",
    "clouds": "clouds/clouds_test",
    "prices": "prices",
    "faces": "faces",
}


def raw(task: str) -> Path:
    """A file or a folder that the task's run predicts."""
    path = paths.SAMPLES / INPUTS[task]
    return next(iter(sorted(path.glob("*.csv")))) if task == "prices" else path


def predicted(run: Path, source: Path) -> pd.DataFrame:
    """What ``kindling predict`` writes."""
    quiet = "--trainer.enable_progress_bar=false"
    assert main(["predict", f"--run={run}", f"--data.input={source}", quiet]) == 0
    return pd.read_csv(run / "predictions" / f"{source.stem}.csv")


def same(found: pd.DataFrame, written: pd.DataFrame) -> None:
    as_written = pd.read_csv(io.StringIO(found.to_csv(index=False)))
    pd.testing.assert_frame_equal(as_written, written, rtol=1e-5, atol=1e-6)


SLOW = ("clouds", "prices", "faces")


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=pytest.mark.slow) if t in SLOW else t for t in INPUTS]
)
def test_predictions_are_those_of_the_command_line(task: str, run_of: Runs) -> None:
    folder, run = run_of(task), kindling.load(run_of(task))
    written = predicted(folder, raw(task))
    same(run.predict(raw(task)), written)
    if raw(task).suffix == ".csv":
        frame = pd.read_csv(raw(task))
        if task == "prices":
            os.chdir(raw(task).parent)  # its photos' paths are relative
        same(run.predict(frame), written)
    else:
        files = [raw(task) / name for name in written["file"]]
        listed = run.predict(files)
        assert listed["file"].tolist() == list(map(str, files))
        same(listed.drop(columns="file"), written.drop(columns="file"))


DOCUMENTED = ("", ".api.run", ".api.record", ".data.datamodule")


@pytest.mark.parametrize("module", [*DOCUMENTED, ".training.module", ".errors"])
def test_examples_of_the_docstrings(
    module: str,
    run_of: Runs,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_of("potability")
    if module == ".api.run":
        monkeypatch.setattr(paths, "LOGS", tmp_path)
    with contextlib.suppress(FileExistsError):
        (project / "data").mkdir()
        (project / "data" / "sample").symlink_to(paths.SAMPLES)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    found = importlib.import_module(f"kindling{module}")
    failed, tried = doctest.testmod(found, optionflags=flags)
    assert tried, "there are examples"
    assert not failed, capsys.readouterr().out


def test_the_package_is_there_without_torch() -> None:
    code = (
        "import sys, kindling, kindling.runs.folder as folder\n"
        "assert folder.BEST and callable(kindling.runs) and len(dir(kindling)) <= 10\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=paths.PROJECT)
    assert all(getattr(kindling, name) for name in dir(kindling))
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        kindling.lod  # noqa: B018


def state() -> list[Any]:
    """What a process has only one of."""
    loggers = ["lightning.pytorch", "kindling", "problems"]
    return [
        *(torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()),
        *(torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        *(dict(os.environ), list(warnings.filters)),
        *(random.getstate(), torch.get_rng_state().tolist()),
        np.random.get_state()[1].tolist(),  # noqa: NPY002 - what a user's own code may draw from
        *(signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)),
        *((logging.getLogger(n).level, list(logging.getLogger(n).handlers)) for n in loggers),
    ]


SMALL = {"trainer.max_epochs": 1, "trainer.enable_progress_bar": False}
TABLE = "tests.engine.toy.ToyTable"
NET = "tests.engine.toy.ToyNet"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task's file of settings."""
    monkeypatch.setattr(paths, "SAMPLES", tmp_path / "samples")
    file = tmp_path / "toy.yaml"
    file.write_text(f"model: {{class_path: {NET}}}\ndata: {{class_path: {TABLE}}}\n")
    return file


def test_the_process_is_as_it_was(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state()
    settings = SMALL | {"threads": 2, "trainer.deterministic": True, "logs": tmp_path}
    run = kindling.train(str(toy), settings, presets=["smoke"])
    assert capsys.readouterr().out.count("columns: ") == 1
    frame = pd.DataFrame({"a": [100.0, 120.0], "b": [0.1, None], "kind": ["x", "y"]})
    assert len(run.predict(frame)) == 2
    with pytest.raises(kindling.UserError):
        kindling.load(run.folder, {"model.hiden": 3})
    assert state() == before
    made = json.loads((run.folder / "provenance.json").read_text())
    assert "--threads=2" in made["command"]


def test_a_thread_other_than_the_first_can_train(toy: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(kindling.train, str(toy), SMALL | {"logs": tmp_path}).result()
    assert run.results["samples"] == 40


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A run whose predictions are its inputs, and its training file."""
    folder = tmp_path_factory.mktemp("coded")
    rows = {"a": [k % 7 + 1.5 for k in range(40)], "code": ["007", "08"] * 20}
    rows |= {"flag": ["false", "false", "true", "true"] * 10, "target": [k / 3 for k in range(40)]}
    pd.DataFrame(rows).to_csv(folder / "train.csv", index=False)
    config, own = folder / "coded.yaml", "tests.api.own"
    config.write_text(
        f"model: {{class_path: {own}.Codes}}\ndata: {{class_path: {own}.Coded}}\n"
        "trainer: {max_epochs: 1, enable_progress_bar: false}\n"
    )
    names = {"data.numbers": ["a"], "data.categories": ["code", "flag"]}
    settings = names | {"data.ignore": [], "logs": folder / "logs"}
    return kindling.train(str(config), settings, data=folder), folder / "train.csv"


def test_what_pandas_made_of_categories_is_what_the_file_says(coded: tuple[Any, Path]) -> None:
    run, file = coded
    expected = run.predict(file)["prediction"]
    assert expected[:3].tolist() == pytest.approx([1.61, 2.71, 3.62], 1e-5)
    frame = pd.read_csv(file)
    assert frame["code"].tolist()[:2] == [7, 8]
    assert frame["flag"].dtype == bool
    for given in (frame, frame.astype({"code": float}), frame.set_index("code")):
        pd.testing.assert_series_equal(run.predict(given)["prediction"], expected)
    rows = run.predict(np.array([[1.5, 7, 1], [2.5, 8, 0]], dtype=object))
    assert rows["prediction"].tolist() == pytest.approx(
        [1.6, 2.7], 1e-5
    )  # neither 1 nor 0 is a flag


REFUSED = {
    "of decimals or of thousands; give numbers": pd.DataFrame({"a": ["1.234", "2"]}),
    "the DataFrame, row 3, column 'a': 'x' is not a number": pd.DataFrame({"a": [1.5, "x"]}),
    "the DataFrame: no column 'a': the columns are b": pd.DataFrame({"b": [1]}),
    "the DataFrame: a header and no rows": pd.DataFrame({"a": []}),
    "an array of 2 columns, but the model was trained on 3: a, code, flag": np.zeros((4, 2)),
    "dict is not an input; give a path, a DataFrame": {"a": 1},
    "an empty list; give at least one photo": [],
    "no such file or folder": "nothing.csv",
    "photo 0: an array of float64; give bytes": np.zeros((4, 4, 3)),
    "photo 1: int is not an image": [Image.new("RGB", (4, 4)), 7],
}


@pytest.mark.parametrize("said", REFUSED)
def test_wrong_input_is_a_line(said: str, coded: tuple[Any, Path]) -> None:
    x = REFUSED[said]
    if isinstance(x, pd.DataFrame) and "a" in x:
        x = x.assign(code="007", flag="true")
    with pytest.raises(kindling.UserError) as raised:
        coded[0].predict(x)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert tempfile.gettempdir() not in str(raised.value)


@pytest.mark.parametrize(
    "command",
    [
        lambda: kindling.load("logs/none"),
        lambda: kindling.load(None),
        lambda: kindling.load("logs/none", ["trainer.accelerator=cpu"]),
        lambda: kindling.train("timeseries", "model.cell=gru"),
        lambda: kindling.train("timeseries", presets="smok"),
        lambda: kindling.train("timeserie"),
        lambda: kindling.train("timeseries", {"model.cel": "gru"}),
        lambda: kindling.train("timeseries", {"help": True}),
        lambda: kindling.train("timeseries", {"trainer.devices": 2, "trainer.accelerator": "cpu"}),
        lambda: kindling.train("timeseries", data="none"),
        lambda: kindling.runs("none"),
    ],
)
def test_a_mistake_is_a_line_and_leaves_no_run(command: Any, project: Path) -> None:
    before = sorted(project.rglob("config.yaml"))
    with pytest.raises(kindling.UserError) as raised:
        command()
    assert "\n" not in str(raised.value)
    assert sorted(project.rglob("config.yaml")) == before


def test_runs_are_a_table(coded: tuple[Any, Path]) -> None:
    run, _ = coded
    other = kindling.train(
        str(run.folder.parents[2] / "coded.yaml"),
        {"logs": run.folder.parents[1], "model.lr": 0.5, "data.numbers": ["a"], "data.ignore": []},
        data=run.folder.parents[2],
    )
    table = kindling.runs("coded", logs=run.folder.parents[1])
    assert table["run"].tolist() == [str(run.folder), str(other.folder)]
    assert table["model.lr"].tolist() == [0.001, 0.5]
    assert table["test/mae"].tolist() == [
        r.results["metrics"]["mae"]["value"] for r in (run, other)
    ]
    assert table["val/mae"].notna().all()
    assert str(table["start"].dtype).endswith("UTC]")


def test_photos_are_taken_as_paths_images_and_arrays(toy: Path, tmp_path: Path) -> None:
    own = "tests.engine.toy"
    toy.write_text(f"model: {{class_path: {own}.ToyConv}}\ndata: {{class_path: {own}.ToyPhotos}}\n")
    run = kindling.train(str(toy), SMALL | {"logs": tmp_path}, presets=["smoke"])
    files = sorted(run.data.root.glob("test/*/*.png"))[:4]
    paths_given = run.predict(files)
    assert paths_given["file"].tolist() == list(map(str, files))
    images = [Image.open(file) for file in files]
    pd.testing.assert_frame_equal(run.predict(images), paths_given)
    arrays = run.predict(np.stack([np.asarray(image) for image in images]))
    assert arrays["file"].tolist() == [f"photo {k}" for k in range(4)]
    pd.testing.assert_frame_equal(arrays.iloc[:, 1:], paths_given.iloc[:, 1:])
    assert len(run.predict(images[0])) == 1
    (tmp_path / "no.txt").write_text("text")
    mixed = run.predict([files[0], tmp_path / "no.txt"])
    assert mixed["error"].notna().tolist() == [False, True]
    assert "not an image that Pillow reads" in mixed["error"].iloc[1]


def test_a_module_of_lightning_s_own_is_loaded_and_refers_to_lightning(tmp_path: Path) -> None:
    demo = "lightning.pytorch.demos.boring_classes.Boring"
    config = tmp_path / "boring.yaml"
    config.write_text(
        f"model: {{class_path: {demo}Model}}\ndata: {{class_path: {demo}DataModule}}\n"
    )
    run = kindling.train(str(config), SMALL | {"logs": tmp_path, "trainer.limit_train_batches": 2})
    assert run.task == "boring_model"
    with pytest.raises(kindling.UserError, match="Trainer"):
        run.predict(np.zeros((2, 32)))


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*")
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*")
def test_the_classes_work_with_a_plain_trainer(tmp_path: Path, toy: Path) -> None:
    trainer = Trainer(max_epochs=1, default_root_dir=tmp_path, logger=False, accelerator="cpu")
    trainer.fit(ToyNet(), ToyTable())
    file = trainer.checkpoint_callback.best_model_path
    loaded = ToyNet.load_from_checkpoint(file)
    assert torch.equal(loaded.share, trainer.model.share)


@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
@pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*")
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*")
@pytest.mark.filterwarnings("ignore:No positive samples in targets")
@pytest.mark.slow
def test_the_page_on_python_runs_from_top_to_bottom(run_of: Runs, project: Path) -> None:
    run_of("potability")
    run_of("timeseries")
    with contextlib.suppress(FileExistsError):
        (project / "data").mkdir()
        (project / "data" / "sample").symlink_to(paths.SAMPLES)
    page = (paths.PROJECT / "docs" / "python.md").read_text()
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["run"].task == "timeseries"
