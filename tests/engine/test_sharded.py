"""FSDP over two processes: the run of DDP, and a checkpoint that one process can load."""

from pathlib import Path

import pytest

from kindling.__main__ import main
from tests.engine.test_processes import SMALL, goes_on, start
from tests.engine.toy import QUIET, Run

pytestmark = pytest.mark.slow


def train(folder: Path, preset: str) -> Run:
    two = (f"--config={preset}", "--trainer.devices=2", "--trainer.max_epochs=2")
    process = start(folder, "train", *SMALL, *two, f"--logs={folder / preset}")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 0, printed
    assert "Warning" not in printed
    return Run(folder / preset / "toy" / "version_0")


def test_it_is_the_run_of_ddp_and_goes_on_in_one_process(tmp_path: Path) -> None:
    sharded, whole = train(tmp_path, "fsdp"), train(tmp_path, "ddp")
    assert len(sharded.rows()) == 2
    for row, expected in zip(sharded.rows(), whole.rows(), strict=True):
        for name in ("train/loss", "val/loss", "val/auroc"):
            assert row[name] == pytest.approx(expected[name], abs=1e-5)
    assert main(["validate", f"--run={sharded.folder}", "--ckpt_path=last", QUIET]) == 0
    alone = sharded.json("results_val")
    for name, score in alone["metrics"].items():
        assert sharded.rows()[-1][f"val/{name}"] == pytest.approx(score["value"], abs=1e-6)
    assert sharded.json("results")["samples"] == whole.json("results")["samples"]
    goes_on(sharded)
