"""What counts as a difference."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MetricCollection

from kindling.tools.export.parity import differences
from kindling.training.metrics import Head, Heads

HEADS = {
    "share": Head(MetricCollection([MeanAbsoluteError()]), ("no", "yes")),
    "price": Head(MetricCollection([MeanAbsoluteError()])),
}
SHARE, PRICE = [0.5, 0.25], [-2000.0, 10.0]


def found(share: Any = SHARE, price: Any = PRICE, expected: Any = PRICE) -> dict[str, float]:
    outputs = {"share": torch.tensor(share), "price": torch.tensor(price)}
    wanted = {"share": torch.tensor(SHARE), "price": torch.tensor(expected)}

    def run(inputs: dict[str, Tensor]) -> Heads:
        return {name: value[: len(inputs["x"])] for name, value in outputs.items()}

    return differences(run, {"x": torch.zeros(2, 3)}, wanted, HEADS)


@pytest.mark.parametrize(
    ("outputs", "share", "price"),
    [
        ({}, 0, 0),
        ({"share": [0.5, 0.2501]}, 1e-4, 0),
        ({"price": [-2000.0, 10.5]}, 0, 0.5 / 2000),
        ({"price": [math.nan, 10.0]}, 0, math.inf),
        ({"price": [-2000.0, math.inf]}, 0, math.inf),
        ({"price": [[-2000.0], [10.0]]}, 0, math.inf),
        ({"price": [math.nan, math.inf], "expected": [math.nan, math.inf]}, 0, 0),
    ],
)
def test_probabilities_differ_as_they_are_and_other_outputs_by_their_scale(
    outputs: dict[str, Any], share: float, price: float
) -> None:
    values = found(**outputs)
    assert values == pytest.approx({"share": share, "price": price}, rel=1e-3)


def test_a_fault_in_one_batch_size_alone_is_found() -> None:
    def run(inputs: dict[str, Tensor]) -> Heads:
        size = len(inputs["x"])
        return {"share": torch.tensor(SHARE)[:size] + (size == 1)}

    inputs = {"x": torch.zeros(2, 3)}
    assert differences(run, inputs, {"share": torch.tensor(SHARE)}, HEADS) == {"share": 1}
