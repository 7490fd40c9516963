"""The files: ONNX, and what ``torch.export`` makes.

B: batch.
"""

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from kindling.errors import UserError
from kindling.tools.export.served import Served

Format = Literal["onnx", "torch"]
FORMATS: tuple[Format, ...] = get_args(Format)
FILES: dict[Format, str] = {"onnx": "model.onnx", "torch": "model.pt2"}

NEEDED = ("onnx", "onnxscript", "onnxruntime")

TRACED = 3
"""Rows of the batch that is followed through the model; 0 and 1 would be taken for constants."""

BATCH = "batch"


def require(formats: tuple[Format, ...]) -> None:
    """Raise a UserError where ONNX is wanted and its packages are not there."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if "onnx" in formats and missing:
        raise UserError(
            f"ONNX needs {', '.join(missing)}, not installed: pip install -e '.[export]', or "
            "export to the other format alone (--format torch)"
        )


def trace(served: Served, inputs: dict[str, Tensor]) -> ExportedProgram:
    """The model as a graph for batches of any size.

    Raises:
        UserError: It does something that no graph can say.
    """
    index = torch.arange(TRACED) % len(next(iter(inputs.values())))
    example = {name: value[index] for name, value in inputs.items()}
    batch = {name: {0: Dim(BATCH, min=1)} for name in example}
    with _quiet(), refused(served, "exported by torch.export"), torch.no_grad():
        return torch.export.export(served, (example,), dynamic_shapes=(batch,))


def to_torch(program: ExportedProgram, path: Path) -> None:
    with _quiet():
        torch.export.save(program, path)


def to_onnx(served: Served, program: ExportedProgram, heads: list[str], path: Path) -> None:
    """One file, weights included.

    Args:
        served: What ``program`` is of.
        program: The graph.
        heads: Names for the outputs.
        path: The file.

    Raises:
        UserError: ONNX has no words for something in it.
    """
    with _quiet(), refused(served, "exported to ONNX"):
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


@contextlib.contextmanager
def refused(served: Served, attempt: str) -> Iterator[None]:
    """What an exporter or a runtime says of an architecture, which fills screens, as a line."""
    try:
        yield
    except (OSError, UserError):
        raise
    except Exception as error:  # each layer of them fails in its own way
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[0] if lines else type(error).__name__
        name = type(served.model).__qualname__
        raise UserError(f"{name}: cannot be {attempt}: {reason[:300]}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' notes on their own workings."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    nowhere = io.StringIO()
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            yield
    finally:
        logging.disable(level)
