"""``model.json``: the inputs, outputs and origin of an exported model."""

import importlib.metadata
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from torch import Tensor

from kindling.cli.lightning_cli import KindlingCLI
from kindling.runs.checkpoints import ORIGIN
from kindling.runs.folder import read_json, shown
from kindling.runs.provenance import commit
from kindling.tools.export import parity
from kindling.tools.export.program import BATCH, FILES, Format
from kindling.training.metrics import Heads

PACKAGES = ("kindling", "torch", "onnx", "onnxscript", "onnxruntime")
NAME = "model.json"


def card(
    trained: KindlingCLI,
    inputs: Mapping[str, Tensor],
    expected: Heads,
    found: Mapping[Format, Mapping[str, float]],
) -> dict[str, Any]:
    """Everything that a user of the files needs to know.

    ``found`` are the differences from ``expected``, the checkpoint's outputs for ``inputs``.
    """
    versions = {}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    schema, samples = trained.datamodule.io_schema(), len(next(iter(inputs.values())))
    return {
        "task": trained.datamodule.task,
        "files": {form: FILES[form] for form in found},
        "inputs": [_tensor(name, value, schema.get(name, {})) for name, value in inputs.items()],
        "outputs": [
            _tensor(name, value, _output(trained, name, value) | schema.get(name, {}))
            for name, value in expected.items()
        ],
        "origin": _origin(trained),
        "versions": versions,
        "checked": {
            "samples": samples,
            "batch_sizes": parity.sizes(samples),
            "measure": parity.MEASURE,
            "limit": parity.LIMIT,
            "largest_difference": {form: dict(values) for form, values in found.items()},
        },
    }


def _origin(trained: KindlingCLI) -> dict[str, Any]:
    """The run, and the code and data in its provenance."""
    run, checkpoint, known = trained.given_run, trained.checkpoint, trained.origin[ORIGIN]
    assert run is not None
    assert checkpoint is not None
    made = read_json(run / "provenance.json")
    return {
        "run": shown(run),
        "checkpoint": checkpoint.relative_to(run).as_posix(),
        "trained_by": made.get("git"),
        "exported_by": commit(),
        "data": {"sample": made.get("data", {}).get("sample"), "sha256": known.get("data")},
    }


def _tensor(name: str, value: Tensor, meaning: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(value.dtype).removeprefix("torch.")
    return {"name": name, "shape": [BATCH, *value.shape[1:]], "type": kind, **meaning}


def _output(trained: KindlingCLI, name: str, value: Tensor) -> dict[str, Any]:
    """The meaning of a head's predictions."""
    classes = list(trained.model.heads[name].classes)
    target = trained.datamodule.target_names.get(name, name)
    if not classes:
        return {"meaning": target, "unit": f"of {target} in the training data"}
    if value.ndim == 1:
        meaning = f"probability that {target} is {classes[1]}"
    else:
        meaning = f"probability of each {target}, in their order"
        if trained.model.heads[name].multilabel:
            meaning += "; a sample has all whose probability is above 0.5"
    return {"meaning": meaning, "unit": "0 to 1", "classes": classes}
