"""What counts as a difference, and what goes into a graph."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from torchmetrics import MeanAbsoluteError, MetricCollection

from kindling.errors import UserError
from kindling.tools.export import check
from kindling.tools.export.served import Served
from kindling.training.metrics import Head, Heads
from kindling.training.module import Module

HEADS = {
    "share": Head(MetricCollection([MeanAbsoluteError()]), ("no", "yes")),
    "price": Head(MetricCollection([MeanAbsoluteError()])),
}
EXPECTED = {"share": torch.tensor([0.5, 0.25]), "price": torch.tensor([-2000.0, 10.0])}
INPUTS = {"x": torch.zeros(2, 3)}


def found(**said: Any) -> dict[str, float]:
    outputs = {name: torch.as_tensor(said.get(name, value)) for name, value in EXPECTED.items()}

    def run(inputs: dict[str, Tensor]) -> Heads:
        return {name: value[: len(inputs["x"])] for name, value in outputs.items()}

    return check.shares(check.differences(run, INPUTS, EXPECTED), EXPECTED, HEADS)


def test_the_same_is_no_difference() -> None:
    assert found() == {"share": 0, "price": 0}


def test_probabilities_as_they_are_and_other_outputs_by_their_scale() -> None:
    values = found(share=[0.5, 0.2501], price=[-2000.0, 10.5])
    assert values["share"] == pytest.approx(1e-4, rel=1e-3)
    assert values["price"] == pytest.approx(0.5 / 2000)


@pytest.mark.parametrize(
    "said", [[math.nan, 10.0], [[-2000.0], [10.0]], [-2000.0, math.inf]], ids=str
)
def test_what_is_no_number_or_of_another_shape_is_apart(said: Any) -> None:
    assert found(price=said)["price"] == math.inf


def test_what_is_no_number_in_both_is_the_same() -> None:
    nothing = {"price": torch.tensor([math.nan, math.inf])}
    apart = check.differences(lambda inputs: {"price": nothing["price"][: len(inputs["x"])]},
                              INPUTS, nothing)  # fmt: skip
    assert check.shares(apart, nothing, HEADS) == {"price": 0}


def test_a_fault_in_one_batch_size_alone_is_found() -> None:
    def run(inputs: dict[str, Tensor]) -> Heads:
        size = len(inputs["x"])
        return {name: value[:size] + (size == 1) for name, value in EXPECTED.items()}

    assert float(check.differences(run, INPUTS, EXPECTED)["share"]) == 1


@pytest.mark.parametrize("value", [1.1e-4, math.inf, math.nan])
def test_above_the_limit_is_refused(value: float) -> None:
    check.refuse({"price": 1e-4}, "onnx", Path("run"))
    with pytest.raises(UserError, match=r"model\.onnx differs .* in price"):
        check.refuse({"price": value}, "onnx", Path("run"))


@pytest.mark.parametrize(("samples", "sizes"), [(1, [1]), (2, [1, 2]), (100, [1, 2, 100])])
def test_batch_sizes(samples: int, sizes: list[int]) -> None:
    assert check.sizes(samples) == sizes


class Batch(NamedTuple):
    window: Tensor
    calendar: Tensor
    target: Tensor
    place: Tensor


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
    inputs = {name: value[:2] for name, value in served.fields(batch(calendar)).items()}
    assert served(inputs)["price"].tolist() == [3.0 + calendar] * 2


def test_a_model_that_looks_at_nothing() -> None:
    class Nothing(Sum):
        def predict(self, batch: Batch) -> Heads:
            return {"price": torch.zeros(3)}

    with pytest.raises(UserError, match="predicts from no field of a batch"):
        Served(Nothing(), batch(2))
