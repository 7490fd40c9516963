"""Short runs through the command line, and what they leave."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kindling.__main__ import main

OWN = "tests.engine.lightning.own."
SMALL = ("--config=potability", "--config=smoke", "--model.hidden=[8]")
QUIET = "--trainer.enable_progress_bar=false"


class Run:
    """The newest run below a folder."""

    def __init__(self, logs: Path) -> None:
        [self.folder] = logs.glob("*/latest")

    def rows(self) -> list[dict[str, float]]:
        """Of metrics.csv, without what is empty."""
        with (self.folder / "metrics.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        return [{k: float(v) for k, v in row.items() if v} for row in rows]

    def checkpoint(self, name: str = "best") -> dict[str, Any]:
        path = self.folder / "checkpoints" / f"{name}.ckpt"
        loaded: dict[str, Any] = torch.load(path, weights_only=True)
        return loaded

    def json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())
        return content

    def scores(self) -> dict[str, float]:
        return {name: score["value"] for name, score in self.json("results")["metrics"].items()}


Train = Callable[..., Run]


@pytest.fixture
def train(logs: Path) -> Train:
    """Train and test a small table, or with ``model`` whatever is given."""

    def run(*flags: str, command: str = "train", status: int = 0) -> Run:
        own = any(flag.startswith(("--model=", "--run")) for flag in flags)
        base = [] if own else [*SMALL]
        assert main([command, *base, *flags, QUIET, f"--logs={logs}"]) == status
        return Run(logs)

    return run
