"""Kindling: five problem shapes on one PyTorch Lightning engine.

The public Python API. Importing the package does not import torch; using one of these does.

>>> import kindling
>>> run = kindling.load("logs/potability/latest")
>>> run.predict("data/sample/potability/water_potability.csv").columns.tolist()
['row', 'prediction', 'probability_0', 'probability_1']
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import kindling.runs as _runs
from kindling.errors import UserError

if TYPE_CHECKING:
    from kindling.api.run import Run, load, train
    from kindling.data.datamodule import DataModule
    from kindling.training.module import Module

__version__ = "0.2.0"
__all__ = ["DataModule", "Module", "Run", "UserError", "load", "runs", "train"]

_HOMES = {
    "load": "kindling.api.run",
    "Run": "kindling.api.run",
    "train": "kindling.api.run",
    "DataModule": "kindling.data.datamodule",
    "Module": "kindling.training.module",
}


class _Runs(ModuleType):
    """The package ``kindling.runs``, which lists the runs when it is called."""

    def __call__(self, task: str | None = None, logs: str | Path | None = None) -> Any:
        """All runs as a DataFrame: see ``kindling.api.record.runs``."""
        from kindling.api.record import runs

        return runs(task, logs)


# A package is an attribute of the one that it lies in, and would hide a function of its name.
_runs.__class__ = _Runs
runs = _runs


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kindling' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
