"""Runs from Python, which say what the command line says."""

import contextlib
import doctest
import importlib
import io
import json
import logging
import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import kindling
from kindling.__main__ import main
from kindling.data import paths
from tests.api.conftest import Runs

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


@pytest.mark.parametrize("task", INPUTS)
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
