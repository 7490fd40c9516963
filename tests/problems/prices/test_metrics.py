import numpy as np
import pytest
import torch

from problems.prices.metrics import MedianAbsolutePercentageError


@pytest.mark.parametrize("size", [1, 2, 7, 100, 101])
@pytest.mark.parametrize("parts", [1, 3])
def test_against_numpy(size: int, parts: int) -> None:
    rng = np.random.default_rng(size)
    truth = rng.uniform(1, 100, size) * rng.choice([-1, 1], size)
    said = truth * rng.uniform(0, 3, size)
    metric = MedianAbsolutePercentageError()
    for part in np.array_split(np.arange(size), min(parts, size)):
        metric.update(torch.from_numpy(said[part]), torch.from_numpy(truth[part]))
    assert metric.compute().item() == pytest.approx(np.median(np.abs(said - truth) / np.abs(truth)))


def test_a_new_epoch_starts_afresh() -> None:
    metric = MedianAbsolutePercentageError()
    metric.update(torch.tensor([5.0]), torch.tensor([1.0]))
    metric.reset()
    metric.update(torch.tensor([3.0]), torch.tensor([2.0]))
    assert metric.compute() == 0.5


def test_a_truth_of_zero_is_no_division_by_zero() -> None:
    metric = MedianAbsolutePercentageError()
    assert metric(torch.tensor([1.0]), torch.tensor([0.0])).isfinite()
    assert metric(torch.tensor([0.0]), torch.tensor([0.0])) == 0
