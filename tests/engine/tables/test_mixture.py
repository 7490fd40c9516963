"""Models of the same target, weighted by rows that none was fitted to."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import one_hot

from kindling.tables.mixture import PRIOR, ClassMixture, NumberMixture

ROWS = 400
ONE = torch.ones(ROWS)


def logits_and_target() -> tuple[list[Tensor], Tensor]:
    """A model that knows something, one that knows less, and one that is sure of what is wrong."""
    torch.manual_seed(0)
    target = torch.randint(3, (ROWS,))
    known, noise = one_hot(target, 3).float(), torch.randn(2, ROWS, 3)
    return [2 * known + noise[0], known + noise[1], 5 * known.roll(1, 1)], target


def test_the_likeliest_mixture_of_two_is_found() -> None:
    logits, target = logits_and_target()
    mixture = ClassMixture(2)
    mixture.fit(logits[:2], target, ONE)
    true = [np.exp(each.log_softmax(1).numpy())[np.arange(ROWS), target] for each in logits[:2]]

    def unlikely(share: float) -> float:
        likelihood = np.log(share * true[0] + (1 - share) * true[1]).sum()
        return float(-likelihood - PRIOR * (np.log(share) + np.log(1 - share)))

    best = minimize_scalar(unlikely, bounds=(0.001, 0.999), method="bounded").x
    np.testing.assert_allclose(mixture.weights[0], best, atol=1e-2)
    share = mixture.weights[0]
    expected = share * logits[0].softmax(1) + (1 - share) * logits[1].softmax(1)
    torch.testing.assert_close(mixture(logits[:2]).exp(), expected)


def test_a_model_that_errs_hardly_counts_and_few_rows_say_little() -> None:
    logits, target = logits_and_target()
    mixture = ClassMixture(3)
    torch.testing.assert_close(mixture.weights, torch.full((3,), 1 / 3))
    mixture.fit(logits, target, ONE)
    assert mixture.weights[2] < 0.05 < mixture.weights[1] < mixture.weights[0]
    mixture.fit([each[:2] for each in logits], target[:2], torch.ones(2))
    assert mixture.weights.min() > 0.25


def test_rows_count_by_their_weight() -> None:
    logits, target = logits_and_target()
    twice, once = ClassMixture(2), ClassMixture(2)
    half = torch.arange(ROWS) < ROWS // 2
    twice.fit([each[half].repeat(2, 1) for each in logits[:2]], target[half].repeat(2), ONE)
    once.fit(logits[:2], target, 2.0 * half)
    torch.testing.assert_close(twice.weights, once.weights)


def test_numbers_are_weighted_by_their_errors() -> None:
    torch.manual_seed(0)
    target, noise = torch.randn(ROWS, 2), torch.randn(2, ROWS, 2)
    noise[1, :, 1] *= 5  # the second model errs on the second target
    values = [target + noise[0], target + noise[1]]
    mixture = NumberMixture(2, 2)
    torch.testing.assert_close(mixture(values), torch.stack(values).mean(0))
    mixture.fit(values, target, ONE)
    assert 0.3 < mixture.weights[0, 0] < 0.7
    assert mixture.weights[0, 1] > 0.9
    torch.testing.assert_close(mixture.weights.sum(0), torch.ones(2))
    errors = (mixture(values) - target).square().mean(0)
    assert (errors <= torch.stack([n.square().mean(0) for n in noise]).amin(0) * 1.01).all()
