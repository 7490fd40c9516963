"""Axes that can be read, whatever the numbers are."""

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kindling.evaluation.number_figures import brief, draw_predicted


def labels(figure: Figure) -> list[list[str]]:
    """What stands at the ticks of each axis, where formulas are not drawn."""
    with rc_context({"text.parse_math": False}):
        FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    shown = []
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        shown.append([t.label1.get_text() for t in ticks if low <= t.get_loc() <= high])
    return [[text for text in texts if text] for texts in shown]


@pytest.mark.parametrize(
    ("low", "high"), [(30_000, 5_000_000), (320_000, 410_000), (0.01, 0.5), (1, 1e9), (7, 7.1)]
)
def test_logarithmic_axes_have_plain_numbers(low: float, high: float) -> None:
    truth = np.geomspace(low, high, 20)
    for texts in labels(draw_predicted(truth, truth * 1.01, "price", log=True)):
        assert 2 <= len(texts) <= 30
        assert len(set(texts)) == len(texts)
        assert not any(sign in text for text in texts for sign in "${}\\")


def test_nothing_is_cut_off() -> None:
    figure = draw_predicted(np.geomspace(2e4, 9e8, 20), np.geomspace(2e4, 9e8, 20), "price", True)
    FigureCanvasAgg(figure).draw()
    page, drawn = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert page.x0 <= drawn.x0 < drawn.x1 <= page.x1
    assert page.y0 <= drawn.y0 < drawn.y1 <= page.y1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.02, "0.02"), (500, "500"), (1000, "1k"), (20_000, "20k"), (1.5e6, "1.5M"), (-2e3, "-2k")],
)
def test_round_numbers_are_brief(value: float, text: str) -> None:
    assert brief(value).replace("\N{MINUS SIGN}", "-") == text
