"""Tests of the page of photos, and of what is drawn of a split."""

import numpy as np
import pytest
import torch

from kindling.data.dataset import FieldDataset
from kindling.evaluation.photo_figures import MOST, PhotoOutcome, draw_photos
from kindling.images import ImageBatch
from kindling.training.module import EvalOutput


@pytest.mark.parametrize("count", [0, 5, MOST + 3])
def test_each_photo_lies_on_the_page_below_its_caption(count: int) -> None:
    photos = torch.arange(count).byte()[:, None, None, None].expand(-1, 3, 8, 8)
    captions = [f"taken for {k}\n{k}.jpg" for k in range(count)]
    figure = draw_photos("The worst", zip(photos, captions, strict=True))
    (page,) = figure.axes
    width, height = figure.get_size_inches()
    corners = []
    for image, text, photo in zip(page.get_images(), page.texts, photos, strict=False):
        np.testing.assert_array_equal(image.get_array(), photo.permute(1, 2, 0))
        left, right, low, high = image.get_extent()
        assert 0 <= left < right <= width
        assert 0 <= low < high < height
        assert text.get_position() == pytest.approx((left, high), abs=0.1)
        corners.append((round(high, 3), -round(left, 3)))
    assert corners == sorted(corners, reverse=True)  # from the top left
    assert len(set(corners)) == len(page.texts) == min(count, MOST)
    assert [text.get_text() for text in page.texts] == captions[:MOST]


@pytest.mark.parametrize("views", [(), (2,)])
@pytest.mark.parametrize("wrong", [0, 2])
def test_a_split_without_mistakes_has_its_pictures_too(wrong: int, views: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    index = torch.arange(4).reshape(-1, *[1] * len(views)).expand(4, *views)
    photos = FieldDataset(ImageBatch, {"image": index, "label": index}, {"image": images})
    label, years = torch.tensor([0, 1, 2, -1]), torch.tensor([1.0, 2.0, 3.0, torch.nan])
    probability = torch.eye(3)[[2, 0, 2, 0] if wrong else [0, 1, 2, 0]]
    predictions, targets = {"kind": probability, "age": years + 1}, {"kind": label, "age": years}
    outcome = EvalOutput(torch.arange(4), predictions, targets, {})
    drawn = PhotoOutcome(photos, "image", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], outcome)
    figures = drawn.draw_classes("kind", ["x", "y", "z"])
    assert set(figures) == {"confusion_matrix", "per_class", "worst_mistakes"}
    assert len(figures["worst_mistakes"].axes[0].texts) == wrong
    numbers = drawn.draw_numbers("age", "years")
    assert set(numbers) == {"predicted", "largest_errors"}
    assert len(numbers["largest_errors"].axes[0].texts) == 3
