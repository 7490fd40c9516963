import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kindling.training.module import EvalOutput
from problems.potability.figures import calibration, draw, roc

Values = NDArray[np.float64]


@pytest.fixture
def probability() -> Values:
    """Many of them equal."""
    return np.random.default_rng(0).integers(0, 50, 2003) / 50


@pytest.fixture
def positive(probability: Values) -> NDArray[np.bool_]:
    """As often as the probabilities say."""
    return np.random.default_rng(1).random(2003) < probability


def test_roc_is_the_rates_at_each_threshold(
    positive: NDArray[np.bool_], probability: Values
) -> None:
    false, true = roc(positive, probability)
    called = probability >= np.append(np.inf, np.unique(probability)[::-1])[:, None]
    np.testing.assert_allclose(true, called[:, positive].mean(1))
    np.testing.assert_allclose(false, called[:, ~positive].mean(1))


def test_bins_hold_all_samples_in_order_of_probability(
    positive: NDArray[np.bool_], probability: Values
) -> None:
    mean, share, count = calibration(positive, probability)
    assert count.tolist() == [201] * 3 + [200] * 7
    assert (np.diff(mean) > 0).all()
    assert (mean * count).sum() == pytest.approx(probability.sum())
    assert (share * count).sum() == pytest.approx(positive.sum())
    np.testing.assert_allclose(mean, share, atol=0.1)


@pytest.mark.parametrize("labels", [[1], [0], [1, 1, 1], [0, 1, 1, 1]])
def test_pictures_of_a_few_samples(labels: list[int]) -> None:
    targets, predictions = torch.tensor(labels), torch.full((len(labels),), 0.6)
    outcome = EvalOutput(
        torch.arange(len(labels)), {"potability": predictions}, {"potability": targets}, {}
    )
    figures = draw(outcome, "safe")
    assert list(figures) == ["confusion_matrix", "roc", "calibration"]
    for figure in figures.values():
        figure.canvas.draw()
    texts = [
        text.get_text().partition("\n")[0] for text in figures["confusion_matrix"].axes[0].texts
    ]
    assert texts == ["0", str(labels.count(0)), "0", str(labels.count(1))]
