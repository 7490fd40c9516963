from typing import Any

import numpy as np
import pytest
import torch

from kindling.training.module import EvalOutput
from problems.prices.figures import draw
from problems.prices.offers import PriceDataset

NAMES = {"predicted", "error_bands", "largest_errors"}


def drawn(rows: int, log: bool = True, views: int = 2, wild: int = 0) -> dict[str, Any]:
    """Figures of rows whose errors grow; ``wild`` is the row with the largest."""
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.uniform(1e5, 1e6, rows)).float()
    said = truth * 1.1
    said[wild] = truth[wild] / 9
    images = torch.arange(2 * rows).byte()[:, None, None, None].expand(-1, 3, 8, 8).contiguous()
    index = torch.arange(2 * rows).reshape(rows, 2)[:, :views]
    none = torch.zeros(rows, 0)
    offers = PriceDataset(images, index, none, none.long(), truth, torch.arange(rows), {})
    outcome = EvalOutput(torch.arange(rows), {"price": said}, {"price": truth}, {})
    names = {"row": list(range(rows)), "house": [f"h{k}" for k in range(rows)]}
    return dict(draw("price", "asked", log, offers, names, outcome))


def test_the_photos_of_the_largest_errors_come_first() -> None:
    figures = drawn(40, wild=17)
    assert set(figures) == NAMES
    (page,) = figures["largest_errors"].axes
    assert int(page.images[0].get_array()[0, 0, 0]) == 2 * 17
    assert "row 17, house h17" in page.texts[0].get_text()
    assert "(-89%)" in page.texts[0].get_text()


def test_axes_are_logarithmic_as_the_price_is() -> None:
    for log, scale in ((True, "log"), (False, "linear")):
        (axes,) = drawn(40, log)["predicted"].axes
        assert axes.get_xscale() == axes.get_yscale() == scale
        assert axes.get_xlabel() == "true asked"


@pytest.mark.parametrize("rows", [2, 3, 9])
def test_pictures_of_a_few_rows_without_photos(rows: int) -> None:
    figures = drawn(rows, views=0)
    assert set(figures) == NAMES - {"largest_errors"}
    for figure in figures.values():
        figure.canvas.draw()
