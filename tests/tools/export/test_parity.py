"""What counts as a difference."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MetricCollection

from kindling.errors import UserError
from kindling.tools.export import program
from kindling.training.metrics import Head, Heads

HEADS = {
    "share": Head(MetricCollection([MeanAbsoluteError()]), ("no", "yes")),
    "price": Head(MetricCollection([MeanAbsoluteError()])),
}
SHARE, PRICE = [0.5, 0.25], [-2000.0, 10.0]


@pytest.mark.parametrize(
    ("outputs", "differs"),
    [
        ({}, None),
        ({"share": [0.5, 0.25009]}, None),
        ({"share": [0.5, 0.2502]}, "share"),
        ({"price": [-2000.0, 10.1]}, None),  # by the scale of the largest
        ({"price": [-2000.0, 10.5]}, "price"),
        ({"price": [math.nan, 10.0]}, "price"),
        ({"price": [-2000.0, math.inf]}, "price"),
        ({"price": [[-2000.0], [10.0]]}, "price"),
        ({"price": [math.nan, math.inf], "expected": [math.nan, math.inf]}, None),
    ],
)
def test_probabilities_differ_as_they_are_and_other_outputs_by_their_scale(
    outputs: dict[str, Any], differs: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {
        name: torch.tensor(outputs.get(name, v)) for name, v in (("share", SHARE), ("price", PRICE))
    }
    wanted = {"share": torch.tensor(SHARE), "price": torch.tensor(outputs.get("expected", PRICE))}

    def predict(form: str, path: Path, inputs: dict[str, Tensor]) -> Heads:
        return {name: value[: len(inputs["x"])] for name, value in found.items()}

    monkeypatch.setattr(program, "predict", predict)
    inputs = {"x": torch.zeros(2, 3)}
    if differs is None:
        program.verify("torch", Path("model.pt2"), inputs, wanted, HEADS)
        return
    with pytest.raises(UserError, match=f"model.pt2 differs from the checkpoint in {differs}: not"):
        program.verify("torch", Path("model.pt2"), inputs, wanted, HEADS)


def test_a_fault_in_one_batch_size_alone_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(form: str, path: Path, inputs: dict[str, Tensor]) -> Heads:
        size = len(inputs["x"])
        return {"share": torch.tensor(SHARE)[:size] + (size == 1)}

    monkeypatch.setattr(program, "predict", predict)
    wanted = {"share": torch.tensor(SHARE)}
    with pytest.raises(UserError, match="in share"):
        program.verify("torch", Path("model.pt2"), {"x": torch.zeros(2, 3)}, wanted, HEADS)
