"""``model.json``: what goes into the files, what comes out, and where they come from."""

import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from kindling.runs.checkpoints import ORIGIN, load
from kindling.runs.folder import shown
from kindling.runs.provenance import commit
from kindling.tools.export import check
from kindling.tools.export.load import Trained
from kindling.tools.export.write import BATCH, FILES, Format
from kindling.training.metrics import Heads

PACKAGES = ("kindling", "torch", "onnx", "onnxscript", "onnxruntime")
NAME = "model.json"


def card(
    trained: Trained,
    inputs: Mapping[str, Tensor],
    expected: Heads,
    found: Mapping[Format, Mapping[str, float]],
) -> dict[str, Any]:
    """All that a user of the files has to know.

    Args:
        trained: What was exported.
        inputs: Of the samples that it was checked on.
        expected: The checkpoint's outputs for them.
        found: Differences by format and output.
    """
    io_schema = trained.data.io_schema()
    return {
        "task": trained.data.task,
        "files": {form: FILES[form] for form in found},
        "inputs": [_tensor(name, v, io_schema.get(name, {})) for name, v in inputs.items()],
        "outputs": [_output(trained, name, value, io_schema) for name, value in expected.items()],
        "origin": _origin(trained),
        "versions": _versions(),
        "checked": {
            "samples": len(next(iter(inputs.values()))),
            "batch_sizes": check.sizes(len(next(iter(inputs.values())))),
            "measure": check.MEASURE,
            "limit": check.LIMIT,
            "largest_difference": {form: dict(values) for form, values in found.items()},
        },
    }


def _tensor(name: str, value: Tensor, meaning: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(value.dtype).removeprefix("torch.")
    return {"name": name, "shape": [BATCH, *value.shape[1:]], "type": kind, **meaning}


def _output(
    trained: Trained, name: str, value: Tensor, io_schema: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    classes = list(trained.model.heads[name].classes)
    target = trained.data.target_names.get(name, name)
    if not classes:
        meaning = {"meaning": target, "unit": f"of {target} in the training data"}
    elif value.ndim == 1:
        meaning = {"meaning": f"probability that {target} is {classes[1]}", "unit": "0 to 1"}
    else:
        meaning = {"meaning": f"probability of each {target}, in their order", "unit": "0 to 1"}
    named = {"classes": classes} if classes else {}
    return _tensor(name, value, {**meaning, **named, **io_schema.get(name, {})})


def _origin(trained: Trained) -> dict[str, Any]:
    """The run, and what its provenance says of code and data."""
    path = trained.run / "provenance.json"
    made = json.loads(path.read_text()) if path.is_file() else {}
    data = made.get("data", {})
    return {
        "run": shown(trained.run),
        "checkpoint": trained.checkpoint.relative_to(trained.run).as_posix(),
        "trained_by": made.get("git"),
        "exported_by": commit(),
        "data": {
            "sample": data.get("sample"),
            "sha256": load(trained.checkpoint)[ORIGIN].get("data"),
        },
    }


def _versions() -> dict[str, str]:
    """Of the packages that had a hand in it and are there."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
