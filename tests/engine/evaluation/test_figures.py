"""Pictures of few classes and of many, and axes that can be read, whatever the numbers are."""

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kindling.errors import short
from kindling.evaluation.class_figures import (
    MOST,
    Counts,
    draw_confusion,
    draw_per_class,
    hardest,
    tally,
)
from kindling.evaluation.number_figures import brief, draw_predicted


def counts(classes: int) -> Counts:
    """Mostly right, each class in its own measure."""
    rng = np.random.default_rng(0)
    wrong: Counts = rng.integers(0, 3, (classes, classes)) * (rng.random((classes, classes)) < 0.1)
    return wrong + np.diag(rng.integers(1, 20, classes))


@pytest.mark.parametrize("classes", [3, 30])
def test_all_classes_are_named_and_counted(classes: int) -> None:
    count, names = counts(classes), [f"kind {k}" for k in range(classes)]
    assert hardest(tally(count)).tolist() == list(range(classes))
    axes = draw_confusion(count, names).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels() if tick.get_text()] == names
    written = {}
    for text in axes.texts:
        column, row = (int(place) for place in text.get_position())
        written[row, column] = int(text.get_text().partition("\n")[0].replace(",", ""))
    assert all(count[place] == number for place, number in written.items())
    assert sum(written.values()) == count.sum()
    axes = draw_per_class(tally(count), names).axes[0]
    labels = [tick.get_text() for tick in axes.get_yticklabels()]
    assert labels == [f"kind {k} ({count[k].sum()})" for k in range(classes)]


def test_of_very_many_the_worst_are_drawn() -> None:
    count, names = np.diag(np.full(100, 10)), [f"kind {k}" for k in range(100)]
    for k in (5, 50, 95):
        count[k, k], count[k, k - 1] = 4, 6
    count[70] = 0  # does not occur
    shown = hardest(tally(count))
    assert len(shown) == MOST
    assert {5, 50, 95, 4, 49, 94} <= set(shown)
    assert 70 not in shown
    assert (np.diff(shown) > 0).all()
    matrix, bars = draw_confusion(count, names), draw_per_class(tally(count), names)
    assert matrix.axes[0].get_title() == "Confusion matrix: the worst 40 of 100"
    assert bars.axes[0].get_title(loc="left") == "Scores by class: the worst 40 of 100"
    assert max(*matrix.get_size_inches(), *bars.get_size_inches()) < 16
    rectangles = {round(bar.get_width(), 2) for bar in bars.axes[0].patches}
    assert 0.57 in rectangles, "F1 of a class that is found 4 times of 10"


def ticks(figure: Figure) -> list[list[str]]:
    """What stands at the ticks of each axis, where formulas are not drawn."""
    with rc_context({"text.parse_math": False}):
        FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    shown = []
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        every = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        texts = [tick.label1.get_text() for tick in every if low <= tick.get_loc() <= high]
        shown.append([text for text in texts if text])
    return shown


@pytest.mark.parametrize(
    ("low", "high"), [(30_000, 5_000_000), (320_000, 410_000), (0.01, 0.5), (1, 1e9), (7, 7.1)]
)
def test_logarithmic_axes_have_plain_numbers_and_nothing_is_cut_off(
    low: float, high: float
) -> None:
    truth = np.geomspace(low, high, 20)
    figure = draw_predicted(truth, truth * 1.01, "price", log=True)
    for texts in ticks(figure):
        assert 2 <= len(texts) <= 30
        assert len(set(texts)) == len(texts)
        assert not any(sign in text for text in texts for sign in "${}\\")
    page, drawn = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert page.x0 <= drawn.x0 < drawn.x1 <= page.x1
    assert page.y0 <= drawn.y0 < drawn.y1 <= page.y1


def test_numbers_as_a_person_reads_them() -> None:
    texts = [brief(value) for value in (0.02, 500, 1000, 20_000, 1.5e6, -2e3)]
    assert texts == ["0.02", "500", "1k", "20k", "1.5M", "\N{MINUS SIGN}2k"]
    texts = [short(value) for value in (0.123456, 0.0, 999.96, -149696.6, 3.85e6, 1.23e-7)]
    assert texts == ["0.1235", "0", "1000", "-149,697", "3,850,000", "1.23e-07"]
