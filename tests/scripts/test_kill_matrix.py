"""The script that kills runs of every problem: it sees a difference, and finds none."""

import runpy
import shutil
from pathlib import Path

import pytest
import torch

from kindling.data import paths
from kindling.runs import checkpoints

MATRIX = runpy.run_path(str(paths.PROJECT / "scripts" / "kill_matrix.py"))
TASKS = [task for task in MATRIX["TASKS"] if (paths.CONFIGS / f"{task}.yaml").exists()]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_the_whole_matrix(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert MATRIX["main"](["--tasks", task, "--workers", "0", "2"]) == 0
    assert capsys.readouterr().out.count("bit-equal") == 2 * len(MATRIX["MOMENTS"])


@pytest.mark.slow
@pytest.mark.skipif(not TASKS, reason="no problem is left")
def test_a_difference_is_seen(tmp_path: Path) -> None:
    expected, other = MATRIX["run"](TASKS[0], 0, tmp_path / "whole"), tmp_path / "other"
    shutil.copytree(expected, other)
    last = other / "checkpoints" / "last.ckpt"
    checkpoint = checkpoints.load(last)
    next(value for value in checkpoint["state_dict"].values()).view(-1)[0] += 1e-3
    torch.save(checkpoint, last)
    (other / "predictions.csv").write_text("")
    assert MATRIX["differences"](expected, other) == ["state_dict", "predictions.csv"]
