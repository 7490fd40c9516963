"""``provenance.json``: what made a run, so that its figures can be trusted and made again."""

import importlib.metadata
import platform
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning_utilities.core.rank_zero import rank_zero_only

from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.runs.checkpoints import ORIGIN
from kindling.runs.folder import write_json

PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "jsonargparse", "numpy", "pandas")
OPTIONAL = {"sklearn": "scikit-learn", "timm": "timm"}
"""Packages that few runs need, by the module that these import."""


class Provenance(Callback):
    """Records a run's commit, data, versions, device, seed, command and wall time.

    Each checkpoint carries the task and the configuration too, so that it can be used alone.

    Args:
        run: The run's folder.
        task: What is trained.
        config: The whole configuration, as YAML.
        seed: Of weights and order; none if nothing was seeded.
        parent: Of a run that starts from another's weights, where they are from.
    """

    def __init__(
        self,
        run: Path,
        task: str,
        config: str,
        seed: int | None,
        parent: dict[str, Any] | None = None,
    ) -> None:
        self.run, self.task, self.config, self.seed = run, task, config, seed
        self.parent = parent
        self._record: dict[str, Any] = {}
        self._started = 0.0

    @rank_zero_only
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        samples = data.sizes() if isinstance(data, DataModule) else {}
        self._started = time.monotonic()
        self._record = {
            "git": commit(),
            **({"parent": self.parent} if self.parent else {}),
            "data": {**origin(data), "samples": samples},
            "packages": {name: importlib.metadata.version(name) for name in _packages()},
            "python": platform.python_version(),
            "device": _device(trainer),
            "parameters": sum(p.numel() for p in pl_module.parameters() if p.requires_grad),
            "seed": self.seed,
            "command": shlex.join(["kindling", *sys.argv[1:]]),
            "start": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_time_s": None,
        }
        write_json(self.run / "provenance.json", self._record)

    @rank_zero_only
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._record["wall_time_s"] = round(time.monotonic() - self._started, 1)
        write_json(self.run / "provenance.json", self._record)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        checksum = data.fingerprint if isinstance(data, DataModule) else None
        checkpoint[ORIGIN] = {"task": self.task, "config": self.config, "data": checksum}


def _packages() -> list[str]:
    used = [name for module, name in OPTIONAL.items() if module in sys.modules]
    return [*PACKAGES, *used]


def commit() -> dict[str, Any]:
    """The commit of the project's folder and whether anything differs from it."""
    head = _git("rev-parse", "HEAD")
    return {"commit": head, "dirty": bool(_git("status", "--porcelain")) if head else None}


def _git(*args: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *args],
            cwd=paths.PROJECT,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _device(trainer: Trainer) -> dict[str, Any]:
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    return {
        "type": device.type,
        "name": name or platform.machine(),
        "processes": trainer.world_size,
        "threads": torch.get_num_threads(),
    }


def origin(data: Any) -> dict[str, Any]:
    """Which data results are of, as far as a data module tells."""
    if not isinstance(data, DataModule):
        return {"root": None, "sample": False, "sha256": None}
    return {"root": str(data.root), "sample": data.is_sample, "sha256": data.fingerprint}
