"""Traces a model, writes and checks the files, and only then moves them to their place."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from kindling.api.loaded import Loaded
from kindling.cli import arguments
from kindling.cli.process import quiet, setting_errors
from kindling.data.datamodule import DataModule
from kindling.errors import UserError, require_package
from kindling.runs.folder import shown, write_json
from kindling.tools.export import parity
from kindling.tools.export.card import NAME, card
from kindling.tools.export.program import FILES, Format, Served, refused, trace, write
from kindling.training.module import Module

FOLDER = "export"
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


def export(run: str, formats: Sequence[Format], flags: Sequence[str], console: Console) -> None:
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
            _make(trained, formats, Path(unfinished), console)
            folder.mkdir(exist_ok=True)
            # The description is removed first and written last, so that it never describes others.
            for name in (NAME, *FILES.values()):
                (folder / name).unlink(missing_ok=True)
            for name in (*(FILES[form] for form in formats), NAME):
                written = (Path(unfinished) / name).replace(folder / name)
                console.print(
                    f"written      {shown(written)}, {written.stat().st_size / 1000:.1f} kB"
                )
    except OSError as error:
        where = f"{error.filename or folder}: cannot be written ({error.strerror})"
        raise UserError(f"{where}; fix that and export again") from error


def _make(trained: Trained, formats: Sequence[Format], folder: Path, console: Console) -> None:
    """Write and check all files."""
    samples, model = trained.samples, trained.model
    served = Served(model, samples).eval()
    inputs: dict[str, Tensor] = {name: getattr(samples, name) for name in served.inputs}
    with torch.no_grad():
        expected = {head: value.detach() for head, value in model.predict(samples).items()}
    if both := sorted(inputs.keys() & expected.keys()):
        text = "a field of the batch and a head, but an exported model has one thing of a name"
        raise UserError(f"{both[0]}: {text}: rename one")
    program = trace(served, inputs)
    size = len(next(iter(inputs.values())))
    tried = ", ".join(map(str, parity.sizes(size)))
    console.print(f"checked      on {size} test samples, in batches of {tried}")
    found: dict[Format, dict[str, float]] = {}
    for form in formats:
        path = folder / FILES[form]
        write(form, served, program, list(expected), path)
        with refused(served, f"run from {path.name}"):
            run = parity.OPEN[form](path)
            found[form] = parity.differences(run, inputs, expected, model.heads)
        for name, value in found[form].items():
            if not value <= parity.LIMIT:
                raise UserError(
                    f"{trained.given_run}: {path.name} differs from the checkpoint by {value:.2g} "
                    f"in {name}, more than {parity.LIMIT:g}: not exported"
                )
            console.print(f"difference   {path.name}, {name}: {value:.2g} at most")
    write_json(folder / NAME, card(trained, inputs, expected, found))
