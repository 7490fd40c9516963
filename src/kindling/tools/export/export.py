"""Traces a model, writes, checks and describes the files, and only then moves them in place."""

import importlib.metadata
import importlib.util
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
import yaml
from torch import Tensor

from kindling import __version__
from kindling.api.run import Run, load
from kindling.cli import arguments
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, require_package
from kindling.runs.folder import BEST, read_json, shown, write_json
from kindling.runs.provenance import commit
from kindling.tools.export import program
from kindling.tools.export.program import BATCH, FILES, Format
from kindling.training.metrics import Heads
from kindling.training.module import Module

FOLDER, NAME = "export", "model.json"
PACKAGES = ("torch", "onnx", "onnxscript", "onnxruntime")
SAMPLES = 100  # of the test split, that an export is checked on


def export(run: str, formats: Sequence[Format], flags: Sequence[str]) -> None:
    """Write a run's best checkpoint into ``<run>/export``, with flags over its configuration.

    What an earlier export left there is replaced, once everything is checked.

    Raises:
        UserError: A package, the run or its data are missing, the model cannot be exported, or a
            file says something else than the checkpoint.
    """
    for name in ("onnx", "onnxscript", "onnxruntime") if "onnx" in formats else ():
        require_package("ONNX, unlike --format torch,", name, name, "export")
    pairs = (flag.removeprefix("--").partition("=") for flag in arguments.join_values([*flags]))
    given = {name: yaml.safe_load(value) for name, _, value in pairs}
    if "ckpt_path" in given:
        raise UserError("--ckpt_path: a run's best checkpoint is exported: leave it out")
    trained = load(run, given)
    folder = trained.folder / FOLDER
    try:
        with tempfile.TemporaryDirectory(prefix=f".{FOLDER}-", dir=folder.parent) as unfinished:
            _make(trained, formats, Path(unfinished))
            folder.mkdir(exist_ok=True)
            # The description is removed first and written last, so that it never describes others.
            for name in (NAME, *FILES.values()):
                (folder / name).unlink(missing_ok=True)
            for name in (*(FILES[form] for form in formats), NAME):
                written = (Path(unfinished) / name).replace(folder / name)
                print(f"written      {shown(written)}, {written.stat().st_size / 1000:.1f} kB")
    except OSError as error:
        where = f"{error.filename or folder}: cannot be written ({error.strerror})"
        raise UserError(f"{where}; fix that and export again") from error


def _make(run: Run, formats: Sequence[Format], folder: Path) -> None:
    """Write and check all files."""
    model, data = run.model, run.data
    if not (isinstance(model, Module) and isinstance(data, DataModule)):
        raise UserError(f"{type(model).__name__}: only Kindling's own classes are exported")
    test: Any = data.splits["test"]
    if not len(test):
        raise UserError(f"{data.root}: the test split has no sample to check with")
    samples = test[torch.arange(min(SAMPLES, len(test)))]
    served = program.Served(model, samples).eval()
    inputs: dict[str, Tensor] = {name: getattr(samples, name) for name in served.inputs}
    with torch.no_grad():
        expected = {head: value.detach() for head, value in model.predict(samples).items()}
    if both := sorted(inputs.keys() & expected.keys()):
        text = "a field of the batch and a head, but an exported model has one thing of a name"
        raise UserError(f"{both[0]}: {text}: rename one")
    traced = program.trace(served, inputs)
    for form in formats:
        path = folder / FILES[form]
        program.write(form, served, traced, list(expected), path)
        with program.refused(served, f"run from {path.name}"):
            program.verify(form, path, inputs, expected, model.heads)
    write_json(folder / NAME, _card(run, formats, inputs, expected))


def _card(
    run: Run, formats: Sequence[Format], inputs: Mapping[str, Tensor], expected: Heads
) -> dict[str, Any]:
    """Everything that a user of the files needs to know."""
    there = (name for name in PACKAGES if importlib.util.find_spec(name))
    made, data = read_json(run.folder / "provenance.json"), cast(DataModule, run.data)
    schema = data.io_schema()
    return {
        "task": run.task,
        "files": {form: FILES[form] for form in formats},
        "inputs": [{**_tensor(n, value), **schema.get(n, {})} for n, value in inputs.items()],
        "outputs": [
            {**_tensor(n, value), **_output(run.model, data, n, value), **schema.get(n, {})}
            for n, value in expected.items()
        ],
        "origin": {
            "run": shown(run.folder),
            "checkpoint": str(BEST),
            "trained_by": made.get("git"),
            "exported_by": commit(),
            "data": {name: made.get("data", {}).get(name) for name in ("sample", "sha256")},
        },
        "versions": {"kindling": __version__, **{n: importlib.metadata.version(n) for n in there}},
        "checked": {"samples": len(next(iter(inputs.values()))), "limit": program.LIMIT},
    }


def _tensor(name: str, value: Tensor) -> dict[str, Any]:
    kind = str(value.dtype).removeprefix("torch.")
    return {"name": name, "shape": [BATCH, *value.shape[1:]], "type": kind}


def _output(model: Any, data: DataModule, name: str, value: Tensor) -> dict[str, Any]:
    """The meaning of a head's predictions."""
    head, target = model.heads[name], data.target_names.get(name, name)
    if not (classes := list(head.classes)):
        return {"meaning": target, "unit": f"of {target} in the training data"}
    meaning = f"probability of each {target}, in their order"
    if value.ndim == 1:
        meaning = f"probability that {target} is {classes[1]}"
    elif head.multilabel:
        meaning += "; a sample has all whose probability is above 0.5"
    return {"meaning": meaning, "unit": "0 to 1", "classes": classes}
