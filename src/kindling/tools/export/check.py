"""Whether the files say what the checkpoint says, read and run as their users will.

B: batch.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from kindling.errors import UserError
from kindling.tools.export.write import FILES, Format
from kindling.training.metrics import Head, Heads

LIMIT = 1e-4
"""Largest difference from the checkpoint."""

MEASURE = (
    "largest absolute difference over samples and batch sizes; of outputs that are no "
    "probabilities as a share of the checkpoint's largest absolute output"
)

Run = Callable[[dict[str, Tensor]], Heads]


def sizes(samples: int) -> list[int]:
    """Batch sizes to try: 1, 2 and all."""
    return sorted({1, min(2, samples), samples})


def differences(run: Run, inputs: dict[str, Tensor], expected: Heads) -> Heads:
    """The largest difference of each output over all batch sizes, as it comes, ``()`` each.

    Where one has no number and the other has, the difference is infinite.
    """
    largest = {name: torch.zeros(()) for name in expected}
    for size in sizes(len(next(iter(inputs.values())))):
        predicted = run({name: value[:size] for name, value in inputs.items()})
        for name, value in expected.items():
            largest[name] = torch.maximum(largest[name], _apart(predicted[name], value[:size]))
    return largest


def shares(found: Heads, expected: Heads, heads: Mapping[str, Head]) -> dict[str, float]:
    """Differences as :data:`MEASURE` says."""
    return {
        name: float(value) / (1.0 if heads[name].classes else scale(expected[name]))
        for name, value in found.items()
    }


def scale(expected: Tensor) -> float:
    """The largest absolute output, at least what a float can tell from 0."""
    largest = float(expected.nan_to_num(0, 0, 0).abs().max())
    return max(largest, torch.finfo(torch.float32).tiny)


def refuse(found: Mapping[str, float], form: Format, run: Path) -> None:
    """Raise a UserError for a difference above :data:`LIMIT`."""
    for name, value in found.items():
        if not value <= LIMIT:
            raise UserError(
                f"{run}: {FILES[form]} differs from the checkpoint by {value:.2g} in {name}, more "
                f"than {LIMIT:g}: not exported"
            )


def open_torch(path: Path) -> Run:
    """The program of a ``.pt2`` file."""
    with warnings.catch_warnings(action="ignore"):
        module = torch.export.load(path).module()

    def run(inputs: dict[str, Tensor]) -> Heads:
        with torch.no_grad():
            predicted: Heads = module(inputs)
        return predicted

    return run


def open_onnx(path: Path) -> Run:
    """The graph of an ONNX file, in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # As many as torch has; a thread for each core would keep other processes waiting.
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: dict[str, Tensor]) -> Heads:
        predicted = session.run(names, {name: value.numpy() for name, value in inputs.items()})
        return {name: torch.from_numpy(v) for name, v in zip(names, predicted, strict=True)}

    return run


OPEN: dict[Format, Callable[[Path], Run]] = {"onnx": open_onnx, "torch": open_torch}


def _apart(predicted: Tensor, expected: Tensor) -> Tensor:
    if predicted.shape != expected.shape or not torch.equal(predicted.isnan(), expected.isnan()):
        return torch.tensor(math.inf)
    # Equal infinities are no difference; their own would be no number.
    apart = torch.where(predicted == expected, 0, (predicted - expected).abs())
    return apart[~expected.isnan()].max() if (~expected.isnan()).any() else torch.zeros(())
