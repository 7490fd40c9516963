"""The finder reports and leaves no trace: the run after them is the run without them."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.__main__ import main
from kindling.cli import arguments
from kindling.data import paths

TASKS = arguments.names(paths.CONFIGS)
FINDER = "--config=lr_find"


def fit(logs: Path, task: str, *flags: str) -> Path:
    small = ["--config=smoke", "--trainer.enable_progress_bar=false", "--threads=1"]
    assert main(["fit", f"--config={task}", *small, f"--logs={logs}", *flags]) == 0
    return logs / task / "version_0"


def same(this: Any, other: Any) -> bool:
    """Whether two parts of checkpoints are equal to the last bit."""
    if isinstance(this, torch.Tensor):
        return torch.equal(this.nan_to_num(), other.nan_to_num())
    if isinstance(this, Mapping):
        return this.keys() == other.keys() and all(same(this[key], other[key]) for key in this)
    if isinstance(this, list | tuple):
        return len(this) == len(other) and all(map(same, this, other))
    return bool(this == other)


def alike(found: Path, plain: Path) -> None:
    for name in ("last.ckpt", "best.ckpt"):
        both = [torch.load(run / "checkpoints" / name) for run in (found, plain)]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "loops", "scores"):
            assert same(both[0][part], both[1][part]), f"{name}: {part}"
        assert both[0]["global_step"] == both[1]["global_step"]
    assert (found / "metrics.csv").read_bytes() == (plain / "metrics.csv").read_bytes()


def test_the_run_is_the_one_without(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With dropout, which draws in each step, and a split in an order that the seed decides."""
    found = fit(logs / "found", "potability", FINDER)
    said = capsys.readouterr().out
    assert re.search(r"\nlr finder    suggests \d\.\de-\d+, the run keeps 0\.001\n", said)
    alike(found, fit(logs / "plain", "potability"))
    assert [path.name for path in (found / "figures").iterdir()] == ["lr_find.png"]
    assert not list(logs.rglob("*lr_find*.ckpt"))
    assert len(list(found.rglob("*.ckpt"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_of_every_problem_too(task: str, logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = fit(logs / "found", task, FINDER)
    assert "lr finder    suggests" in capsys.readouterr().out
    alike(found, fit(logs / "plain", task))


def test_a_run_that_goes_on_has_its_report(
    logs: Path, kindling: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--config=potability", "--config=smoke", FINDER, "--trainer.max_epochs=1"]
    assert kindling("train", *small) == 0
    assert capsys.readouterr().out.count("lr finder") == 1, "in training, not in the test"
    run = f"--run={logs / 'potability' / 'version_0'}"
    assert kindling("fit", run, "--trainer.max_epochs=2") == 0
    assert "lr finder" not in capsys.readouterr().out
