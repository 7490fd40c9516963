"""Pictures of few classes and of many."""

import numpy as np
import pytest

from kindling.evaluation.class_figures import MOST, Counts, draw_confusion, draw_per_class, hardest


def counts(classes: int, seed: int = 0) -> Counts:
    """Mostly right, each class in its own measure."""
    rng = np.random.default_rng(seed)
    wrong: Counts = rng.integers(0, 3, (classes, classes)) * (rng.random((classes, classes)) < 0.1)
    return wrong + np.diag(rng.integers(1, 20, classes))


@pytest.mark.parametrize("classes", [3, 30])
def test_all_classes_are_named_and_counted(classes: int) -> None:
    count, names = counts(classes), [f"kind {k}" for k in range(classes)]
    axes = draw_confusion(count, names).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels() if tick.get_text()] == names
    written = {}
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        written[row, column] = int(text.get_text().partition("\n")[0].replace(",", ""))
    assert all(count[place] == number for place, number in written.items())
    assert sum(written.values()) == count.sum()
    bars = draw_per_class(count, names).axes[0]
    labels = [tick.get_text() for tick in bars.get_yticklabels()]
    assert labels == [f"kind {k} ({count[k].sum()})" for k in range(classes)]


def test_of_very_many_the_worst_are_drawn() -> None:
    count, names = np.diag(np.full(100, 10)), [f"kind {k}" for k in range(100)]
    for k in (5, 50, 95):
        count[k, k], count[k, k - 1] = 4, 6
    count[70] = 0  # does not occur
    shown = hardest(count)
    assert len(shown) == MOST
    assert {5, 50, 95, 4, 49, 94} <= set(shown)
    assert 70 not in shown
    assert (np.diff(shown) > 0).all()
    matrix, bars = draw_confusion(count, names), draw_per_class(count, names)
    assert matrix.axes[0].get_title() == "Confusion matrix: the worst 40 of 100"
    assert bars.axes[0].get_title(loc="left") == "By class: the worst 40 of 100"
    assert max(*matrix.get_size_inches(), *bars.get_size_inches()) < 16
    rectangles = {round(bar.get_width(), 2) for bar in bars.axes[0].patches}
    assert 0.57 in rectangles, "F1 of a class that is found 4 times of 10"


def test_few_classes_are_all_shown() -> None:
    assert hardest(counts(7)).tolist() == list(range(7))
