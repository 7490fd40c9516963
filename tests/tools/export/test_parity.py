"""What counts as a difference, and what goes into a graph."""

import math
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MetricCollection

from kindling.errors import UserError
from kindling.tools.export.parity import differences
from kindling.tools.export.program import Served
from kindling.training.metrics import Head, Heads
from kindling.training.module import Module

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


class Batch(NamedTuple):
    window: Tensor
    calendar: Tensor
    target: Tensor
    indices: Tensor


class Sum(Module):
    """Looks at two fields of four."""

    def __init__(self) -> None:
        super().__init__({"price": HEADS["price"]}, lr=1.0)

    def step(self, batch: Batch) -> Any:
        raise NotImplementedError

    def baselines(self, batch: Batch) -> Any:
        raise NotImplementedError

    def predict(self, batch: Batch) -> Heads:
        return {"price": torch.cat([batch.window, batch.calendar], 1).sum(1)}


def batch(calendar: int) -> Batch:
    return Batch(torch.ones(5, 3), torch.ones(5, calendar), torch.zeros(5), torch.arange(5))


@pytest.mark.parametrize(("calendar", "names"), [(2, ["window", "calendar"]), (0, ["window"])])
def test_inputs_are_what_is_looked_at_and_not_empty(calendar: int, names: list[str]) -> None:
    served = Served(Sum(), batch(calendar))
    assert served.inputs == names
    inputs = {name: getattr(batch(calendar), name)[:2] for name in names}
    assert served(inputs)["price"].tolist() == [3.0 + calendar] * 2


def test_a_model_that_looks_at_nothing() -> None:
    class Nothing(Sum):
        def predict(self, batch: Batch) -> Heads:
            return {"price": torch.zeros(3)}

    with pytest.raises(UserError, match="predicts from no field of a batch"):
        Served(Nothing(), batch(2))
