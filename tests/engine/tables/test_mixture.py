"""Models of the same classes, weighted by other rows."""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from kindling.tables.mixture import PRIOR, Mixture

ROWS = 400


def logits_and_target() -> tuple[list[torch.Tensor], torch.Tensor]:
    """A model that knows something, one that knows less, and one that is sure of what is wrong."""
    torch.manual_seed(0)
    target = torch.randint(3, (ROWS,))
    known = torch.nn.functional.one_hot(target, 3).float()
    noise = torch.randn(2, ROWS, 3)
    return [2 * known + noise[0], known + noise[1], 5 * known.roll(1, 1)], target


def test_the_likeliest_mixture_of_two_is_found() -> None:
    logits, target = logits_and_target()
    mixture = Mixture(2)
    mixture.fit(logits[:2], target, torch.ones(ROWS))
    true = [np.exp(each.log_softmax(1).numpy())[np.arange(ROWS), target] for each in logits[:2]]

    def unlikely(share: float) -> float:
        likelihood = np.log(share * true[0] + (1 - share) * true[1]).sum()
        return float(-likelihood - PRIOR * (np.log(share) + np.log(1 - share)))

    best = minimize_scalar(unlikely, bounds=(0.001, 0.999), method="bounded").x
    np.testing.assert_allclose(mixture.weights[0], best, atol=1e-3)
    expected = best * logits[0].softmax(1) + (1 - best) * logits[1].softmax(1)
    torch.testing.assert_close(mixture(logits[:2]).exp(), expected, atol=1e-3, rtol=0)


def test_a_model_that_errs_hardly_counts_and_few_rows_say_little() -> None:
    logits, target = logits_and_target()
    mixture = Mixture(3)
    torch.testing.assert_close(mixture.weights, torch.full((3,), 1 / 3))
    mixture.fit(logits, target, torch.ones(ROWS))
    assert mixture.weights[2] < 0.05 < mixture.weights[1] < mixture.weights[0]
    mixture.fit([each[:2] for each in logits], target[:2], torch.ones(2))
    assert mixture.weights.min() > 0.3


def test_rows_count_by_their_weight() -> None:
    logits, target = logits_and_target()
    twice, once = Mixture(2), Mixture(2)
    half = torch.arange(ROWS) < ROWS // 2
    twice.fit([each[half].repeat(2, 1) for each in logits[:2]], target[half].repeat(2),
              torch.ones(ROWS))  # fmt: skip
    once.fit(logits[:2], target, 2.0 * half)
    torch.testing.assert_close(twice.weights, once.weights)
