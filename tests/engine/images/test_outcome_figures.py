"""Pictures of what was predicted of photos, and whose photos are shown."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from kindling.data.dataset import FieldDataset
from kindling.data.targets import IGNORE_INDEX
from kindling.images.outcome_figures import PhotoOutcome
from kindling.training.module import EvalOutput

NUMBERS = {"predicted", "error_bands", "largest_errors"}
CLASSES = {"confusion_matrix", "per_class", "worst_mistakes"}


class Batch(NamedTuple):
    image: Tensor
    indices: Tensor


def outcome(target: Tensor, prediction: Tensor, views: int | None = None) -> PhotoOutcome:
    """Of samples in reversed order, photo number 2k being the first of sample k."""
    rows = len(target)
    images = torch.arange(2 * rows).byte()[:, None, None, None].expand(-1, 3, 8, 8).contiguous()
    index = 2 * torch.arange(rows)
    if views is not None:
        index = index[:, None].expand(-1, 2)[:, :views] + torch.arange(views)
    dataset: FieldDataset[Any] = FieldDataset(Batch, {"image": index}, {"image": images})
    result = EvalOutput(torch.arange(rows).flip(0), {"y": prediction}, {"y": target}, {})
    return PhotoOutcome(dataset, "image", [f"a/{k}.jpg" for k in range(rows)], result)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("views", [None, 1, 2])
def test_the_photos_of_the_largest_errors_come_first(views: int | None, log: bool) -> None:
    true = torch.from_numpy(np.random.default_rng(0).uniform(1e5, 1e6, 40)).float()
    predicted = 1.1 * true
    predicted[17] = true[17] / 9
    true[3] = torch.nan
    figures = outcome(true, predicted, views).draw_numbers("y", "asked", log)
    assert set(figures) == NUMBERS
    (page,) = figures["largest_errors"].axes
    if log:
        assert int(page.images[0].get_array()[0, 0, 0]) == 2 * (39 - 17)
        assert page.texts[0].get_text().endswith("(-89%)\n17.jpg")
    (axes,) = figures["predicted"].axes
    assert axes.get_xscale() == axes.get_yscale() == ("log" if log else "linear")
    assert axes.get_xlabel() == "true asked"
    assert axes.get_title() == "39 samples"


def test_the_surest_mistakes_come_first() -> None:
    target = torch.tensor([0, 1, 2, IGNORE_INDEX, 1])
    predicted = torch.eye(3)[[0, 2, 2, 0, 0]] * 0.7 + 0.1
    predicted[4] = torch.tensor([0.9, 0.05, 0.05])
    figures = outcome(target, predicted).draw_classes("y", ["ash", "birch", "cedar"])
    assert set(figures) == CLASSES
    (page,) = figures["worst_mistakes"].axes
    texts = [text.get_text() for text in page.texts]
    assert texts == [
        "birch (5%)\ntaken for ash (90%)\n4.jpg",
        "birch (10%)\ntaken for cedar (80%)\n1.jpg",
    ]
    assert [int(image.get_array()[0, 0, 0]) for image in page.images] == [0, 6]


def test_a_page_without_mistakes() -> None:
    figures = outcome(torch.tensor([0, 1]), torch.eye(2)).draw_classes("y", ["ash", "birch"])
    (page,) = figures["worst_mistakes"].axes
    assert not page.images


def test_without_a_known_target_nothing_is_drawn() -> None:
    nothing = torch.full((4,), torch.nan)
    assert outcome(nothing, torch.ones(4)).draw_numbers("y", "age") == {}
    unknown = torch.full((4,), IGNORE_INDEX)
    assert outcome(unknown, torch.ones(4, 2) / 2).draw_classes("y", ["a", "b"]) == {}


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_pictures_of_a_few_samples_without_photos(rows: int) -> None:
    true = torch.arange(1.0, rows + 1)
    figures = outcome(true, true + 1, views=0).draw_numbers("y", "price", log=True)
    assert set(figures) == NUMBERS - {"largest_errors"}
    for figure in figures.values():
        figure.canvas.draw()
