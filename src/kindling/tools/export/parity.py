"""Compares the files' predictions with the checkpoint's."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from kindling.tools.export.program import Format
from kindling.training.metrics import Head, Heads

LIMIT = 1e-4  # largest difference from the checkpoint

MEASURE = (
    "largest absolute difference over samples and batch sizes; of outputs that are no "
    "probabilities as a share of the checkpoint's largest absolute output"
)

Run = Callable[[dict[str, Tensor]], Heads]


def sizes(samples: int) -> list[int]:
    """Batch sizes to try: 1, 2 and all."""
    return sorted({1, min(2, samples), samples})


def differences(
    run: Run, inputs: dict[str, Tensor], expected: Heads, heads: Mapping[str, Head]
) -> dict[str, float]:
    """The largest difference of each output over all batch sizes, as :data:`MEASURE` says.

    Where one has no number and the other has, the difference is infinite.
    """
    largest = dict.fromkeys(expected, 0.0)
    for size in sizes(len(next(iter(inputs.values())))):
        with torch.no_grad():
            predicted = run({name: value[:size] for name, value in inputs.items()})
        for name, value in expected.items():
            largest[name] = max(largest[name], _apart(predicted[name], value[:size]))
    for name, value in expected.items():
        if not heads[name].classes:
            scale = float(value.nan_to_num(0, 0, 0).abs().max())
            largest[name] /= max(scale, torch.finfo(torch.float32).tiny)
    return largest


def _apart(predicted: Tensor, expected: Tensor) -> float:
    if predicted.shape != expected.shape or not torch.equal(predicted.isnan(), expected.isnan()):
        return math.inf
    # Equal infinities do not differ; their difference would be NaN.
    apart = torch.where(predicted == expected, 0, (predicted - expected).abs())
    return float(apart.nan_to_num(0, math.inf).max())


def open_onnx(path: Path) -> Run:
    """The graph of an ONNX file, in ONNX Runtime on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # As many as torch uses; a thread for each core would slow other processes down.
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what fails is raised
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(inputs: dict[str, Tensor]) -> Heads:
        predicted = session.run(names, {name: value.numpy() for name, value in inputs.items()})
        return {name: torch.from_numpy(v) for name, v in zip(names, predicted, strict=True)}

    return run


OPEN: dict[Format, Callable[[Path], Run]] = {
    "onnx": open_onnx,
    "torch": lambda path: torch.export.load(path).module(),
}
