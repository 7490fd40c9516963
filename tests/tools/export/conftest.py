"""Runs of a few steps, each made and exported once for all tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kindling.__main__ import main
from tests.engine.toy import TABLE, write_table

Run = Callable[..., Path]
Exported = Callable[..., dict[str, Any]]
SMALL = {
    "toy": [*TABLE],
    "potability": ["--model.hidden=[8]"],
    "timeseries": ["--data.window=6", "--model.hidden=4"],
    "prices": ["--data.image_size=16", "--model.channels=[4]", "--model.hidden=[8]"],
    "clouds": ["--data.image_size=16", "--model.channels=[4, 4]"],
    "faces": ["--data.image_size=16", "--model.channels=[4, 4]"],
}


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a task and flags on the sample, or of the engine's own problem."""
    made: dict[tuple[str, ...], Path] = {}

    def make(task: str, *flags: str) -> Path:
        if (task, *flags) not in made:
            logs = tmp_path_factory.mktemp("logs")
            short = ["--config=smoke", "--trainer.max_epochs=1", f"--logs={logs}"]
            small = ["--trainer.enable_progress_bar=false", *SMALL[task]]
            root = f"--data.root={write_table(logs / 'data')}"
            config = [root] if task == "toy" else [f"--config={task}"]
            assert main(["fit", *config, *short, *small, *flags]) == 0
            made[task, *flags] = logs / task / "version_0"
        return made[task, *flags]

    return make


@pytest.fixture(scope="session")
def exported(run: Run) -> Exported:
    """What ``model.json`` says of the exported run of a task and flags, and its folder."""
    made: dict[tuple[str, ...], dict[str, Any]] = {}

    def make(task: str, *flags: str) -> dict[str, Any]:
        if (task, *flags) not in made:
            folder = run(task, *flags)
            assert main(["export", "--run", str(folder)]) == 0
            card = json.loads((folder / "export" / "model.json").read_text())
            made[task, *flags] = {**card, "folder": folder / "export"}
        return made[task, *flags]

    return make
