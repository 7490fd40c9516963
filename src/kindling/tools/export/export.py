"""Traces a model, writes, checks and describes the files, and only then moves them in place."""

import importlib.metadata
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kindling.api.loaded import Loaded
from kindling.cli import arguments
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, require_package
from kindling.runs.folder import read_json, shown, write_json
from kindling.runs.provenance import commit
from kindling.tools.export import program
from kindling.tools.export.program import BATCH, FILES, Format
from kindling.training.module import Module

FOLDER, NAME = "export", "model.json"
PACKAGES = ("kindling", "torch", "onnx", "onnxscript", "onnxruntime")
SAMPLES = 100  # of the test split, that an export is checked on


class Trained(Loaded):
    """``kindling test`` up to the Trainer, with samples to check the files on."""

    samples: Any  # a batch of the problem's own kind

    def instantiate_classes(self) -> None:
        super().instantiate_classes()
        for part, base in ((self.model, Module), (self.datamodule, DataModule)):
            if not isinstance(part, base):
                raise UserError(f"{type(part).__name__}: not a kindling {base.__name__}: no export")
        self.set_up("test")
        test: Any = self.datamodule.splits["test"]
        if not len(test):
            raise UserError(f"{self.datamodule.root}: the test split has no sample to check with")
        self.samples = test[torch.arange(min(SAMPLES, len(test)))]


def export(run: str, formats: Sequence[Format], flags: Sequence[str]) -> None:
    """Write a run's best checkpoint into ``<run>/export``, with flags over its configuration.

    What an earlier export left there is replaced, once everything is checked.

    Raises:
        UserError: A package, the run or its data are missing, the model cannot be exported, or a
            file says something else than the checkpoint.
    """
    for name in ("onnx", "onnxscript", "onnxruntime") if "onnx" in formats else ():
        require_package("ONNX, unlike --format torch,", name, name, "export")
    invocation = arguments.read(["test", "--run", run, *flags])
    assert invocation.checkpoint is not None
    with quiet(), setting_errors():
        trained = Trained(invocation)
    if invocation.run is None or not invocation.checkpoint.is_relative_to(invocation.run):
        raise UserError(f"{invocation.checkpoint}: not a checkpoint of {run}: leave it out")
    folder = invocation.run / FOLDER
    try:
        with tempfile.TemporaryDirectory(prefix=f".{FOLDER}-", dir=invocation.run) as unfinished:
            _make(trained, formats, Path(unfinished))
            folder.mkdir(exist_ok=True)
            # The description is removed first and written last, so that it never describes others.
            for name in (NAME, *FILES.values()):
                (folder / name).unlink(missing_ok=True)
            for name in (*(FILES[form] for form in formats), NAME):
                written = (Path(unfinished) / name).replace(folder / name)
                size = f"{written.stat().st_size / 1000:.1f} kB"
                print(f"written      {shown(written)}, {size}")
    except OSError as error:
        where = f"{error.filename or folder}: cannot be written ({error.strerror})"
        raise UserError(f"{where}; fix that and export again") from error


def _make(trained: Trained, formats: Sequence[Format], folder: Path) -> None:
    """Write and check all files."""
    samples, model = trained.samples, trained.model
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
    write_json(folder / NAME, _card(trained, formats, inputs, expected))


def _card(
    trained: Trained,
    formats: Sequence[Format],
    inputs: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
) -> dict[str, Any]:
    """Everything that a user of the files needs to know."""
    versions = {}
    for name in PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    run, checkpoint = trained.given_run, trained.checkpoint
    assert run is not None
    assert checkpoint is not None
    made, samples = read_json(run / "provenance.json"), len(next(iter(inputs.values())))
    data = made.get("data", {})
    schema = trained.datamodule.io_schema()
    outputs = {name: _output(trained, name, value) for name, value in expected.items()}
    meanings = {**outputs, **{k: {**outputs.get(k, {}), **v} for k, v in schema.items()}}

    def described(tensors: Mapping[str, Tensor]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "shape": [BATCH, *value.shape[1:]],
                "type": str(value.dtype).removeprefix("torch."),
                **meanings.get(name, {}),
            }
            for name, value in tensors.items()
        ]

    return {
        "task": trained.datamodule.task,
        "files": {form: FILES[form] for form in formats},
        "inputs": described(inputs),
        "outputs": described(expected),
        "origin": {
            "run": shown(run),
            "checkpoint": checkpoint.relative_to(run).as_posix(),
            "trained_by": made.get("git"),
            "exported_by": commit(),
            "data": {"sample": data.get("sample"), "sha256": data.get("sha256")},
        },
        "versions": versions,
        "checked": {
            "samples": samples,
            "batch_sizes": program.sizes(samples),
            "limit": program.LIMIT,
        },
    }


def _output(trained: Trained, name: str, value: Tensor) -> dict[str, Any]:
    """The meaning of a head's predictions."""
    head, target = trained.model.heads[name], trained.datamodule.target_names.get(name, name)
    if not (classes := list(head.classes)):
        return {"meaning": target, "unit": f"of {target} in the training data"}
    meaning = f"probability of each {target}, in their order"
    if value.ndim == 1:
        meaning = f"probability that {target} is {classes[1]}"
    elif head.multilabel:
        meaning += "; a sample has all whose probability is above 0.5"
    return {"meaning": meaning, "unit": "0 to 1", "classes": classes}
