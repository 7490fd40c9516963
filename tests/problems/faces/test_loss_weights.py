"""One loss out of several: as weighted, or by weights that are learned."""

import numpy as np
import pytest
import torch

from kindling.errors import UserError
from problems.faces.heads import LossWeights

WEIGHTS = {"identity": 1.0, "age": 2.0}


def losses(**values: float) -> dict[str, torch.Tensor]:
    return {head: torch.tensor(value) for head, value in values.items()}


def test_learned_weights_come_to_half_the_inverse_of_the_loss() -> None:
    weights = LossWeights(WEIGHTS, "uncertainty")
    optimizer = torch.optim.Adam(weights.parameters(), 0.05)
    given, there = losses(identity=0.05, age=4.0), losses(identity=3, age=3)
    assert weights(given, there).item() == pytest.approx(0.05 + 8 - np.log(2) / 2)
    for _ in range(400):
        optimizer.zero_grad()
        weights(given, there).backward()
        optimizer.step()
    assert weights.by_head() == pytest.approx({"identity": 10, "age": 0.125}, rel=1e-3)


def test_a_head_without_targets_has_nothing_to_be_sure_of() -> None:
    weights = LossWeights(WEIGHTS, "uncertainty")
    weights(losses(identity=0.0, age=4.0), losses(identity=0, age=3)).backward()
    assert weights.shift.grad is not None
    assert weights.shift.grad[0] == 0 != weights.shift.grad[1]


def test_fixed_weights_have_no_parameters() -> None:
    weights = LossWeights(WEIGHTS, "fixed")
    assert not list(weights.parameters())
    assert weights.by_head() == pytest.approx(WEIGHTS)
    assert weights(losses(identity=3.0, age=4.0), {}).item() == pytest.approx(11)


def test_no_weight_is_0() -> None:
    with pytest.raises(UserError, match=r"age_weight=0: must be above 0; or --model.use_age=fal"):
        LossWeights({"age": 0}, "fixed")
