import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kindling.training.module import EvalOutput
from problems.potability.figures import calibration, draw, roc

Sample = tuple[NDArray[np.bool_], NDArray[np.float64]]


@pytest.fixture
def sample() -> Sample:
    """Probabilities, many of them equal, that are right as often as they say."""
    rng = np.random.default_rng(0)
    probability = rng.integers(0, 50, 2003) / 50
    return rng.random(2003) < probability, probability


def test_roc_is_the_rates_at_each_threshold(sample: Sample) -> None:
    positive, probability = sample
    false, true = roc(positive, probability)
    thresholds = np.append(np.inf, np.unique(probability)[::-1])
    for k, threshold in enumerate(thresholds):
        called = probability >= threshold
        assert true[k] == pytest.approx(called[positive].mean())
        assert false[k] == pytest.approx(called[~positive].mean())
    assert len(true) == len(thresholds)


def test_bins_hold_all_samples_in_order_of_probability(sample: Sample) -> None:
    positive, probability = sample
    mean, share, count = calibration(positive, probability)
    assert count.tolist() == [201] * 3 + [200] * 7
    assert (np.diff(mean) > 0).all()
    assert (mean * count).sum() == pytest.approx(probability.sum())
    assert (share * count).sum() == pytest.approx(positive.sum())
    np.testing.assert_allclose(mean, share, atol=0.1)


def outcome(positive: NDArray[np.bool_], probability: NDArray[np.float64]) -> EvalOutput:
    targets = torch.from_numpy(positive.astype(np.int64))
    predictions = torch.from_numpy(probability).float()
    head = "potability"
    return EvalOutput(torch.arange(len(targets)), {head: predictions}, {head: targets}, {})


def test_the_confusion_matrix_counts_each_sample(sample: Sample) -> None:
    positive, probability = sample
    (axes,) = draw(outcome(*sample), "safe")["confusion_matrix"].axes
    shown = [int(text.get_text().partition("\n")[0].replace(",", "")) for text in axes.texts]
    called = probability > 0.5
    cells = [(a, p) for a in (False, True) for p in (False, True)]
    assert shown == [int(((positive == a) & (called == p)).sum()) for a, p in cells]
    assert axes.get_xlabel() == "predicted safe"


@pytest.mark.parametrize("positive", [[True], [False], [True, True, True]])
def test_pictures_of_a_few_samples_of_one_class(positive: list[bool]) -> None:
    figures = draw(outcome(np.array(positive), np.full(len(positive), 0.5)), "Potability")
    assert list(figures) == ["confusion_matrix", "roc", "calibration"]
    for figure in figures.values():
        figure.canvas.draw()
