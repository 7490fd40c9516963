"""The part of a model that is exported, and its files by ONNX and ``torch.export``, checked."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from kindling.errors import UserError
from kindling.training.metrics import Head, Heads
from kindling.training.module import Module

Format = Literal["onnx", "torch"]
FILES: dict[Format, str] = {"onnx": "model.onnx", "torch": "model.pt2"}
BATCH = "batch"
LIMIT = 1e-4  # largest difference from the checkpoint
TRACED = 3  # rows that are followed through the model; 0 and 1 would be taken for constants


class Served(nn.Module):
    """``predict``, as a function of the fields of a batch that it uses.

    Args:
        model: The model; what normalizes and what makes probabilities is a part of it.
        example: A batch of the problem's own kind.

    Shape:
        Fields by name, each ``(batch, ...)``, to predictions by head.

    Raises:
        UserError: The predictions depend on no field.
    """

    def __init__(self, model: Module, example: Any) -> None:
        super().__init__()
        self.model, self.kind = model, type(example)
        watched = _Watched(example)
        with torch.no_grad():
            model.predict(watched)
        fields = {n: getattr(example, n) for n in example._fields if n in watched.names}
        # A field without columns, such as a calendar that is switched off, is not an input.
        self.inputs = [name for name, value in fields.items() if value.numel()]
        self.empty = {name: value[:0] for name, value in fields.items() if not value.numel()}
        if not self.inputs:
            raise UserError(f"{type(model).__qualname__}: predicts from no field of a batch")

    def forward(self, inputs: dict[str, Tensor]) -> Heads:
        rows = inputs[self.inputs[0]].shape[0]
        empty = {k: v.new_empty((rows, *v.shape[1:])) for k, v in self.empty.items()}
        fields = dict.fromkeys(self.kind._fields) | inputs | empty
        return self.model.predict(self.kind(**fields))


class _Watched:
    """A batch that records which of its fields are used."""

    def __init__(self, batch: Any) -> None:
        self.batch, self.names = batch, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.names.add(name)
        return getattr(self.batch, name)


def trace(served: Served, inputs: dict[str, Tensor]) -> ExportedProgram:
    """The model as a graph for batches of any size; a UserError if it cannot be traced."""
    index = torch.arange(TRACED) % len(next(iter(inputs.values())))
    example = {name: value[index] for name, value in inputs.items()}
    batch = {name: {0: Dim(BATCH, min=1)} for name in example}
    with refused(served, "exported by torch.export"), torch.no_grad():
        return torch.export.export(served, (example,), dynamic_shapes=(batch,))


def write(
    form: Format, served: Served, program: ExportedProgram, heads: Sequence[str], path: Path
) -> None:
    """Write one file with its weights; a UserError if ONNX cannot express the model."""
    with refused(served, f"exported to {path.name}"):
        if form == "torch":
            torch.export.save(program, path)
            return
        torch.onnx.export(
            program,
            (),
            path,
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=served.inputs,
            output_names=heads,
            dynamic_shapes=({name: {0: BATCH} for name in served.inputs},),
        )


def verify(
    form: Format,
    path: Path,
    inputs: Mapping[str, Tensor],
    expected: Heads,
    heads: Mapping[str, Head],
) -> None:
    """Raise a UserError if a file says something else than the checkpoint, in any batch size.

    Probabilities may differ by :data:`LIMIT`, other outputs by that share of the largest of them.
    """
    samples = len(next(iter(inputs.values())))
    for size in sorted({1, min(2, samples), samples}):
        predicted = predict(form, path, {name: value[:size] for name, value in inputs.items()})
        for name, value in expected.items():
            scale = 1.0 if heads[name].classes else float(value.nan_to_num(0, 0, 0).abs().max())
            near: dict[str, Any] = {"rtol": 0, "atol": LIMIT * scale, "equal_nan": True}
            try:
                torch.testing.assert_close(predicted[name], value[:size], **near)
            except AssertionError as error:
                reason = " ".join(str(error).split())
                where = f"{path.name} differs from the checkpoint in {name}"
                raise UserError(f"{where}: not exported: {reason}") from error


def predict(form: Format, path: Path, inputs: dict[str, Tensor]) -> Heads:
    """Predictions by a file, on the CPU."""
    if form == "torch":
        with torch.no_grad():
            outputs: Heads = torch.export.load(path).module()(inputs)
        return outputs
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # As many as torch uses; a thread for each core would slow other processes down.
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {name: value.numpy() for name, value in inputs.items()})
    return {name: torch.from_numpy(value) for name, value in zip(names, found, strict=True)}


@contextlib.contextmanager
def refused(served: Served, attempt: str) -> Iterator[None]:
    """Turn an exporter's or a runtime's long error into one line."""
    level, nowhere = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            yield
    except (OSError, UserError):
        raise
    except Exception as error:  # each layer of them fails in its own way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        name = type(served.model).__qualname__
        raise UserError(f"{name}: cannot be {attempt}: {reason[:300]}") from error
    finally:
        logging.disable(level)
