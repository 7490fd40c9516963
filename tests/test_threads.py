"""The number of threads, by models whose steps take as long as the test says."""

import time
from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import MeanSquaredError, MetricCollection

from kindling import threads
from kindling.module import Module
from kindling.scores import Head, Heads, Step


class Timed(Module):
    """Takes so many seconds a step by the number of threads."""

    def __init__(self, seconds: Mapping[int, float]) -> None:
        super().__init__({"y": Head(MetricCollection([MeanSquaredError()]))}, lr=0.1)
        self.seconds, self.net = seconds, nn.Linear(1, 1)

    def step(self, batch: Tensor) -> Step:
        time.sleep(self.seconds[torch.get_num_threads()])
        noise = torch.rand(())
        return Step(self.net(batch).mean() + noise, {}, {})

    def predict(self, batch: Tensor) -> Heads:
        return {}

    def baselines(self, batch: Tensor) -> Mapping[str, Heads]:
        return {}


@pytest.fixture(autouse=True)
def _two(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(threads, "BUDGET", 0.0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 0.02, 2: 0.002}, 2),
        ({1: 0.002, 2: 0.02}, 1),
        ({1: 0.02, 2: 0.02}, 1),
        ({1: 1.1 * threads.LARGE}, 2),
    ],
)
def test_several_threads_must_be_faster_or_the_step_large(
    seconds: Mapping[int, float], chosen: int
) -> None:
    assert threads.fastest(Timed(seconds), torch.ones(4, 1)) == chosen


def test_nothing_is_left_changed() -> None:
    model = Timed({1: 0.0, 2: 0.0})
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    threads.fastest(model, torch.ones(4, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.get_num_threads() == 2


def test_one_thread_leaves_no_choice() -> None:
    torch.set_num_threads(1)
    assert threads.fastest(Timed({}), torch.ones(4, 1)) == 1
