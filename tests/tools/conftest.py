"""Runs made of files alone, for what reads them, and a project whose one task is a small one."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from kindling.__main__ import main
from kindling.data import paths

Make = Callable[..., Any]

CONFIG = {
    "seed_everything": 0,
    "trainer": {"max_epochs": 4, "enable_progress_bar": None},
    "model": {
        "class_path": "tests.engine.toy.ToyNet",
        "init_args": {"cell": "lstm", "lr": 0.008},
    },
    "data": {
        "class_path": "tests.engine.toy.ToyTable",
        "init_args": {"root": None, "batch_size": 16, "fold": 0},
    },
    "checkpoint": {"monitor": "val/loss", "mode": "min"},
    "logs": "/somewhere",
}

PROVENANCE: dict[str, Any] = {
    "git": {"commit": "0123456789abcdef", "dirty": True},
    "data": {"root": "d", "sample": True, "samples": {"train": 80, "val": 20, "test": 20}},
    "packages": {"torch": "2"},
    "python": "3.12",
    "device": {"type": "cpu", "threads": 1},
    "parameters": 100,
}

WORSE = (0.2, 0.0, 0.1)
"""How much worse an epoch's validation is than the best one's."""

PATCHED = """
from pathlib import Path
from kindling.__main__ import main
from kindling.data import paths
paths.CONFIGS, paths.SAMPLES = Path({configs!r}), Path({samples!r})
"""
"""What Python runs first in the processes that a command starts."""


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that is refused, and returns the one line of why."""

    def run(*args: str, status: int = 2) -> str:
        capsys.readouterr()
        assert main([*args]) == status
        message = capsys.readouterr().err
        assert message.startswith("kindling: ")
        assert message.count("\n") == 1
        return message

    return run


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of configs in which ``toy`` is the only task, in other processes as well."""
    configs, samples = tmp_path / "configs", tmp_path / "samples"
    configs.mkdir()
    for path in (paths.CONFIGS / "trainer.yaml", paths.PROJECT / "tests/engine/toy.yaml"):
        shutil.copy(path, configs)
    monkeypatch.setattr(paths, "CONFIGS", configs)
    monkeypatch.setattr(paths, "SAMPLES", samples)
    text = PATCHED.format(configs=str(configs), samples=str(samples))
    (configs / "sitecustomize.py").write_text(text)
    searched = [str(configs), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(searched))
    return configs


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A finished run with test scores; ``validation``, ``seed``, ``lr`` and so on say of what."""
    record = pytest.importorskip("kindling.api.record")

    def write(
        name: str = "version_0", scores: dict[str, float] | None = None, **settings: Any
    ) -> Any:
        folder = tmp_path / "logs" / settings.pop("task", "toy") / name
        (folder / "checkpoints").mkdir(parents=True)
        config: dict[str, Any] = json.loads(json.dumps(CONFIG))
        config["seed_everything"] = settings.pop("seed", 0)
        config["data"]["init_args"]["fold"] = settings.pop("fold", 0)
        data = {"root": "d", "sample": True, "sha256": settings.pop("sha256", "f" * 64)}
        provenance = {
            **PROVENANCE,
            "data": {**PROVENANCE["data"], **data},
            "start": settings.pop("start", "2026-01-02T03:04:05+00:00"),
            "wall_time_s": settings.pop("seconds", 4.0),
        }
        best = settings.pop("validation", 0.31)
        config["model"]["init_args"] |= settings
        metrics = {k: {"value": v, "low": v - 1, "high": v + 1} for k, v in (scores or {}).items()}
        results = {
            "task": folder.parent.name,
            "checkpoint": "checkpoints/best.ckpt",
            "samples": 20,
            "data": data,
            "metrics": metrics,
            "baseline": {
                "name": "last value",
                "metrics": {k: {"value": 1.0, "low": 0.9, "high": 1.1} for k in metrics},
            },
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        (folder / "provenance.json").write_text(json.dumps(provenance))
        if scores is not None:
            (folder / "results.json").write_text(json.dumps(results))
        rows = [f"{k},{k}9,{best - 0.01 + more},{best + more},0.4" for k, more in enumerate(WORSE)]
        names = "epoch,step,val/loss,val/mse,train/loss"
        (folder / "metrics.csv").write_text("\n".join([names, *rows, ""]))
        return record.Record(folder)

    return write
