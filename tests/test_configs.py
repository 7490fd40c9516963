"""Every YAML under configs trains through the command line, and is as short as it should be."""

import json
import math
import os
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import yaml

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths

TASKS = arguments.names(paths.CONFIGS)
COMMITTED = sorted(paths.CONFIGS.glob("*.yaml")) + sorted(paths.PRESETS.glob("*.yaml"))
OF_REAL_SETS = {"prices_houses": "houses"}
"""Presets that name columns of a real set, which the sample does not have."""

QUICK = ("potability",)
"""Tasks whose half precision is tried in every run of the tests."""

ELSEWHERE = re.compile(
    "ddp|fsdp|mlflow|wandb|overfit|profile|.*_(pretrained|finetuned|course|trees|linear)"
)
"""Presets of packages, processes and nets that have quick tests of their own."""


@pytest.mark.filterwarnings(
    # Of MLflow on SQLAlchemy 2.1, when it is imported.
    "ignore:The ``noload`` loader strategy:sqlalchemy.exc.SADeprecationWarning"
)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[pytest.mark.slow] if ELSEWHERE.match(path.stem) else [])
        for path in COMMITTED
    ],
    ids=lambda path: path.stem,
)
def test_trains(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    task = path.stem if path.parent == paths.CONFIGS and path.stem != "trainer" else task_of(path)
    flags = [f"--config={task}"] + ([f"--config={path}"] if path.stem != task else [])
    if path.stem.endswith(("_pretrained", "_finetuned")):  # which nothing here may download
        timm = pytest.importorskip("timm")
        weights = tmp_path / "initial.pth"
        torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), weights)
        flags += [f"--model.weights={weights}", "--data.image_size=64"]
    if name := OF_REAL_SETS.get(path.stem):
        flags.append(f"--data.root={request.getfixturevalue('real') / name}")
    batches = [] if path.stem == "overfit" else ["train", "val"]
    limits = [f"--trainer.limit_{part}_batches=2" for part in (*batches, "test")]
    epochs, command = 1 + (path.stem == "overfit"), "train" if path.stem == task else "fit"
    quiet = [f"--logs={tmp_path}", "--trainer.enable_progress_bar=false"]
    # What Lightning's launcher notes in the environment, later tests' processes would go by.
    with patch.dict(os.environ):
        flags += [f"--trainer.max_epochs={epochs}", *limits, *quiet]
        assert main([command, *flags]) == 0
    run = (tmp_path / task / "latest").resolve()
    saved = yaml.safe_load((run / "config.yaml").read_text())
    assert saved["trainer"]["max_epochs"] == epochs
    assert (run / "results.json").exists() == (command == "train")
    assert not torch.distributed.is_initialized(), "what comes next is for one process"


def task_of(preset: Path) -> str:
    """A preset belongs to the task that begins its name, or to any."""
    known = [task for task in TASKS if preset.stem.startswith(task)] or TASKS[-1:]
    return known[0] if known else pytest.skip("there is no problem to train")


@pytest.mark.parametrize(
    "task", [pytest.param(t, marks=[] if t in QUICK else pytest.mark.slow) for t in TASKS]
)
def test_half_precision_trains_and_reports(
    task: str, kindling: Any, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--config={task}", "--config=smoke", "--trainer.precision=bf16-mixed"]
    status, error = kindling("train", *flags), capsys.readouterr().err
    if status and "this processor lacks what the precision needs" in error:
        pytest.skip("an LSTM in bfloat16 needs AVX-512 or a GPU")
    assert status == 0
    run = logs / task / "latest"
    assert list((run / "figures").glob("*.png"))
    metrics = json.loads((run / "results.json").read_text())["metrics"]
    assert all(math.isfinite(score["value"]) for score in metrics.values())


@pytest.mark.parametrize("task", TASKS)
def test_help_is_about_a_screen(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", task, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 90
    assert max(map(len, lines)) <= 100
    for line in lines:
        if re.match(r"  --(model|data)\.", line):
            assert re.search(r"\S  +\S", line[2:]), f"says what it does: {line}"


def test_is_short_and_says_in_its_first_line_what_it_is() -> None:
    for path in COMMITTED:
        limit = 10 if path.parent == paths.PRESETS else 20
        assert len(path.read_text().splitlines()) <= limit, path
        assert path.read_text().startswith("# "), path
