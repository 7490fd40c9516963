"""``provenance.json``: code, data, versions, device and command of a run."""

import importlib.metadata
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer

from kindling import __version__
from kindling.data import paths
from kindling.data.datamodule import DataModule
from kindling.runs.folder import write_json
from kindling.runs.secrets import masked_words

PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "jsonargparse", "numpy", "pandas")
OPTIONAL = {"sklearn": "scikit-learn", "timm": "timm"}
"""Packages that few runs need, by the module that these import."""


@contextmanager
def recorded(
    run: Path,
    trainer: Trainer,
    model: LightningModule,
    data: Any,
    settings: Mapping[str, Any],
    words: Sequence[str],
    **more: Any,
) -> Iterator[None]:
    """Write a run's commit, data, versions, device, command and, when it has ended, wall time.

    The words of the command are recorded without the secrets of the settings.
    """
    started = time.monotonic()
    record = {
        "kindling": __version__,
        "git": commit(),
        **more,
        "data": {**origin(data), "samples": data.sizes() if isinstance(data, DataModule) else {}},
        "python": platform.python_version(),
        "device": _device(trainer),
        "command": shlex.join(["kindling", *masked_words(words, settings)]),
        "start": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_s": None,
    }
    write_json(run / "provenance.json", record | _built(model))
    yield
    record["wall_time_s"] = round(time.monotonic() - started, 1)
    # Once more: the model's setup may have frozen parameters, and imported packages.
    write_json(run / "provenance.json", record | _built(model))


def _built(model: LightningModule) -> dict[str, Any]:
    """What the model is made of: packages, and parameters that are trained."""
    used = [name for module, name in OPTIONAL.items() if module in sys.modules]
    origin = getattr(getattr(model, "timm_backbone", None), "origin", None)
    return {
        **({"backbone": origin} if origin else {}),
        "packages": {name: importlib.metadata.version(name) for name in (*PACKAGES, *used)},
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }


def commit() -> dict[str, Any]:
    """The commit of the project's folder and whether anything differs from it."""
    head = _git("rev-parse", "HEAD")
    return {"commit": head, "dirty": bool(_git("status", "--porcelain")) if head else None}


def _git(*args: str) -> str | None:
    try:
        return subprocess.check_output(
            ["git", *args], cwd=paths.PROJECT, text=True, timeout=10, stderr=subprocess.DEVNULL
        ).strip()
    except (OSError, subprocess.SubprocessError):
        return None


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
    """Root and checksum of the data; nothing is known of another's data module."""
    if not isinstance(data, DataModule):
        return {"root": None, "sample": False, "sha256": None}
    return {"root": str(data.root), "sample": data.is_sample, "sha256": data.fingerprint}
